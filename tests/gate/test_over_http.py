"""The gate in a real server on loopback: what an in-process client can't show."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest_asyncio
import uvicorn

from authdeck.gate.authenticate import Gate
from authdeck.gate.routes import guard
from authdeck.secret import Secret
from authdeck.tasks import start
from gate.conftest import Done, management, sign_in


@pytest_asyncio.fixture
async def address(gate: Gate, done: Done) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    app = guard(management(done), gate)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = start(server.serve([listening]), name="server")
    while not server.started:  # noqa: ASYNC110 - uvicorn tells by a flag alone
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving
    listening.close()


async def test_it_works(address: str, ann: Secret) -> None:
    async with httpx2.AsyncClient(base_url=address) as browser:
        token = await sign_in(browser, ann)
        form = {"csrf": token}
        own = await browser.post("/auth-files", data=form, headers={"origin": address})
        foreign = await browser.post("/auth-files", data=form, headers={"origin": "https://evil.example"})
        renamed = await browser.get("/auth-files", headers={"host": "evil.example"})
    assert (own.status_code, foreign.status_code, renamed.status_code) == (200, 403, 421)


async def test_an_upload_arrives_whole(address: str, ann: Secret) -> None:
    async with httpx2.AsyncClient(base_url=address) as browser:
        data = {"csrf": await sign_in(browser, ann)}
        answer = await browser.post("/upload", data=data, files={"file": ("ann.json", b"x" * 3_000_000)})
    assert answer.json() == {"name": "ann.json", "size": 3_000_000}


async def test_a_websocket_is_turned_away(address: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    writer.write(
        b"GET /auth-files HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert not status.startswith(b"HTTP/1.1 101")
