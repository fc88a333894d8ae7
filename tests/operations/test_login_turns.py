"""Device logins of two processes on one PostgreSQL: one polls, and the other goes on when the first is gone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from sqlalchemy import update

from authdeck.clock import from_micros
from authdeck.operations.desk import Desk
from authdeck.operations.follow import Follower
from authdeck.operations.log_in import Logins
from authdeck.operations.login_beginning import Beginner
from authdeck.providers.signing_in import Way
from authdeck.simulator import Simulator
from authdeck.storage import opening, tables
from fakes.clock import SetClock
from fakes.people import ANN
from fakes.ports import FakePorts
from fakes.shops import new_vault
from fakes.sign_ins import Pauses, desk_at, until

HERE = Beginner(ANN, "session-of-ann")
TOKENS = "/kimi-auth/api/oauth/token"


@dataclass
class Process:
    desk: Desk
    logins: Logins
    pauses: Pauses


@dataclass
class Two:
    """Both processes. ``leave``: the first one's leases run out, as if it had been killed or slept for long."""

    one: Process
    two: Process
    simulator: Simulator

    async def leave(self) -> None:
        ended = update(tables.leases).values(until=from_micros(0))
        await self.two.desk.write(lambda connection: connection.execute(ended))


@pytest_asyncio.fixture
async def both(clock: SetClock, tmp_path: Path, postgresql_url: str) -> AsyncIterator[Two]:
    vault, databases = new_vault(), [opening.control(postgresql_url, clock) for _ in range(2)]
    with Simulator(clock).running() as simulator:
        async with (
            desk_at(simulator, databases[0], vault, clock, tmp_path) as first,
            desk_at(simulator, databases[1], vault, clock, tmp_path, boot="c" * 32) as second,
        ):
            made = []
            for desk in (first, second):
                pauses = Pauses(clock)
                made.append(Process(desk, Logins(desk, FakePorts(), pauses), pauses))
                await made[-1].logins.start()
            yield Two(made[0], made[1], simulator)
            for process in made:
                await process.logins.close()
    for database in databases:
        database.close()


async def test_nobody_takes_over_while_the_first_one_polls(both: Two) -> None:
    now = await both.one.logins.begin("kimi", HERE, way=Way.DEVICE)
    await both.one.pauses.next()

    await both.two.logins.take_over()
    both.one.pauses.go()
    await both.one.pauses.next()

    assert len(both.simulator.seen(TOKENS)) == 1
    assert (await both.two.logins.get(now.id, HERE)).status == "pending"


async def test_another_process_goes_on_when_the_first_is_gone(both: Two) -> None:
    now = await both.one.logins.begin("kimi", HERE, way=Way.DEVICE)
    await both.one.pauses.next()
    await both.leave()

    await both.two.logins.take_over()
    await both.two.pauses.next()
    both.simulator.approve(both.simulator.account("kimi", "ann@example.com"))
    both.two.pauses.go()
    done = await until(both.two.logins, now.id, HERE, "done")

    assert done.outcome == "new"
    both.one.pauses.go()  # the first one wakes up: it asks nobody any more
    follower = Follower(both.one.desk, both.one.logins.take_over)
    await follower.poll()
    assert len(both.simulator.seen(TOKENS)) == 1
    assert (await both.one.logins.get(now.id, HERE)).status == "done"


async def test_one_that_stopped_properly_is_taken_over_at_once(both: Two) -> None:
    now = await both.one.logins.begin("kimi", HERE, way=Way.DEVICE)
    await both.one.pauses.next()
    await both.one.logins.close()

    await both.two.logins.take_over()
    await both.two.pauses.next()
    both.simulator.approve(both.simulator.account("kimi", "ann@example.com"))
    both.two.pauses.go()

    assert (await until(both.two.logins, now.id, HERE, "done")).outcome == "new"


async def test_an_exchange_whose_process_is_gone_is_told_as_lost(both: Two) -> None:
    now = await both.one.logins.begin("codex", HERE)
    spent = update(tables.logins).where(tables.logins.c.id == now.id).values(status="exchanging", state_hash=None)
    await both.one.desk.write(lambda connection: connection.execute(spent))

    await both.two.logins.take_over()

    after = await both.two.logins.get(now.id, HERE)
    assert (after.status, after.error and after.error[0]) == ("failed", "login_interrupted")
