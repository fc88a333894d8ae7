"""Evidence: equal observations together, newer ones ending older ones."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import evidence
from authdeck.evidence import Confidence, Evidence, Signal, Source

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def seen(signal: Signal, minutes: float = 0, **fields: Any) -> Evidence:
    at = NOON + timedelta(minutes=minutes)
    known = {"generation": 1, "source": Source.RESPONSE, "code": signal.value, "first_at": at, "last_at": at}
    return Evidence(signal=signal, **{**known, **fields})


def signals(*rows: Evidence, generation: int = 1) -> list[str]:
    return [row.signal.value for row in evidence.standing(rows, generation)]


def test_equal_observations_are_one_row() -> None:
    three = [seen(Signal.QUOTA, minutes, request_id=f"r{minutes}") for minutes in (3, 1, 2)]
    row = reduce(evidence.together, three)
    assert (row.count, row.first_at, row.last_at) == (3, three[1].first_at, three[0].last_at)
    assert row.previous_at == three[2].last_at
    assert row.request_id == "r3"


def test_an_hour_of_silence_begins_a_new_row() -> None:
    assert evidence.is_same_episode(seen(Signal.QUOTA), seen(Signal.QUOTA, 60))
    assert not evidence.is_same_episode(seen(Signal.QUOTA), seen(Signal.QUOTA, 61))
    assert not evidence.is_same_episode(seen(Signal.QUOTA), seen(Signal.QUOTA, scope="gpt-5"))


@pytest.mark.parametrize(
    ("newer", "older", "ends"),
    [
        (Signal.SUCCESS, Signal.CREDENTIAL, True),
        (Signal.SUCCESS, Signal.REVIEW, True),
        (Signal.SUCCESS, Signal.ENTITLEMENT, True),
        (Signal.SUCCESS, Signal.QUOTA, False),
        (Signal.SUCCESS, Signal.TRANSIENT, True),
        (Signal.QUOTA, Signal.CREDENTIAL, True),
        (Signal.RATE_LIMIT, Signal.CREDENTIAL, True),
        (Signal.QUOTA, Signal.ENTITLEMENT, False),
        (Signal.REQUEST, Signal.CREDENTIAL, False),
        (Signal.CANCELLED, Signal.CREDENTIAL, False),
        (Signal.CREDENTIAL, Signal.QUOTA, False),
    ],
)
def test_what_ends_what(newer: Signal, older: Signal, ends: bool) -> None:
    assert evidence.clears(seen(newer, 1), seen(older)) is ends
    assert not evidence.clears(seen(newer), seen(older, 1))
    assert not evidence.clears(seen(newer), seen(older))


def test_a_refresh_proves_the_token_and_nothing_else() -> None:
    refreshed = seen(Signal.SUCCESS, 1, source=Source.REFRESH)
    assert evidence.clears(refreshed, seen(Signal.CREDENTIAL))
    assert not evidence.clears(refreshed, seen(Signal.REVIEW))
    assert not evidence.clears(refreshed, seen(Signal.TRANSIENT))


def test_a_success_says_that_a_model_is_served_only_of_that_model() -> None:
    refused = seen(Signal.MODEL, scope="gpt-5")
    assert evidence.clears(seen(Signal.SUCCESS, 1, scope="gpt-5"), refused)
    assert not evidence.clears(seen(Signal.SUCCESS, 1), refused)


def test_evidence_is_never_about_another_sign_in() -> None:
    assert signals(seen(Signal.CREDENTIAL), generation=2) == []
    assert not evidence.clears(seen(Signal.SUCCESS, 1, generation=2), seen(Signal.CREDENTIAL))


def test_what_has_no_time_neither_clears_nor_goes() -> None:
    undated = seen(Signal.CREDENTIAL, is_dated=False)
    assert signals(undated, seen(Signal.SUCCESS, 5)) == ["credential"]
    assert signals(seen(Signal.CREDENTIAL), seen(Signal.SUCCESS, 5, is_dated=False)) == ["credential"]


def test_transient_needs_two_in_a_row() -> None:
    assert signals(seen(Signal.TRANSIENT)) == []
    assert signals(seen(Signal.TRANSIENT), seen(Signal.TRANSIENT, 1, code="time-out")) == ["transient", "transient"]
    assert signals(seen(Signal.TRANSIENT), seen(Signal.SUCCESS, 1), seen(Signal.TRANSIENT, 2)) == []
    twice = evidence.together(seen(Signal.TRANSIENT), seen(Signal.TRANSIENT, 2))
    assert signals(twice) == ["transient"]
    assert signals(twice, seen(Signal.SUCCESS, 1)) == []


def test_neutral_ones_between_two_are_left_out() -> None:
    assert signals(seen(Signal.TRANSIENT), seen(Signal.CANCELLED, 1), seen(Signal.TRANSIENT, 2, code="b")) == [
        "transient",
        "transient",
    ]


def test_low_confidence_needs_two_as_well() -> None:
    once = seen(Signal.CREDENTIAL, confidence=Confidence.LOW)
    assert signals(once) == []
    assert signals(evidence.together(once, seen(Signal.CREDENTIAL, 1, confidence=Confidence.LOW))) == ["credential"]


rows = st.builds(
    seen,
    st.sampled_from(Signal),
    st.integers(0, 6),
    source=st.sampled_from(Source),
    generation=st.integers(1, 2),
    scope=st.sampled_from([None, "gpt-5"]),
    confidence=st.sampled_from(Confidence),
    is_dated=st.booleans(),
)


@given(st.lists(rows), st.randoms())
def test_the_order_of_arrival_does_not_matter(found: list[Evidence], chance: Any) -> None:
    mixed = found.copy()
    chance.shuffle(mixed)
    assert signals(*mixed) == signals(*found)


@given(st.lists(rows))
def test_what_a_newer_success_would_have_cleared_changes_nothing_any_more(found: list[Evidence]) -> None:
    served = seen(Signal.SUCCESS, 10)
    older = [seen(signal, 9) for signal in evidence.CLEARS[Signal.SUCCESS]]
    assert signals(*found, served, *older) == signals(*found, served)


@given(st.permutations([seen(Signal.QUOTA, minutes) for minutes in (0, 1, 1, 4)]))
def test_rows_come_together_in_any_order(found: list[Evidence]) -> None:
    row = reduce(evidence.together, found)
    assert (row.count, row.previous_at) == (4, NOON + timedelta(minutes=1))


def test_a_quota_query_proves_the_credential_and_not_that_it_serves() -> None:
    told = seen(Signal.SUCCESS, 1, source=Source.QUOTA_QUERY)
    assert evidence.clears(told, seen(Signal.CREDENTIAL))
    assert not evidence.clears(told, seen(Signal.ENTITLEMENT))
    assert not evidence.clears(told, seen(Signal.REVIEW))


def test_what_a_refresh_was_refused_only_a_refresh_mends() -> None:
    refused = seen(Signal.CREDENTIAL, source=Source.REFRESH)
    assert not evidence.clears(seen(Signal.SUCCESS, 1), refused)
    assert evidence.clears(seen(Signal.SUCCESS, 1, source=Source.REFRESH), refused)


def expired(minutes: float, made: float) -> Evidence:
    """A token made at ``made`` minutes was called expired."""
    row = seen(Signal.CREDENTIAL, minutes, code="token_expired", may_automate=True)
    return evidence.of_new_token(row, NOON + timedelta(minutes=made))


def test_a_new_token_called_expired_is_no_proof() -> None:
    row = expired(1, made=0.9)
    assert (row.code, row.may_automate, signals(row)) == (evidence.CALLED_EXPIRED, False, [])


def test_clear_words_about_a_new_token_stay_what_they_are() -> None:
    revoked = seen(Signal.CREDENTIAL, code="token_revoked", may_automate=True)
    assert evidence.of_new_token(revoked, NOON) == revoked


def test_requests_with_the_same_new_token_are_one_moment() -> None:
    row = reduce(evidence.together, [expired(minutes, made=0.9) for minutes in (1, 1.1, 1.2)])
    assert (row.count, row.previous_at, signals(row)) == (3, None, [])


def test_two_new_tokens_in_a_row_called_expired_count_though_a_refresh_came_between() -> None:
    renewed = seen(Signal.SUCCESS, 4.8, source=Source.REFRESH)
    both = evidence.together(expired(1, made=0.9), expired(5, made=4.9))
    assert signals(both, renewed) == ["credential"]
    served = seen(Signal.SUCCESS, 3)
    assert signals(both, renewed, served) == []
    assert signals(both, renewed, seen(Signal.SUCCESS, 6)) == []


def test_two_outages_of_different_hours_are_not_in_a_row() -> None:
    assert signals(seen(Signal.TRANSIENT), seen(Signal.TRANSIENT, 10, code="b")) == ["transient", "transient"]
    assert signals(seen(Signal.TRANSIENT), seen(Signal.TRANSIENT, 11, code="b")) == []
