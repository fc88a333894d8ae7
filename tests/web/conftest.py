"""The console with its accounts, and a client that keeps cookies as a browser does."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio

from fakes.house import House, build

HERE = "http://127.0.0.1:8417"


@dataclass
class Visitor:
    """Fills in forms' tokens from the page last seen."""

    client: httpx2.AsyncClient
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        answer = await self.client.get(path, headers={"accept": "text/html", **headers})
        if found := re.search(r'name="csrf" value="([^"]+)"', answer.text):
            self.csrf = found[1]
        return answer

    async def post(self, path: str, htmx: bool = False, **fields: Any) -> httpx2.Response:
        headers = {"accept": "text/html", **({"hx-request": "true"} if htmx else {})}
        return await self.client.post(path, data={"csrf": self.csrf, **fields}, headers=headers)

    async def sign_in(self, house: House) -> None:
        """As the first operator."""
        await self.get("/sign-in")
        await self.post("/sign-in", admin_key=house.admin_key)
        await self.get("/auth-files")


@asynccontextmanager
async def visiting(house: House) -> AsyncIterator[Visitor]:
    transport = httpx2.ASGITransport(app=house.app)
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        yield Visitor(client)


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with build(tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def stranger(house: House) -> AsyncIterator[Visitor]:
    async with visiting(house) as made:
        yield made


@pytest_asyncio.fixture
async def ann(house: House, stranger: Visitor) -> Visitor:
    """Signed in as the first operator."""
    await stranger.sign_in(house)
    return stranger


async def weight(client: httpx2.AsyncClient, address: str, headers: dict[str, Any] | None = None) -> int:
    """Bytes of the answer's body as they travel."""
    asked = {"accept": "text/html", "accept-encoding": "gzip", **(headers or {})}
    async with client.stream("GET", address, headers=asked) as answer:
        assert answer.status_code == 200
        return sum([len(piece) async for piece in answer.aiter_raw()])
