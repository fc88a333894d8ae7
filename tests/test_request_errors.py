"""Which failures are the request's own, by an account's rules, and what follows from them."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import account_fields, request_errors
from authdeck.account import ErrorAction, ErrorRule
from authdeck.errors import DeckError
from authdeck.event import FailureKind
from authdeck.verdict import Verdict
from authdeck.wording import has_sentence

RULES = (
    ErrorRule(400, match=("Content Policy",), action=ErrorAction.STOP),
    ErrorRule(400, match_regexr=(r"(?i)model .* overloaded",), action=ErrorAction.CONTINUE),
    ErrorRule(400, match=("policy",), action=ErrorAction.CONTINUE_AND_COOLDOWN),
    ErrorRule(404, action=ErrorAction.CONTINUE),
)


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (400, b"against our CONTENT policy", ErrorAction.STOP),
        (400, b"Model gpt-5 is Overloaded", ErrorAction.CONTINUE),
        (400, b"policy", ErrorAction.CONTINUE_AND_COOLDOWN),
        (400, b"something else", None),
        (404, b"", ErrorAction.CONTINUE),
        (500, b"content policy", None),
        (400, b"\xff\xfe policy", ErrorAction.CONTINUE_AND_COOLDOWN),
    ],
)
def test_the_first_rule_that_fits_decides(status: int, body: bytes, action: ErrorAction | None) -> None:
    assert request_errors.decided(RULES, status, body) is action


@pytest.mark.parametrize(
    ("action", "elsewhere", "stops", "kind"),
    [
        (ErrorAction.STOP, False, True, FailureKind.REQUEST),
        (ErrorAction.CONTINUE, True, False, FailureKind.REQUEST),
        (ErrorAction.STOP_AND_COOLDOWN, True, True, FailureKind.QUOTA),
        (ErrorAction.CONTINUE_AND_COOLDOWN, True, False, FailureKind.QUOTA),
    ],
)
def test_what_a_rule_makes_of_an_answer(action: ErrorAction, elsewhere: bool, stops: bool, kind: FailureKind) -> None:
    seen = Verdict(FailureKind.QUOTA, "usage_limit_reached", elsewhere=True, refreshable=True)
    ruled = request_errors.ruled(seen, action)
    assert (ruled.elsewhere, request_errors.stops(action), ruled.kind) == (elsewhere, stops, kind)
    assert (ruled.code, ruled.refreshable) == ("usage_limit_reached", False)


def test_a_request_fault_that_is_to_cool_down_does() -> None:
    seen = Verdict(FailureKind.REQUEST, "bad_request")
    assert request_errors.ruled(seen, ErrorAction.STOP_AND_COOLDOWN).kind is FailureKind.UPSTREAM


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    """With backtracking this takes longer than the universe has lasted."""
    evil = ErrorRule(400, match_regexr=("(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"))
    began = time.process_time()
    assert request_errors.decided([evil], 400, b"a" * 65_000 + b"!") is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{1000}{1000}{1000}", "[z-a]"])
def test_what_cannot_run_in_linear_time_is_refused_when_it_is_set(pattern: str) -> None:
    with pytest.raises(DeckError) as refused:
        account_fields.error_rules("rules", [{"status": 400, "match-regexr": [pattern], "action": "stop"}])
    assert refused.value.params["problem"] == "pattern_refused"


@pytest.mark.parametrize(
    "given_",
    [
        "stop",
        [1],
        [{}],
        [{"status": 99, "action": "stop"}],
        [{"status": 400}],
        [{"status": 400, "action": "panic"}],
        [{"status": 400, "action": "stop", "match": [1]}],
        [{"status": 400, "action": "stop", "match": [""]}],
        [{"status": 400, "action": "stop", "match": ["x" * 501]}],
        [{"status": 400, "action": "stop"}] * 51,
    ],
)
def test_what_is_no_rule_is_refused_with_a_sentence(given_: Any) -> None:
    with pytest.raises(DeckError) as refused:
        account_fields.error_rules("rules", given_)
    assert refused.value.code == "field_invalid"
    assert has_sentence(f"field_invalid:{refused.value.params['problem']}")


def test_rules_in_both_spellings() -> None:
    rules = [
        {"status": "429", "match": "slow down", "match-regexr": ["a.c"], "action": "continue"},
        {"status": 400, "match_regexr": ["x"], "action": "stop-and-cooldown"},
    ]
    assert account_fields.error_rules("rules", rules) == (
        ErrorRule(429, ("slow down",), ("a.c",), ErrorAction.CONTINUE),
        ErrorRule(400, (), ("x",), ErrorAction.STOP_AND_COOLDOWN),
    )


@given(st.text(max_size=40), st.binary(max_size=200))
def test_any_pattern_is_refused_or_runs(pattern: str, body: bytes) -> None:
    if request_errors.is_pattern(pattern):
        rule = ErrorRule(400, match_regexr=(pattern,))
        assert request_errors.decided([rule], 400, body) in {ErrorAction.STOP, None}
