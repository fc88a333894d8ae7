"""Two processes on one database, and people who edit meanwhile: each row is done once, by one of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.errors import DeckError
from authdeck.operations import edit_accounts
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.storage import opening, tables
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from fakes.crowd import Bulk, crowd
from fakes.people import ANN, BOB

PEOPLE = 120


@pytest_asyncio.fixture
async def other(desk: Desk, database_url: str, clock: Clock) -> AsyncIterator[Desk]:
    """A second process: memory, connections and boot of its own, the same database and keys."""
    database = opening.control(database_url, clock)
    settings = desk.settings
    made = Desk(settings, clock, "c" * 32, database, desk.vault, ChangeFeed(), Directory(), desk.calls)
    await Mirror(made, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))).load()
    yield made
    database.close()


@pytest.fixture(params=["postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite's home belongs to one process."""
    url: str = request.getfixturevalue("postgresql_url")
    return url


async def versions(desk: Desk) -> dict[str, int]:
    asked = select(tables.accounts.c.auth_index, tables.accounts.c.version)
    return {row.auth_index: row[1] for row in await desk.read(lambda c: c.execute(asked).all())}


async def rows_done(desk: Desk) -> dict[str, int]:
    items = tables.batch_items
    asked = (
        select(tables.accounts.c.auth_index, func.count())
        .join(items, items.c.account == tables.accounts.c.key)
        .where(items.c.outcome == "done")
        .group_by(tables.accounts.c.auth_index)
    )
    return {row.auth_index: row[1] for row in await desk.read(lambda c: c.execute(asked).all())}


async def test_one_of_two_carries_a_batch_out(desk: Desk, other: Desk) -> None:
    indexes = await crowd(desk, PEOPLE)
    ours, theirs = Bulk(desk, chunk=7), Bulk(other, chunk=7)
    begun = asyncio.ensure_future(ours.change(indexes, priority=5))  # noqa: TID251 - two callers at once
    for _ in range(40):
        await theirs.runner.resume()
        await asyncio.sleep(0)
    batch = await begun
    assert (batch.status, dict(batch.counts)) == ("completed", {"done": PEOPLE})
    assert set((await versions(desk)).values()) == {2}


async def test_a_process_that_lost_its_lease_does_nothing_more(desk: Desk, other: Desk) -> None:
    """It slept longer than its lease; meanwhile another took over. Whatever it still does is fenced off."""
    indexes = await crowd(desk, PEOPLE)
    ours, theirs = Bulk(desk, chunk=3), Bulk(other, chunk=3)
    begun = asyncio.ensure_future(ours.change(indexes, priority=5))  # noqa: TID251 - see above

    def run_out(connection: WriteConnection) -> None:
        connection.execute(update(tables.leases).values(until=datetime(2020, 1, 1, tzinfo=UTC)))

    while not (running := await other.read(reading.running)):
        pass
    await other.write(run_out)
    await theirs.runner.carry_on(running[0])
    batch = await begun
    await theirs.ended(batch)
    assert dict((await theirs.stored(batch)).counts) == {"done": PEOPLE}
    assert await rows_done(desk) == dict.fromkeys(indexes, 1)
    assert set((await versions(desk)).values()) == {2}


async def test_edits_batches_and_undos_at_once_leave_rows_whole(desk: Desk, other: Desk) -> None:
    indexes = await crowd(desk, PEOPLE)
    ours, theirs = Bulk(desk, chunk=9), Bulk(other, chunk=11)
    edits = dict.fromkeys(indexes, 0)

    async def edit(where: Desk, every: int) -> None:
        for number, index in enumerate(indexes[::every]):
            try:
                before = await edit_accounts.edit(where, index, BOB, {"note": f"{every} {number}"}, version=None)
            except DeckError:
                continue
            edits[before.account.auth_index] += 1

    async def change_and_undo(bulk: Bulk, value: int, order: list[str]) -> None:
        batch = await bulk.change(order, priority=value, note=f"batch {value}")
        undone = await bulk.batches.undo(batch.id, ANN)
        assert (batch.status, undone.status) == ("completed", "completed")

    await asyncio.gather(
        change_and_undo(ours, 5, indexes),
        change_and_undo(theirs, 6, indexes[::-1]),
        edit(desk, 2),
        edit(other, 3),
    )
    done = await rows_done(desk)
    assert await versions(desk) == {index: 1 + edits[index] + done.get(index, 0) for index in indexes}


async def test_an_undo_takes_no_edit_back_that_was_made_meanwhile(desk: Desk, other: Desk) -> None:
    """Before the undo comes to a row or after: what the person wrote is what stands, and the rest is as before."""
    indexes = await crowd(desk, PEOPLE)
    batch = await Bulk(desk).change(indexes, priority=5, note="batch", weight=7)
    early = dict.fromkeys(indexes[::10], "early")
    for index, note in early.items():
        await edit_accounts.edit(other, index, BOB, {"note": note}, version=None)
    written = dict(early)

    async def edit(where: Desk, mine: list[str]) -> None:
        for number, index in enumerate(mine):
            await edit_accounts.edit(where, index, BOB, {"note": f"Bob's {number}"}, version=None)
            written[index] = f"Bob's {number}"

    undone, _ = await asyncio.gather(
        Bulk(other, chunk=3).undo(batch),
        asyncio.gather(edit(desk, indexes[5::10]), edit(other, indexes[-2::-10])),
    )
    assert undone[0].counts == {"done": PEOPLE}
    asked = select(*(tables.accounts.c[name] for name in ("auth_index", "note", "priority", "weight")))
    found = {row.auth_index: row[1:] for row in await desk.read(lambda c: c.execute(asked).all())}
    assert found == {index: (written.get(index, ""), 0, 1) for index in indexes}
    left = {item.auth_index: set(item.differs or ()) for item in undone[1] if item.differs}
    assert set(early) <= set(left) <= set(written)
    assert set(map(frozenset, left.values())) == {frozenset({"note"})}


async def test_the_same_key_at_once_is_one_batch(desk: Desk, other: Desk) -> None:
    indexes = await crowd(desk, 5)
    made = await asyncio.gather(*(Bulk(one).change(indexes, key="k", weight=3) for one in (desk, other, desk, other)))
    assert len({batch.id for batch in made}) == 1
    assert set((await versions(desk)).values()) == {2}
