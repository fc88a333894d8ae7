"""Recorded shapes of answers and what they mean: one row a case in ``cases/verdicts/<provider>.json``."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.event import FailureKind
from authdeck.evidence import NEUTRAL, Action, Signal
from authdeck.providers import PROVIDERS
from authdeck.verdict import COMMON, KIND_OF, Verdict, unreached

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILES = sorted((Path(__file__).parent / "cases" / "verdicts").glob("*.json"))
CASES = [(Provider(path.stem), case) for path in FILES for case in json.loads(path.read_text())]


def verdict_on(provider: Provider, case: dict[str, Any]) -> Verdict:
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
    return PROVIDERS[provider].read_failure(case["status"], case["headers"], body.encode(), NOON, case["model"])


def shown(verdict: Verdict) -> dict[str, Any]:
    names = (
        "signal", "code", "action", "confidence", "may_automate", "elsewhere", "refreshable", "scope", "accuracy",
        "window", "link",
    )  # fmt: skip
    found = {name: getattr(verdict, name) for name in names}
    return {**found, "until": verdict.until.isoformat().replace("+00:00", "Z") if verdict.until else None}


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 150
    assert {provider for provider, _ in CASES} == set(Provider)


@pytest.mark.parametrize(("provider", "case"), CASES, ids=[f"{provider}: {case['name']}" for provider, case in CASES])
def test_recorded_shapes(provider: Provider, case: dict[str, Any]) -> None:
    found = shown(verdict_on(provider, case))
    assert {name: found[name] for name in case["expect"]} == case["expect"]


def test_every_common_row_is_met_by_a_case() -> None:
    met = {(found.signal, found.code, found.confidence) for found in (verdict_on(*case) for case in CASES)}
    assert {(rule.signal, rule.code, rule.confidence) for rule in COMMON} <= met


def test_every_signal_has_a_kind() -> None:
    assert set(Signal) - {Signal.SUCCESS} == set(KIND_OF)


@given(st.sampled_from(Provider), st.integers(400, 599))
def test_a_status_alone_never_leads_to_more_than_a_rest(provider: Provider, status: int) -> None:
    found = PROVIDERS[provider].read_failure(status, {}, b"", NOON, "model-a")
    assert not found.may_automate or found.signal in (Signal.QUOTA, Signal.RATE_LIMIT, Signal.TRANSIENT)


@given(st.sampled_from(Provider), st.integers(100, 700), st.binary(max_size=300), st.text(max_size=30))
def test_any_answer_has_a_verdict(provider: Provider, status: int, body: bytes, header: str) -> None:
    headers = {"retry-after": header, "x-codex-primary-used-percent": header, "x-should-retry": header}
    found = PROVIDERS[provider].read_failure(status, headers, body, NOON, None)
    assert found.scope is None
    if found.signal in NEUTRAL:
        assert found.action is Action.KEEP
        assert not found.may_automate


def test_what_never_arrived_is_an_outage_unless_we_refused_it_ourselves() -> None:
    assert unreached(FailureKind.NETWORK, "upstream_unreachable", elsewhere=True).signal is Signal.TRANSIENT
    assert unreached(FailureKind.NETWORK, "upstream_not_approved", elsewhere=False).signal is Signal.REQUEST


def test_the_verdict_becomes_evidence_with_nothing_lost() -> None:
    case = next(case for provider, case in CASES if case["name"] == "verification with its link")
    row = verdict_on(Provider.ANTIGRAVITY, case).evidence(3, NOON, request_id="r1")
    assert (row.generation, row.signal, row.code, row.action) == (3, Signal.REVIEW, "validation_required", "review")
    assert row.detail["status"] == 403
    assert row.detail["link"].startswith("https://accounts.google.com/")
