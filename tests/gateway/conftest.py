"""A whole gateway over real sockets: real databases, real vault, simulated providers on loopback."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import uvicorn

from authdeck import settings, tasks
from authdeck.access import AUTOMATION
from authdeck.clock import Clock, SystemClock
from authdeck.directory import Directory
from authdeck.event import RequestEvent
from authdeck.gateway import sockets
from authdeck.gateway.app import Gateway
from authdeck.operations import client_keys, upstreams
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.import_files import Source, import_files
from authdeck.operations.lend import Lender
from authdeck.operations.observe import Observer
from authdeck.operations.record import Recorder
from authdeck.operations.refresh import Refresher
from authdeck.operations.terms import acknowledge
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.simulator import Account, Simulator
from authdeck.storage import opening
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import page
from authdeck.upstream.calls import Calls
from authdeck.upstream.connections import Connections
from authdeck.upstream.origins import Approval, Origins
from authdeck.upstream.sessions import Sessions
from authdeck.upstream.sockets import Sockets
from authdeck.upstream.streams import Streams
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.laid import lay
from fakes.people import ANN

SUBSCRIPTIONS = ("codex", "claude", "antigravity", "kimi", "xai")


@dataclass
class House:
    """A running gateway and what a test needs to talk to it and to look inside."""

    simulator: Simulator
    desk: Desk
    pool: Pool
    lender: Lender
    refresher: Refresher
    gateway: Gateway
    monitoring: Any
    origins: Origins
    url: str
    client: aiohttp.ClientSession
    key: str
    observer: Observer
    keys: ClientKeys
    recorder: Recorder
    connections: Connections
    seen: list[RequestEvent] = field(default_factory=list)

    async def take_in(self, *accounts: Account, **extra: Any) -> list[str]:
        """Import the accounts' files; their auth indexes."""
        sources = [Source(*self.simulator.auth_file(account, **extra)) for account in accounts]
        report = await import_files(self.desk, sources, ANN)
        assert [row.reason for row in report.items] == [None] * len(accounts), report
        return [row.auth_index or "" for row in report.items]

    async def acknowledge(self, *providers: str) -> None:
        for provider in providers or SUBSCRIPTIONS:
            await acknowledge(self.desk, provider, ANN)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        given = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self.client.post(self.url + path, headers=self._with_key(headers), **given)

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(self.url + path, headers=self._with_key(headers))

    def _with_key(self, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return {"authorization": f"Bearer {self.key}", **named}

    async def events(self) -> list[RequestEvent]:
        """What is stored, newest first."""
        found = await self.monitoring.read(lambda connection: page(connection, RequestSearch()))
        return list(found.items)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest.fixture
def environment() -> dict[str, str]:
    """More settings of the gateway; a test gives its own by ``parametrize``."""
    return {}


@pytest.fixture
def house_clock() -> Clock:
    """The gateway's; a file of tests may have one that it sets. The simulated providers go by the real time."""
    return SystemClock()


@pytest.fixture
def patience() -> float:
    """Seconds that the end of an answer waits for its event: a busy machine is no reason to let go earlier."""
    return 30.0


@pytest_asyncio.fixture
async def house(
    request: pytest.FixtureRequest,
    simulator: Simulator,
    tmp_path: Path,
    environment: dict[str, str],
    house_clock: Clock,
    patience: float,
) -> AsyncIterator[House]:
    """Settings may be given as the fixture's parameter, too."""
    environment = {
        **simulator.settings(), "AUTHDECK_GATEWAY__CORS_ORIGINS": "https://app.example.com", **environment,
        **getattr(request, "param", {}),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        loaded = settings.load(home=tmp_path)
    clock = house_clock
    lay(tmp_path)
    control = opening.control(f"sqlite:///{tmp_path / 'authdeck.db'}", clock)
    monitoring = opening.monitoring(f"sqlite:///{tmp_path / 'monitoring.db'}", clock)
    sessions = Sessions(Origins(loaded.providers, own_host="127.0.0.1", own_port=1))
    vault = Vault.create(MasterKey.new()).vault
    desk = Desk(loaded, clock, "b" * 32, control, vault, ChangeFeed(), Directory(), Calls(sessions))
    pool = Pool(
        lambda account: PROVIDERS[account.provider].routes(account.kind) | sockets.routes(account, enabled=False)
    )
    await Mirror(desk, pool).load()
    lender = Lender(desk)
    refresher = Refresher(desk, lender)
    observer = Observer(desk)
    observer.start()
    recorder = Recorder(monitoring, clock, wait=patience)
    recorder.start()
    keys = ClientKeys(desk)
    await keys.start()
    key = await client_keys.create(desk, "ann's laptop", AUTOMATION)
    seen: list[RequestEvent] = []
    waits = loaded.gateway
    streams = Streams(sessions, first_byte_timeout=waits.first_byte_timeout, idle_timeout=waits.idle_timeout)
    gateway = Gateway(
        pool=pool, lender=lender, refresher=refresher, streams=streams, sockets=Sockets(sessions),
        recorder=recorder, observer=observer, client_keys=keys, settings=loaded, clock=clock, saw=seen.append,
    )  # fmt: skip
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            gateway, log_level="critical", access_log=False, lifespan="off", server_header=False, ws="websockets-sansio"
        )
    )
    serving = tasks.start(server.serve(sockets=[listening]), name="gateway")
    client = aiohttp.ClientSession(auto_decompress=False)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield House(
            simulator,
            desk,
            pool,
            lender,
            refresher,
            gateway,
            monitoring,
            sessions.origins,
            url,
            client,
            key.key.open(),
            observer,
            keys,
            recorder,
            sessions.connections,
            seen,
        )
    finally:
        await client.close()
        server.should_exit = True
        await serving
        await observer.close()
        await refresher.close()
        await recorder.close()
        await sessions.close()
        control.close()
        monitoring.close()


# ---- a provider that answers in odd ways ----

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
Raw = Callable[[Answer], Awaitable[None]]


@pytest_asyncio.fixture
async def raw(house: House) -> AsyncIterator[Raw]:
    """Take in an account of a provider that answers chat completions with exactly these bytes."""
    servers, writers = [], []

    async def start(answer: Answer) -> None:
        async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    await answer(head, writer)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        servers.append(await asyncio.start_server(serving, "127.0.0.1", 0))
        url = f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"
        await upstreams.approve(house.desk, url, ANN, private=True)
        house.origins.replace([(url, Approval(private=True, plain_http=True))])  # a whole server does it by itself
        document = {"type": "openai_compatible", "base_url": f"{url}/v1", "api_key": "sk_FAKE_odd"}
        report = await import_files(house.desk, [Source("odd.json", json.dumps(document).encode())], ANN)
        assert [row.reason for row in report.items] == [None]

    yield start
    for server in servers:
        server.close()
    for writer in writers:  # kept alive by the gateway
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
