"""Spending a reset credit: once, however often and by however many it is said at the same time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import update

from authdeck.clock import from_micros
from authdeck.errors import DeckError
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.use_reset_credit import use_reset_credit
from authdeck.storage import opening
from authdeck.storage.tables import leases
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.people import ANN
from fakes.quota_queries import queries_of
from fakes.shops import Shop, new_vault, open_shop, simulated


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock, AUTHDECK_QUOTA__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        ann.reset_credits += [clock.now() + timedelta(days=days) for days in (20, 30)]
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            made.index = await made.take_in()
            yield made
    database.close()


@pytest.fixture
def queries(shop: Shop) -> QuotaQueries:
    return queries_of(shop.desk)


async def use(shop: Shop, queries: QuotaQueries, key: str | None = None) -> str:
    """How it ended: ``told``, or the code of why not."""
    try:
        answer = await use_reset_credit(shop.desk, queries, shop.index, ANN, confirmation=shop.index, key=key)
    except DeckError as error:
        return error.code
    return answer.outcome.value


async def a_minute_passes(shop: Shop) -> None:
    """By the database's clock, which nobody can set."""
    await shop.desk.write(lambda connection: connection.execute(update(leases).values(until=from_micros(0))))


async def test_said_twice_at_once_or_at_short_notice_one_is_used(shop: Shop, queries: QuotaQueries) -> None:
    both = await asyncio.gather(use(shop, queries), use(shop, queries))
    assert sorted(both) == ["reset_credit_just_used", "told"]
    assert await use(shop, queries) == "reset_credit_just_used"
    assert len(shop.simulator.seen("/consume")) == 1
    await a_minute_passes(shop)
    assert await use(shop, queries) == "told"
    assert shop.ann.reset_credits == []


async def test_what_is_said_with_the_same_key_counts_once(shop: Shop, queries: QuotaQueries) -> None:
    shop.simulator.fail(path="/consume", cut_after_events=0)
    assert await use(shop, queries, "key-1") == "reset_credit_unknown"
    assert await use(shop, queries, "key-1") == "reset_credit_just_used"
    await a_minute_passes(shop)
    assert await use(shop, queries, "key-1") == "told"
    assert len(shop.ann.reset_credits) == 1


async def test_a_refusal_uses_nothing_and_need_not_be_waited_for(shop: Shop, queries: QuotaQueries) -> None:
    shop.simulator.fail(path="/consume", status=500)
    assert await use(shop, queries) == "reset_credit_refused"
    assert await use(shop, queries) == "told"
