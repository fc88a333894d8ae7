"""Every classification that neighbouring tools know, as data; where decision 0014 differs, the case says so."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authdeck import wording
from authdeck.account import Provider, RefreshBy
from authdeck.hold import Hold, Owner
from authdeck.inspection_order import read_policy
from authdeck.operations.inspect_account import Inspected, Inspector, judge
from authdeck.providers.quotas import QUOTAS
from authdeck.reconcile import SWITCHED_OFF
from authdeck.storage import opening
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import holds
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.shops import Shop, new_vault, open_shop, simulated
from operations.test_inspections import queries_of

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "cases" / "inspections.json").read_text())
PROVIDERS_CASED = sorted({case["provider"] for case in CASES})
OFF = {
    "operator": (Owner.OPERATOR, "disabled"),
    "imported": (Owner.OPERATOR, "imported"),
    "inspection": (Owner.INSPECTION, "long_window_full"),
    "automation": (Owner.INSPECTION, SWITCHED_OFF),
    "entitlement": (Owner.INSPECTION, "not_entitled"),
}


@pytest_asyncio.fixture
async def shop(clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    """One database is enough: what a case is about is not how rows are stored."""
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock, AUTHDECK_QUOTA__PACE="0", AUTHDECK_REFRESH__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            yield made
    database.close()


@pytest.mark.parametrize("provider", PROVIDERS_CASED)
async def test_every_case_of_a_provider(shop: Shop, provider: str) -> None:
    """Each with an account of its own, so that none knows what another saw."""
    found = {}
    for number, case in enumerate(case for case in CASES if case["provider"] == provider):
        found[case["name"]] = await suggested(shop, case, f"p{number}@example.com")
    assert found == {case["name"]: tuple(case["expect"]) for case in CASES if case["provider"] == provider}


async def suggested(shop: Shop, case: dict[str, Any], email: str) -> tuple[str, str]:
    person = shop.simulator.account(case["provider"], email)
    index = await shop.take_in(person, refresh_by=RefreshBy(case.get("refresh_by", "authdeck")))
    if "off" in case:
        await switch_off(shop, index, case["off"])
    body = case.get("body", "") if "windows" not in case else usage(case, shop.clock)
    content = body if isinstance(body, str) else json.dumps(body)
    for question in paths(case["provider"]):
        shop.simulator.fail(
            path=question, account=person, times=None, status=case["status"], body=content.encode(),
            headers=case.get("headers") or {"content-type": "application/json", **said_by(body)},
        )  # fmt: skip
    policy = read_policy({"threshold": case.get("threshold", 100), "refresh": case.get("refresh", False)})
    inspector = Inspector(shop.desk, queries_of(shop))
    inspected: Inspected | None = None
    for _ in range(case.get("times", 1)):
        asked = await inspector.ask(index, policy)
        assert asked is not None
        (inspected,) = await shop.desk.write(partial(judge, shop.desk, [asked], policy))
        shop.clock.move(minutes=1)
    shop.simulator.heal()
    assert inspected is not None
    assert email not in json.dumps(inspected.row, default=str)
    return inspected.suggestion.action.value, inspected.suggestion.code


async def switch_off(shop: Shop, index: str, by: str) -> None:
    owner, code = OFF[by]
    entry = shop.desk.directory.get(index)
    assert entry is not None
    hold = Hold(owner, code, shop.clock.now() - timedelta(days=1))

    def work(connection: WriteConnection) -> None:
        holds.place(connection, entry.account.key, hold)

    await shop.desk.write(work)
    await shop.mirror.load()


def usage(case: dict[str, Any], clock: SetClock) -> dict[str, Any]:
    """What Codex answers with these percentages of its two windows."""
    lengths = (18_000, 604_800)
    windows = [
        {"used_percent": used, "limit_window_seconds": seconds, "reset_at": int(clock.now().timestamp()) + 3600}
        for used, seconds in zip(case["windows"], lengths, strict=True)
    ]
    is_full = max(case["windows"]) >= 100
    limit = {"limit_reached": is_full, "primary_window": windows[0], "secondary_window": windows[1]}
    credit = {"credits": {"has_credits": True, "balance": "5"}} if case.get("credits") else {}
    return {"plan_type": "plus", "rate_limit": limit, **credit}


def said_by(body: Any) -> dict[str, str]:
    """Codex repeats the error's code in a header."""
    error = body.get("error") if isinstance(body, dict) else None
    return {"x-openai-authorization-error": str(error.get("code", "")) if isinstance(error, dict) else ""}


def paths(provider: str) -> list[str]:
    """Where its questions go."""
    return {
        "codex": ["/wham/usage"],
        "xai": ["/v1/billing", "/me"],
        "claude": ["/api/oauth/"],
        "kimi": ["/usages"],
        "antigravity": ["/v1internal"],
    }[provider]


def test_every_provider_that_tells_has_cases() -> None:
    assert {Provider(name) for name in PROVIDERS_CASED} == set(QUOTAS)


def test_every_case_has_a_name_of_its_own_and_every_reason_a_sentence() -> None:
    names = [(case["provider"], case["name"]) for case in CASES]
    assert len(set(names)) == len(names)
    assert [case["expect"][1] for case in CASES if not wording.has_sentence(case["expect"][1])] == []
