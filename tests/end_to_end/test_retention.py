"""Retention in a process that serves: whatever it meets, requests are answered, recorded and seen, and sums stay."""

import asyncio
import html
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import structlog
import uvicorn
from sqlalchemy import func, select

from authdeck import server, tasks
from authdeck.access import AUTOMATION, Role
from authdeck.clock import SystemClock
from authdeck.event import Failure, FailureKind
from authdeck.ids import new_request_id
from authdeck.jobs.runner import run
from authdeck.operations import client_keys
from authdeck.operations.import_files import Source, import_files
from authdeck.operations.terms import acknowledge
from authdeck.settings import load
from authdeck.simulator import Simulator
from authdeck.storage.tables import requests
from authdeck.storage.writing.requests import store
from end_to_end.test_damaged_request_log import destroy
from end_to_end.test_full_disk import fill
from fakes.disks import small_disk
from fakes.laid import lay
from fakes.people import ANN
from fakes.sign_ins import providers
from gate.conftest import bearer, key_for
from operations.test_requests_file import event

OLD = 6_000
"""Requests beyond what is kept: thirty steps of retention."""
OLDEST = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=10)
THEN = {"since": OLDEST.isoformat(), "until": (OLDEST + timedelta(days=2)).isoformat()}
"""When they were, in whole days."""


@dataclass
class Serving:
    """A whole server in this process, on a port of its own; ``asked`` are the ids of what it answered."""

    built: server.Built
    gateway: httpx2.AsyncClient
    management: httpx2.AsyncClient
    asked: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many of the old requests are still there."""
        ended = OLDEST + timedelta(days=2)
        old = select(func.count()).where(requests.c.at_ms < ended.timestamp() * 1000)
        return int(self.built.parts.monitoring.read_now(lambda c: c.execute(old).scalar_one()))

    @property
    def file(self) -> Path:
        return self.built.parts.monitoring.file

    def put_old(self, count: int = OLD) -> None:
        began, kinds = int(OLDEST.timestamp() * 1000), ("gpt-5", "gpt-5-mini", None)
        moments = [began + place * 25_000 for place in range(count)]
        some = [
            event(id=new_request_id(at), at_ms=at, model=kinds[place % 3], latency_ms=100 + place, **_odd(place))
            for place, at in enumerate(moments)
        ]
        self.built.parts.monitoring.write_now(lambda c: store(c, some, {}))

    async def keep(self) -> None:
        """What the timetable does about monitoring, as it does it."""
        for job in self.built._runner._jobs:
            if job.name in {"settle-requests", "prune-requests"}:
                await run(job)

    async def ask(self) -> None:
        answer = await self.gateway.post("/v1/responses", json={"model": "gpt-5.5", "input": "hello", "stream": True})
        assert answer.status_code == 200, answer.text
        assert "response.completed" in answer.text
        self.asked.append(answer.headers["x-authdeck-request-id"])

    async def get(self, path: str, **params: str) -> httpx2.Response:
        answer = await self.management.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer

    async def sums(self) -> list[Any]:
        """All that is told of the old requests' time and does not need the requests themselves."""
        whole = (await self.get("/api/v1/requests/summary", **THEN)).json()
        groups = [(await self.get("/api/v1/requests/groups", by=by, **THEN)).json() for by in ("model", "account")]
        return [whole["sums"], whole["times"], whole["parts"], whole["gaps"], *(each["items"] for each in groups)]

    async def shown(self) -> list[str]:
        """The requests on Monitoring's page, newest first."""
        return re.findall(r'id="request-([0-9a-f]{32})"', (await self.get("/monitoring")).text)

    async def known(self) -> set[str]:
        """All that are stored, old ones apart."""
        found: set[str] = set()
        asked = {"page_size": "200", "since": THEN["until"]}
        while True:
            page = (await self.get("/api/v1/requests", **asked)).json()
            found |= {row["id"] for row in page["items"]}
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]

    async def stored(self) -> None:
        """Returns when nothing waits for the store any more."""
        while self.built._recorder.waiting:
            await self.ask()


def _odd(place: int) -> dict[str, Any]:
    broken = {"status": 502, "failure": Failure(FailureKind.UPSTREAM, "broken", "x" * 300)}
    return broken if place % 7 == 0 else {"auth_index": "b" * 16 if place % 2 else "a" * 16}


class Live:
    """The monitoring page as it listens: how many requests it has been told of."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.count < count:
                self._more.clear()
                await self._more.wait()

    async def listen(self, client: httpx2.AsyncClient, address: str, after: str) -> None:
        """As a browser: a stream that ends is asked for again, from its last id on."""
        while True:
            async with client.stream("GET", address, params={"after": after}) as stream:
                assert stream.status_code == 200
                async for line in stream.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        after = value
                    elif name == "data":
                        self.count += int(value)
                        self._more.set()


@asynccontextmanager
async def live(serving: Serving) -> AsyncIterator[Live]:
    page = (await serving.get("/monitoring")).text
    [(address, after)] = re.findall(r'data-live="([^"]+)" data-after="(\d+)"', page)
    told = Live()
    listening = tasks.start(told.listen(serving.management, html.unescape(address), after), name="live")
    try:
        yield told
    finally:
        listening.cancel()
        await asyncio.wait([listening])


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    """Without the server's own set-up, each failure would be drawn with all its values, for a second."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where monitoring lies."""
    return tmp_path


@pytest_asyncio.fixture
async def serving(tmp_path: Path, place: Path, simulator: Simulator) -> AsyncIterator[Serving]:
    settings = load(
        {}, home=lay(tmp_path / "home"), monitoring_url=f"sqlite:///{place / 'monitoring.db'}",
        monitoring={"keep_days": 3}, providers=providers(simulator),
    )  # fmt: skip
    built = await server.build(settings, SystemClock())
    await built.start()
    await acknowledge(built.desk, "codex", ANN)
    await import_files(built.desk, [Source(*simulator.auth_file(simulator.account("codex", "ann@example.com")))], ANN)
    hers = await key_for(built.desk, "vera", Role.VIEWER)
    key = (await client_keys.create(built.desk, "ann's laptop", AUTOMATION)).key
    listening = socket.create_server(("127.0.0.1", 0))
    web = uvicorn.Server(uvicorn.Config(built.app, log_config=None, lifespan="off"))
    until_stopped = tasks.start(web.serve([listening]), name="server")
    client = partial(
        httpx2.AsyncClient, base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30, trust_env=False
    )
    try:
        async with client(headers=bearer(key)) as gateway, client(headers=bearer(hers)) as management:
            yield Serving(built, gateway, management)
    finally:
        web.should_exit = True
        await until_stopped
        await built.stop()


async def test_requests_are_served_and_seen_while_the_oldest_go(serving: Serving) -> None:
    serving.put_old()
    before, seen = await serving.sums(), set()
    assert before[0]["requests"] == OLD
    async with live(serving) as told:
        await serving.ask()
        await serving.stored()
        keeping = tasks.start(serving.keep(), name="retention")

        async def look() -> None:
            while not keeping.done():
                assert set(serving.asked) & set(await serving.shown())
                assert await serving.sums() == before

        async def ask() -> None:
            while not keeping.done():
                await serving.ask()
                seen.add(serving.left)

        await asyncio.gather(look(), ask())
        await serving.stored()
        await told.until(len(serving.asked))
    assert told.count == len(serving.asked)
    assert seen - {0, OLD}, "nothing was asked in the midst of it"
    assert serving.left == 0
    assert await serving.sums() == before
    assert await serving.known() == set(serving.asked)
    counts = serving.built._recorder.counts
    assert (counts.stored, counts.failures, counts.dropped) == (len(serving.asked), 0, 0)


class TestOnAFullDisk:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Path]:
        with small_disk(tmp_path / "disk", "12m") as disk:
            yield disk

    async def test_it_waits_for_room_and_nothing_is_lost(self, serving: Serving, place: Path) -> None:
        serving.put_old()
        before, ballast = await serving.sums(), place / "ballast"
        await serving.ask()
        await serving.stored()
        leave_no_room(serving.file, ballast)
        for _ in range(2):
            await serving.keep()  # as long as the disk is full it gets nowhere, and says so in the log
            await serving.ask()
            assert serving.asked[0] in await serving.shown()
        assert serving.left == OLD
        assert serving.built._recorder.counts.failures > 0
        assert await serving.sums() == before
        ballast.unlink()
        await serving.stored()
        await serving.keep()
        assert serving.left == 0
        assert await serving.sums() == before
        assert await serving.known() == set(serving.asked)


def leave_no_room(file: Path, ballast: Path) -> None:
    """Neither on the disk nor in the log beside the database, whose room would be used again."""
    with closing(sqlite3.connect(file)) as beside:
        while beside.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            pass  # the server is at it too, for a moment
    fill(ballast)


async def test_a_file_damaged_meanwhile_stops_neither_requests_nor_the_next_run(serving: Serving) -> None:
    serving.put_old()
    keeping = tasks.start(serving.keep(), name="retention")
    while serving.left == OLD:  # noqa: ASYNC110 - each turn asks the database
        await asyncio.sleep(0)
    assert serving.left, "it is over already"
    destroy(serving.file)
    async with asyncio.timeout(30):
        while not any(serving.file.parent.glob("monitoring.db.damaged-*")):
            await serving.ask()
    await keeping
    doubtful = len(serving.asked)  # some of them went with the file
    await serving.stored()
    await serving.ask()
    await serving.stored()
    assert {*serving.asked[doubtful:]} <= await serving.known() <= {*serving.asked}
    assert {gap["why"] for gap in (await serving.get("/api/v1/requests/summary")).json()["gaps"]} == {"damaged"}
    serving.put_old(10)
    await serving.keep()
    assert serving.left == 0
