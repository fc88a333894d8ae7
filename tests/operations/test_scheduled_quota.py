"""Scheduled questions: off unless a setting says so, spread over the time, no oftener than it says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from authdeck.operations import disable
from authdeck.operations.scheduled_quota import ScheduledQuota
from authdeck.storage import opening
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.people import ANN
from fakes.quota_queries import queries_of
from fakes.shops import Shop, new_vault, open_shop, simulated


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock, AUTHDECK_QUOTA__PACE="0", AUTHDECK_QUOTA__EVERY__CODEX="3600") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            made.index = await made.take_in()
            yield made
    database.close()


async def test_each_is_asked_once_an_interval_and_not_all_at_once(shop: Shop, clock: SetClock) -> None:
    for number in range(20):
        await shop.take_in(shop.simulator.account("codex", f"p{number}@example.com"))
    await shop.take_in(shop.simulator.account("claude", "bob@example.com"))
    job, counts = ScheduledQuota(shop.desk, queries_of(shop.desk)), []
    for _ in range(61):
        counts.append(await job.run())
        clock.move(minutes=1)
    seen = shop.simulator.seen("/wham/usage")
    assert len({one.account for one in seen}) == 21
    assert 21 <= sum(counts) == len(seen) < 30
    assert max(counts) < 10  # by chance, as their auth_index is: five in a minute come up now and then
    assert shop.simulator.seen("/api/oauth/usage") == []


async def test_a_restart_does_not_ask_again_before_it_is_due(shop: Shop, clock: SetClock) -> None:
    await queries_of(shop.desk).query_quota(shop.index)
    again = ScheduledQuota(shop.desk, queries_of(shop.desk))
    clock.move(minutes=50)
    assert await again.run() == 0
    clock.move(minutes=20)
    assert await again.run() == 1


async def test_who_is_switched_off_is_not_asked(shop: Shop, clock: SetClock) -> None:
    await disable.disable(shop.desk, shop.index, ANN, reason="on leave")
    job = ScheduledQuota(shop.desk, queries_of(shop.desk))
    clock.move(hours=2)
    assert await job.run() == 0


async def test_an_ended_token_is_not_renewed_for_it(shop: Shop, clock: SetClock) -> None:
    job = ScheduledQuota(shop.desk, queries_of(shop.desk))
    await shop.expired()
    assert await job.run() == 1
    assert shop.calls() == 0
    clock.move(minutes=1)
    assert await job.run() == 0  # nor is it tried again every minute


async def test_two_that_find_the_same_due_ask_once(shop: Shop, clock: SetClock) -> None:
    """The second one gets its turn when the first has asked already."""
    one, other = (ScheduledQuota(shop.desk, queries_of(shop.desk)) for _ in range(2))
    clock.move(hours=2)
    await asyncio.gather(one.run(), other.run())
    await other.run()
    assert len(shop.simulator.seen("/wham/usage")) == 1


async def test_one_process_at_a_time_asks(shop: Shop, clock: SetClock) -> None:
    one, other = (ScheduledQuota(shop.desk, queries_of(shop.desk)) for _ in range(2))
    clock.move(hours=2)
    fence = await shop.desk.write(one._take_turn)
    assert fence is not None
    assert await other.run() == 0


async def test_two_processes_ask_each_once(clock: SetClock, tmp_path: Path, postgresql_url: str) -> None:
    databases, vault = [opening.control(postgresql_url, clock) for _ in range(2)], new_vault()
    with simulated(clock, AUTHDECK_QUOTA__PACE="0", AUTHDECK_QUOTA__EVERY__CODEX="3600") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with (
            open_shop(simulator, clock, tmp_path, databases[0], vault, ann, "1") as one,
            open_shop(simulator, clock, tmp_path, databases[1], vault, ann, "2") as two,
        ):
            for number in range(12):
                await one.take_in(simulator.account("codex", f"p{number}@example.com"))
            await two.mirror.load()
            jobs = [ScheduledQuota(shop.desk, queries_of(shop.desk)) for shop in (one, two)]
            clock.move(minutes=61)
            counts = [await asyncio.gather(*(job.run() for job in jobs)) for _ in range(2)]
    for database in databases:
        database.close()
    assert sum(map(sum, counts)) == 12
    assert len(simulator.seen("/wham/usage")) == len({seen.account for seen in simulator.seen("/wham/usage")}) == 12
