"""A selection is refreshed lane by lane, and a lane stops at the first sign that the provider ends a family."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.account import RefreshBy
from authdeck.operations.refresh_lanes import Outcome, Row, Signs
from authdeck.operations.refresh_many import refresh_many
from authdeck.storage import opening
from fakes.auth_files import take_in
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.people import ANN
from fakes.shops import Shop, new_vault, open_shop, simulated


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock, AUTHDECK_REFRESH__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            yield made
    database.close()


async def settled(shop: Shop, *names: str, provider: str = "codex") -> list[str]:
    people = [shop.simulator.account(provider, f"{name}@example.com") for name in names]
    return [await shop.take_in(person) for person in people]


async def refreshed(shop: Shop, indexes: list[str]) -> dict[str, Row]:
    rows: dict[str, Row] = {}

    async def on_row(row: Row) -> None:
        assert row.auth_index not in rows
        rows[row.auth_index] = row

    await refresh_many(shop.desk, shop.refresher, indexes, ANN, on_row)
    return rows


def outcomes(rows: dict[str, Row], indexes: list[str]) -> list[Outcome]:
    return [rows[index].outcome for index in indexes]


async def test_it_works(shop: Shop) -> None:
    indexes = [*await settled(shop, "ann", "bob"), *await settled(shop, "cy", provider="claude")]
    rows = await refreshed(shop, [*indexes, indexes[0]])
    assert outcomes(rows, indexes) == [Outcome.REFRESHED] * 3
    assert [(await shop.lender.credential(index)).revision for index in indexes] == [2, 2, 2]


async def test_a_disabled_account_is_refreshed_when_it_is_asked_for(shop: Shop) -> None:
    report = await take_in(shop.desk, shop.simulator.auth_file(shop.ann, disabled=True))
    index = str(report.items[0].auth_index)
    assert (await refreshed(shop, [index]))[index].outcome is Outcome.REFRESHED


async def test_what_has_nothing_to_refresh_is_skipped_and_said(shop: Shop) -> None:
    key = await shop.take_in(shop.simulator.account("gemini", "key@example.com"))
    theirs = await shop.take_in(refresh_by=RefreshBy.OTHER)
    rows = await refreshed(shop, [key, theirs, "0" * 16])
    assert {rows[index].code for index in (key, theirs)} == {"refresh_not_possible", "refresh_is_elsewhere"}
    assert outcomes(rows, [key, theirs, "0" * 16]) == [Outcome.SKIPPED] * 3


async def test_a_service_account_gets_a_new_token(shop: Shop) -> None:
    (robot,) = await settled(shop, "robot", provider="vertex")
    assert (await refreshed(shop, [robot]))[robot].outcome is Outcome.REFRESHED
    assert len(shop.simulator.seen("/google/token")) == 1


async def test_a_revoked_token_stops_its_lane_and_no_other(shop: Shop) -> None:
    people = [shop.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob", "cy")]
    indexes = [await shop.take_in(person) for person in people]
    others = await settled(shop, "dora", provider="claude")
    shop.simulator.revoke(people[1])
    rows = await refreshed(shop, [*indexes, *others])
    assert outcomes(rows, indexes) == [Outcome.REFRESHED, Outcome.FAILED, Outcome.STOPPED]
    assert (rows[indexes[1]].code, rows[indexes[2]].code) == ("refresh_refused", "refresh_stopped")
    assert outcomes(rows, others) == [Outcome.REFRESHED]
    assert len(shop.simulator.seen("/codex-auth/oauth/token")) == 2


@pytest.mark.parametrize(
    ("reasons", "stops"),
    [
        (["refresh_token_reused"], True),
        (["token_revoked"], True),
        (["invalid_grant"], False),
        (["invalid_grant", "invalid_grant"], True),
        (["invalid_grant", None, "invalid_grant"], False),
        ([None, None], False),
    ],
)
def test_signs(reasons: list[str | None], stops: bool) -> None:
    signs = Signs()
    for reason in reasons:
        failed = Row("a", Outcome.FAILED, "refresh_refused", {"reason": reason})
        signs.saw(failed if reason else Row("a", Outcome.REFRESHED))
    assert signs.is_stopped is stops


def test_a_failure_that_passes_is_no_sign() -> None:
    signs = Signs()
    for _ in range(5):
        signs.saw(Row("a", Outcome.FAILED, "refresh_failed", {"reason": "http_503"}))
    assert not signs.is_stopped
