"""Two processes on one PostgreSQL that say the same of the same accounts at the same moment: it is said once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest_asyncio
from sqlalchemy import func, select

from authdeck.candidate import Status
from authdeck.hold import Hold, Owner
from authdeck.ids import new_request_id
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.observe import Failed, Observer
from authdeck.operations.reconcile import settle_all
from authdeck.providers import PROVIDERS
from authdeck.storage import opening, tables
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.desks import desk_on
from fakes.shops import new_vault

REVOKED = b'{"error": {"code": "token_revoked", "message": "Encountered invalidated oauth token"}}'
ROUNDS = 20


@dataclass
class Pair:
    """Two desks that share everything but their memory."""

    one: Desk
    two: Desk
    clock: SetClock

    async def sign_in(self, count: int) -> list[str]:
        files = [(f"p{n}.json", codex(f"p{n}@example.com", f"acc-fake-{n}")) for n in range(count)]
        return [str(row.auth_index) for row in (await take_in(self.one, *files)).items]

    def at_once(self, work: Callable[[WriteConnection], bool]) -> list[bool]:
        """The work in two transactions that are both open when either begins to ask."""
        both_open = threading.Barrier(2)

        def in_one(desk: Desk) -> bool:
            def working(connection: WriteConnection) -> bool:
                connection.execute(select(1))
                both_open.wait(30)
                return work(connection)

            return desk.database.write_now(working)

        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(in_one, (self.one, self.two)))


@pytest_asyncio.fixture
async def pair(clock: SetClock, tmp_path: Path, postgresql_url: str) -> AsyncIterator[Pair]:
    databases, vault = [opening.control(postgresql_url, clock) for _ in range(2)], new_vault()
    one, two = [await desk_on(database, vault, clock, tmp_path) for database in databases]
    yield Pair(one, replace(two, boot="c" * 32), clock)
    for database in databases:
        database.close()


async def test_of_two_that_place_a_hold_one_opens_it_and_the_other_brings_it_up_to_date(pair: Pair) -> None:
    (index,) = await pair.sign_in(1)
    key = by_name(pair.one, index).account.key
    for number in range(ROUNDS):
        hold = Hold(Owner.OPERATOR, f"code_{number}", pair.clock.now(), actor="ann")
        opened = await asyncio.to_thread(pair.at_once, lambda connection, hold=hold: holds.place(connection, key, hold))
        assert sorted(opened) == [False, True]
    counted = select(func.count()).select_from(tables.holds)
    assert await pair.one.read(lambda connection: connection.execute(counted).scalar_one()) == ROUNDS


async def test_a_hold_that_was_released_meanwhile_is_opened_anew(pair: Pair) -> None:
    (index,) = await pair.sign_in(1)
    key = by_name(pair.one, index).account.key
    hold = Hold(Owner.OPERATOR, "manual", pair.clock.now(), actor="ann")

    def place_or_release(connection: WriteConnection) -> bool:
        is_new = holds.place(connection, key, hold)
        if is_new:
            holds.release(connection, key, Owner.OPERATOR, by="ann", at=pair.clock.now())
        return is_new

    assert await asyncio.to_thread(pair.at_once, place_or_release) == [True, True]


async def test_both_see_the_same_failures_and_write_them_down_once(pair: Pair) -> None:
    indexes = (await pair.sign_in(30))[:3]  # automation may hold every tenth account of a provider
    observers = [Observer(desk) for desk in (pair.one, pair.two)]
    for observer, order in zip(observers, (indexes, indexes[::-1]), strict=True):
        for index in order:
            account = by_name(pair.one, index).account
            verdict = PROVIDERS[account.provider].read_failure(401, {}, REVOKED, pair.clock.now(), "gpt-5")
            observer.failed(Failed(account, 1, verdict, {}, REVOKED, new_request_id(0).hex()))
    await asyncio.gather(*(observer.flush() for observer in observers))
    found = await pair.one.read(
        lambda connection: (
            [tuple(row) for row in connection.execute(select(tables.evidence.c.account, tables.evidence.c.count))],
            connection.execute(select(tables.holds.c.account).where(tables.holds.c.released_at.is_(None))).all(),
            connection.execute(
                select(tables.candidates.c.account).where(tables.candidates.c.status == Status.PENDING.value)
            ).all(),
        )
    )
    evidence, open_holds, queue = found
    assert sorted(count for _, count in evidence) == [2, 2, 2]
    assert (len(open_holds), len(queue)) == (3, 3)


async def test_both_share_the_bounds_and_the_incident(pair: Pair) -> None:
    """Every tenth account at most, whoever of the two sees it first."""
    indexes = await pair.sign_in(40)
    observers = [Observer(desk) for desk in (pair.one, pair.two)]
    for observer, mine in zip(observers, (indexes[::2], indexes[1::2]), strict=True):
        for index in mine:
            account = by_name(pair.one, index).account
            verdict = PROVIDERS[account.provider].read_failure(401, {}, REVOKED, pair.clock.now(), "gpt-5")
            observer.failed(Failed(account, 1, verdict, {}, REVOKED, new_request_id(0).hex()))
    await asyncio.gather(*(observer.flush() for observer in observers))
    held = select(func.count()).select_from(tables.holds).where(tables.holds.c.released_at.is_(None))
    told = select(tables.incidents.c.subject, tables.incidents.c["count"])
    found = await pair.one.read(
        lambda connection: (
            connection.execute(held).scalar_one(),
            [tuple(row) for row in connection.execute(told)],
        )
    )
    assert found == (4, [("codex:token_revoked", 36)])


async def test_both_settle_the_same_accounts(pair: Pair) -> None:
    indexes = await pair.sign_in(30)
    for _ in range(ROUNDS):
        done = await asyncio.gather(settle_all(pair.one, indexes), settle_all(pair.two, indexes[::-1]))
        assert done == [30, 30]
