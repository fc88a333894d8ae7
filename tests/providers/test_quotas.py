"""What providers answer about limits, as read: one row a case in ``cases/quota_answers.json``. And what is asked."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import __version__
from authdeck.account import Kind, Provider
from authdeck.clock import rfc3339
from authdeck.credential import Credential
from authdeck.exchange import Reply
from authdeck.providers.quotas import QUOTAS
from authdeck.quota_answer import extras_from, extras_to
from authdeck.secret import Secret
from authdeck.settings import Providers

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = json.loads((Path(__file__).parents[1] / "cases" / "quota_answers.json").read_text())


def replied(documents: dict[str, Any]) -> dict[str, Reply]:
    return {name: Reply(200, {}, json.dumps(document).encode()) for name, document in documents.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}: {case['name']}")
def test_answers_as_read(case: dict[str, Any]) -> None:
    told = QUOTAS[Provider(case["provider"])].read(replied(case["replies"]), NOON)
    found = [
        [
            window.window,
            window.scope,
            window.used_percent,
            rfc3339(window.resets_at) if window.resets_at else None,
            window.accuracy.value,
            window.counts,
        ]
        for window in sorted(told.windows, key=lambda window: (window.window, window.scope or ""))
    ]
    assert found == case["expect"]
    assert (told.plan, told.limit) == (case.get("plan"), case.get("limit"))
    assert told.serves == case.get("serves")
    assert json.loads(json.dumps(extras_to(told.extras))) == case.get("extras", {})
    assert extras_from(json.loads(json.dumps(extras_to(told.extras)))) == told.extras


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({
        "rate_limit", "primary_window", "used_percent", "reset_at", "limit_window_seconds", "credits", "balance",
        "additional_rate_limits", "limit_name", "five_hour", "utilization", "resets_at", "limits", "kind", "scope",
        "model", "groups", "buckets", "window", "remainingFraction", "resetTime", "models", "quotaInfo", "usage",
        "used", "limit", "detail", "duration", "timeUnit", "config", "currentPeriod", "start", "end", "val",
        "has_credits", "approx_local_messages", "spend_control", "reached", "individual_limit",
        "rate_limit_reset_credits", "available_count", "expires_at", "status", "extra_usage", "is_enabled",
    })), inner, max_size=6),
    max_leaves=25,
)  # fmt: skip


@given(st.sampled_from(sorted(QUOTAS)), ANYTHING)
def test_whatever_is_answered_is_read_or_left(provider: Provider, answer: Any) -> None:
    body = json.dumps(answer).encode()
    quota = QUOTAS[provider]
    told = quota.read({question.name: Reply(200, {}, body) for question in quota.questions}, NOON)
    for window in told.windows:
        assert window.used_percent is None or 0 <= window.used_percent <= 100
        assert window.resets_at is None or window.resets_at > NOON


@pytest.mark.parametrize("provider", sorted(QUOTAS))
def test_questions_are_asked_as_ourselves(provider: Provider) -> None:
    document = {"access_token": "at_FAKE_1", "project_id": "fake-project", "account_id": "acc-fake"}
    credential = Credential("0" * 16, provider, Kind.OAUTH, 1, 1, document, Secret("at_FAKE_1"))
    asked = [question.ask(credential, Providers()) for question in QUOTAS[provider].questions]
    for outgoing in asked:
        headers = dict(outgoing.headers)
        assert headers["user-agent"] == f"authdeck/{__version__}"
        assert headers["authorization"] == "Bearer at_FAKE_1"
        assert "originator" not in headers
        assert "at_FAKE_1" not in repr(outgoing)


def test_reset_credits_are_only_asked_for_where_there_are_some() -> None:
    _, details = QUOTAS[Provider.CODEX].questions
    assert not details.when(replied({"usage": {"rate_limit_reset_credits": {"available_count": 0}}}))
    assert details.when(replied({"usage": {"rate_limit_reset_credits": {"available_count": 1}}}))


def test_a_part_that_did_not_come_is_not_taken_for_gone() -> None:
    week = next(case["replies"] for case in CASES if "none used" in case["name"])
    whole = next(case["replies"] for case in CASES if "month beside it" in case["name"])
    read = QUOTAS[Provider.XAI].read
    assert (read(replied(week), NOON).is_whole, read(replied(whole), NOON).is_whole) == (False, True)


def test_an_account_without_a_project_is_not_asked_at_antigravity() -> None:
    credential = Credential("0" * 16, Provider.ANTIGRAVITY, Kind.OAUTH, 1, 1, {}, Secret("at_FAKE_1"))
    assert QUOTAS[Provider.ANTIGRAVITY].lacking(credential) == "quota_needs_project"
