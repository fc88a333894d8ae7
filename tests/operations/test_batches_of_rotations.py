"""Refreshing a selection at a provider whose tokens rotate, as API, CLI and console have it done."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck.account import RefreshBy
from authdeck.operations.observe import Observer
from authdeck.operations.query_quota import QuotaQueries
from authdeck.simulator import Account
from authdeck.storage import opening
from authdeck.storage.reading.batches import StoredItem
from fakes.auth_files import take_in
from fakes.clock import SetClock
from fakes.crowd import Bulk
from fakes.laid import laid
from fakes.shops import Shop, new_vault, open_shop, simulated

SENDS_INVALID_GRANT = ("claude", "kimi", "antigravity", "xai")


PACE = 0.05


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    pace = getattr(request, "param", 0)
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock, AUTHDECK_REFRESH__PACE=str(pace), AUTHDECK_QUOTA__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            yield made
    database.close()


async def moved_in(shop: Shop, *names: str, provider: str = "codex") -> tuple[list[Account], list[str]]:
    people = [shop.simulator.account(provider, f"{name}@example.com") for name in names]
    return people, [await shop.take_in(person) for person in people]


async def done(shop: Shop, indexes: Sequence[str], **change: Any) -> dict[str, StoredItem]:
    queries = QuotaQueries(shop.desk, shop.lender, shop.refresher, Observer(shop.desk))
    bulk = Bulk(shop.desk, shop.refresher.refresh, query=queries.query_quota)
    batch = await bulk.ended(await bulk.change(indexes, **change))
    assert batch.status == "completed"
    return {indexes[item.row]: item for item in await bulk.items(batch)}


def told(items: dict[str, StoredItem], indexes: Sequence[str]) -> list[tuple[str, str | None]]:
    return [(items[index].outcome, (items[index].reason or {}).get("code")) for index in indexes]


REFRESHED = ("done", None)
REFUSED = ("failed", "refresh_refused")
STOPPED = ("skipped", "batch_provider_stopped")


async def test_it_works(shop: Shop) -> None:
    _, indexes = await moved_in(shop, "ann", "bob")
    _, others = await moved_in(shop, "cy", provider="claude")
    items = await done(shop, [*indexes, *others], refresh=True)
    assert told(items, [*indexes, *others]) == [REFRESHED] * 3
    assert [(await shop.lender.credential(index)).revision for index in indexes] == [2, 2]


async def test_a_disabled_account_is_refreshed_when_it_is_asked_for(shop: Shop) -> None:
    report = await take_in(shop.desk, shop.simulator.auth_file(shop.ann, disabled=True))
    index = str(report.items[0].auth_index)
    assert told(await done(shop, [index], refresh=True), [index]) == [REFRESHED]


async def test_what_has_nothing_to_refresh_is_skipped_and_said(shop: Shop) -> None:
    _, (key,) = await moved_in(shop, "key", provider="gemini")
    theirs = await shop.take_in(refresh_by=RefreshBy.OTHER)
    items = await done(shop, [key, theirs], refresh=True)
    expected = [("skipped", "refresh_not_possible"), ("skipped", "refresh_is_elsewhere")]
    assert told(items, [key, theirs]) == expected


async def test_a_service_account_gets_a_new_token(shop: Shop) -> None:
    _, (robot,) = await moved_in(shop, "robot", provider="vertex")
    assert told(await done(shop, [robot], refresh=True), [robot]) == [REFRESHED]
    assert len(shop.simulator.seen("/google/token")) == 1


async def test_a_revoked_token_stops_its_client_and_no_other(shop: Shop) -> None:
    people, indexes = await moved_in(shop, "ann", "bob", "cy")
    _, others = await moved_in(shop, "dora", provider="claude")
    shop.simulator.revoke(people[1])
    items = await done(shop, [*indexes, *others], refresh=True)
    assert told(items, indexes) == [REFRESHED, REFUSED, STOPPED]
    assert told(items, others) == [REFRESHED]
    assert len(shop.simulator.seen("/codex-auth/oauth/token")) == 2


@pytest.mark.parametrize("provider", SENDS_INVALID_GRANT)
async def test_a_revoked_family_stops_where_providers_only_say_that_a_grant_is_invalid(
    shop: Shop, provider: str
) -> None:
    people, indexes = await moved_in(shop, "ann", "bob", "cy", "dora", "eve", provider=provider)
    for person in people[1:]:
        shop.simulator.revoke(person)
    items = await done(shop, indexes, refresh=True)
    assert told(items, indexes) == [REFRESHED, REFUSED, REFUSED, STOPPED, STOPPED]
    assert len(shop.simulator.seen("token", None)) == 3


async def test_one_grant_that_is_invalid_may_be_an_old_sign_in_that_ran_out(shop: Shop) -> None:
    people, indexes = await moved_in(shop, "ann", "bob", "cy", provider="claude")
    shop.simulator.revoke(people[1])
    items = await done(shop, indexes, refresh=True)
    assert told(items, indexes) == [REFRESHED, REFUSED, REFRESHED]


async def test_asking_for_limits_refreshes_nobody_any_more_after_two_refusals(shop: Shop) -> None:
    people, indexes = await moved_in(shop, "ann", "bob", "cy", "dora", provider="claude")
    for person in people:
        shop.simulator.revoke(person)
    items = await done(shop, indexes, query_quota={"refresh": True})
    assert {outcome for outcome, _ in told(items, indexes)} <= {"failed", "skipped"}
    assert len(shop.simulator.seen("token", None)) == 2


@pytest.mark.parametrize("shop", [PACE], indirect=True)
async def test_one_client_is_asked_at_the_pace_that_is_set(shop: Shop) -> None:
    """A pause is never shorter than was asked."""
    asked: list[tuple[str, float, float]] = []
    _, indexes = await moved_in(shop, "ann", "bob", "cy")
    _, (other,) = await moved_in(shop, "dora", provider="claude")

    async def refresh(auth_index: str) -> None:
        began = time.monotonic()
        await shop.refresher.refresh(auth_index)
        asked.append((auth_index, began, time.monotonic()))

    bulk = Bulk(shop.desk, refresh)
    batch = await bulk.ended(await bulk.change([indexes[0], other, *indexes[1:]], refresh=True))
    assert dict(batch.counts) == {"done": 4}
    codex = [(began, ended) for index, began, ended in asked if index != other]
    assert all(began - ended >= PACE for (_, ended), (began, _) in pairwise(codex))


@pytest.mark.parametrize("shop", [PACE], indirect=True)
async def test_those_asked_for_one_by_one_keep_the_pace_too(shop: Shop) -> None:
    _, indexes = await moved_in(shop, "ann", "bob", "cy")
    began = time.monotonic()
    await asyncio.gather(*map(shop.refresher.refresh, indexes))
    assert time.monotonic() - began >= 2 * PACE
    assert len(shop.simulator.seen("/codex-auth/oauth/token")) == 3
