"""Two processes on one PostgreSQL ask a provider no faster than one would."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import select, update

from authdeck import tasks
from authdeck.account import Provider
from authdeck.clock import from_micros
from authdeck.operations.desk import Desk
from authdeck.operations.quota_pace import Pace
from authdeck.operations.shared_turns import LONGEST, SharedTurns
from authdeck.secret import Secret
from authdeck.storage import opening
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import changes
from authdeck.storage.tables import leases
from authdeck.storage.writing.refreshing import database_now, take_lease
from fakes.clock import SetClock
from fakes.desks import desk_on
from fakes.shops import new_vault

AT_ONCE = 2


@pytest_asyncio.fixture
async def desks(clock: SetClock, tmp_path: Path, postgresql_url: str) -> AsyncIterator[list[Desk]]:
    databases = [opening.control(postgresql_url, clock) for _ in range(2)]
    vault = new_vault()
    made = [await desk_on(database, vault, clock, tmp_path) for database in databases]
    for number, desk in enumerate(made):
        desk.boot = str(number) * 32
    yield made
    for database in databases:
        database.close()


def paces(desks: list[Desk], apart: float = 0) -> list[Pace]:
    return [Pace(AT_ONCE, apart, SharedTurns(desk, AT_ONCE, apart)) for desk in desks]


async def test_both_together_ask_no_more_at_once_than_one(desks: list[Desk]) -> None:
    inside: list[int] = []
    most = 0

    async def ask(pace: Pace, desk: Desk) -> None:
        nonlocal most
        async with pace.turn(Provider.CODEX, None):
            inside.append(1)
            most = max(most, len(inside))
            for _ in range(3):  # as long as others need to look for a place
                await desk.read(changes.newest)
            inside.pop()

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(ask(pace, desk) for pace, desk in zip(paces(desks), desks, strict=True) for _ in range(6))
        )
    assert most == AT_ONCE


async def test_a_place_is_found_as_soon_as_one_is_left(desks: list[Desk]) -> None:
    here, there = paces(desks)
    leave, came = asyncio.Event(), asyncio.Event()

    async def stay() -> None:
        async with here.turn(Provider.CODEX, None):
            await leave.wait()

    async def come() -> None:
        async with there.turn(Provider.CODEX, None):
            came.set()

    staying = [tasks.start(stay(), name="turn") for _ in range(AT_ONCE)]
    async with asyncio.timeout(60):
        while await _taken(desks[0], "quota:codex:") < AT_ONCE:
            await desks[0].read(changes.newest)
        coming = tasks.start(come(), name="turn")
        async with there.turn(Provider.CODEX, Secret("http://u:p@127.0.0.1:9")), there.turn(Provider.XAI, None):
            assert not came.is_set()  # another egress and another provider are other lanes
        leave.set()
        await asyncio.gather(coming, *staying)


async def test_starts_are_apart_for_all_of_them(desks: list[Desk]) -> None:
    """Whoever begins takes the start for so long; nobody begins before that has ended."""
    here, there = paces(desks, apart=3600)
    async with here.turn(Provider.CODEX, None):
        pass
    coming = tasks.start(_once(there), name="turn")
    await _once(paces(desks, apart=0)[1])  # there are places
    assert not coming.done()
    await desks[0].write(
        lambda c: c.execute(update(leases).where(leases.c.name.like("%:start")).values(until=from_micros(0)))
    )
    async with asyncio.timeout(60):
        await coming


async def test_places_of_a_process_that_died_come_back(desks: list[Desk]) -> None:
    def work(connection: WriteConnection) -> None:
        for number in range(AT_ONCE):
            assert take_lease(connection, f"quota:codex::{number}", "d" * 32, LONGEST) is not None

    await desks[0].write(work)
    coming = tasks.start(_once(paces(desks)[1]), name="turn")
    await _once_of(desks[1], Provider.XAI)
    assert not coming.done()
    await desks[1].write(lambda c: c.execute(update(leases).values(until=from_micros(0))))
    async with asyncio.timeout(60):
        await coming


async def test_whoever_gives_up_keeps_no_place(desks: list[Desk]) -> None:
    """However far the taking has come when the question is called off."""
    pace = paces(desks)[0]
    for looks in range(6):
        asking = tasks.start(_once(pace), name="turn")
        for _ in range(looks):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    there = paces(desks)[1]
    async with asyncio.timeout(60), there.turn(Provider.CODEX, None), there.turn(Provider.CODEX, None):
        assert await _taken(desks[1], "quota:codex:") == AT_ONCE  # a place that nobody leaves would be missing


async def _once(pace: Pace) -> None:
    async with pace.turn(Provider.CODEX, None):
        pass


async def _once_of(desk: Desk, provider: Provider) -> None:
    async with SharedTurns(desk, AT_ONCE, 0).turn(f"quota:{provider.value}:"):
        pass


async def _taken(desk: Desk, lane: str) -> int:
    """Places held now."""
    return await desk.read(
        lambda c: len(
            c.execute(
                select(leases.c.name).where(leases.c.name.like(f"{lane}%"), leases.c.until > database_now(c))
            ).all()
        )
    )
