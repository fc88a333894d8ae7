"""What becomes of each header that tells of limits, one row a header in ``cases/headers.json``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import in_passing
from authdeck.account import Provider
from authdeck.evidence import Source
from authdeck.in_passing import Figures
from authdeck.providers import PROVIDERS
from authdeck.providers.quotas import QUOTAS
from authdeck.quota_answer import Credits, Extras, ResetCredits
from authdeck.seen_headers import SeenAnswer, each, kept, merged

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = json.loads((Path(__file__).parents[1] / "cases" / "headers.json").read_text())


def seen_of(provider: Provider, headers: dict[str, str], at: datetime = NOON) -> SeenAnswer:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return SeenAnswer(at, kept(raw, PROVIDERS[provider].KEPT_HEADERS))


def said_of(provider: Provider, *answers: SeenAnswer, now: datetime = NOON) -> dict[str, in_passing.Said]:
    seen = each(answers)
    words = in_passing.words(seen, QUOTAS[provider].words, now) if provider in QUOTAS else ()
    return {said.code: said for said in (*words, *in_passing.minutes(seen, now))}


def effect(provider: Provider, headers: dict[str, str]) -> dict[str, Any]:
    """Everything that these headers lead to."""
    module, answer = PROVIDERS[provider], seen_of(provider, headers)
    figures = QUOTAS[provider].figures(each([answer])) if provider in QUOTAS else Figures()
    said = said_of(provider, answer)
    told = {"figure:credits": figures.credits, "figure:reset_credits": figures.reset_credits}
    return {
        "plan": module.read_plan(headers),
        "window": module.read_windows(headers, b"", NOON),
        **{name: value for name, value in told.items() if value is not None},
        **{f"said:{code}": (one.text, one.moment, one.left, one.limit) for code, one in said.items()},
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}: {case['header']}")
def test_each_header_is_shown_where_it_belongs_or_the_table_says_why_not(case: dict[str, Any]) -> None:
    provider, name = Provider(case["provider"]), case["header"]
    without = case.get("with", {})
    headers = {**without, name: case["value"]}
    assert (name in seen_of(provider, headers).headers) == (case["shown"] != "never")
    before, after = effect(provider, without), effect(provider, headers)
    changed = {where for where in before | after if before.get(where) != after.get(where)}
    if case["shown"] in ("diagnostics", "never"):
        assert case["why"]
        assert changed == set()
    else:
        assert case["shown"] in changed


def test_credits_are_those_of_one_answer() -> None:
    """A balance that was told before credits were said to be none is not theirs any more."""
    older = seen_of(Provider.CODEX, {"x-codex-credits-has-credits": "true", "x-codex-credits-balance": "25"})
    newer = seen_of(Provider.CODEX, {"x-codex-credits-has-credits": "false"}, NOON + timedelta(minutes=1))
    assert QUOTAS[Provider.CODEX].figures(each([older])).credits == (Credits(True, False, 25.0), NOON)
    # as they are stored: each header in the newest answer that has it
    rest = SeenAnswer(NOON, {"x-codex-credits-balance": "25"})
    found = QUOTAS[Provider.CODEX].figures(each([newer, rest])).credits
    assert found == (Credits(False), NOON + timedelta(minutes=1))


def test_of_each_field_the_newest_word_counts() -> None:
    asked = Extras(Credits(True, balance=40, is_spent=True, local=(3, 9)), ResetCredits(2, (NOON,)))
    later, earlier = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
    newer = in_passing.together(asked, NOON, Figures((Credits(True, balance=25), later), (2, later)), ())
    assert newer.extras.credits == Credits(True, balance=25, is_spent=True, local=(3, 9))
    assert newer.extras.reset_credits == ResetCredits(2, (NOON,))
    assert (newer.ages["credits"].at, newer.ages["credits"].source) == (later, Source.HEADER)
    older = in_passing.together(asked, NOON, Figures((Credits(False), earlier), (0, earlier)), ())
    assert older.extras == asked
    assert {age.source for age in older.ages.values()} == {Source.QUOTA_QUERY}
    alone = in_passing.together(Extras(), None, Figures((Credits(False), later), None), ())
    assert (alone.extras, alone.ages["credits"].source) == (Extras(Credits(False)), Source.HEADER)
    used = in_passing.together(asked, NOON, Figures(None, (1, later)), ())
    assert used.extras.reset_credits == ResetCredits(1)  # which of the two was used nobody said


def test_words_are_those_of_the_newest_answer_that_had_any() -> None:
    """A limit that was met an answer ago is not said to be met, though the header did not come again."""
    refused = seen_of(Provider.CODEX, {"x-codex-rate-limit-reached-type": "primary"})
    served = seen_of(Provider.CODEX, {"x-codex-primary-used-percent": "3"}, NOON + timedelta(hours=1))
    other = seen_of(Provider.CODEX, {"cf-ray": "8a1b2c3d4e5f6789-FRA"}, NOON + timedelta(hours=2))
    assert said_of(Provider.CODEX, refused)["limit_met"].text == "primary"
    assert said_of(Provider.CODEX, other, refused)["limit_met"].text == "primary"
    assert said_of(Provider.CODEX, served, refused) == {}


def test_words_end_with_the_reset_beside_them_and_minutes_after_some() -> None:
    start = "anthropic-ratelimit-unified-"
    at = str(int((NOON + timedelta(hours=1)).timestamp()))
    headers = {f"{start}status": "rejected", f"{start}reset": at, f"{start}overage-status": "rejected"}
    answer = seen_of(Provider.CLAUDE, {**headers, "anthropic-ratelimit-requests-remaining": "5"})
    assert set(said_of(Provider.CLAUDE, answer)) == {"standing", "standing_until", "overage", "minute_requests"}
    assert set(said_of(Provider.CLAUDE, answer, now=NOON + timedelta(minutes=10))) == {
        "standing", "standing_until", "overage"
    }  # fmt: skip
    assert set(said_of(Provider.CLAUDE, answer, now=NOON + timedelta(hours=1))) == {"overage"}


def test_a_word_does_not_end_with_an_older_answers_reset() -> None:
    start, later = "anthropic-ratelimit-unified-", NOON + timedelta(minutes=10)
    older = seen_of(Provider.CLAUDE, {f"{start}status": "rejected", f"{start}reset": str(int(NOON.timestamp()) + 60)})
    newer = SeenAnswer(later, {f"{start}status": "allowed_warning"})
    found = said_of(Provider.CLAUDE, *merged([older, newer], later), now=later)
    assert found["standing"].text == "allowed_warning"


NAMES = sorted({case["header"] for case in CASES})


@given(st.sampled_from(Provider), st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_whatever_stands_in_the_headers_is_read_or_left(provider: Provider, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("utf-8", "replace")) for name, value in headers.items()]
    answer = SeenAnswer(NOON, kept(raw, PROVIDERS[provider].KEPT_HEADERS))
    for said in said_of(provider, answer).values():
        assert said.text or said.moment or said.left is not None
    if provider in QUOTAS:
        QUOTAS[provider].figures(each([answer]))
