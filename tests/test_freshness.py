"""How long a credential lasts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Kind, Provider
from authdeck.credential import Credential
from authdeck.freshness import is_due, is_expired
from authdeck.secret import Secret

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LEAD = timedelta(hours=4)
spans = st.timedeltas(timedelta(seconds=1), timedelta(days=30))


def lent(left: timedelta | None, lifetime: timedelta | None = None, bearer: str | None = "at_FAKE") -> Credential:
    ends = NOW + left if left is not None else None
    made = ends - lifetime if ends is not None and lifetime is not None else None
    token = Secret(bearer) if bearer else None
    return Credential(
        "0" * 16, Provider.CLAUDE, Kind.OAUTH, 1, 1, {}, token, Secret("rt_FAKE"), expires_at=ends, issued_at=made
    )


@pytest.mark.parametrize(
    ("left", "lifetime", "expired", "due"),
    [
        (timedelta(hours=5), timedelta(hours=8), False, False),
        (timedelta(hours=4), timedelta(hours=8), False, False),
        (timedelta(hours=3, minutes=59), timedelta(hours=8), False, True),
        (timedelta(minutes=29), timedelta(hours=1), False, True),  # half of a short life comes before the lead
        (timedelta(minutes=31), timedelta(hours=1), False, False),
        (timedelta(seconds=59), timedelta(hours=8), True, True),
        (timedelta(seconds=31), timedelta(minutes=5), False, True),  # a tenth of a very short life
        (timedelta(seconds=29), timedelta(minutes=5), True, True),
        (timedelta(minutes=4), None, False, True),  # of unknown age: five minutes before its end
        (timedelta(hours=3), None, False, False),
        (timedelta(hours=-1), timedelta(hours=8), True, True),
    ],
)
def test_expired_and_due(left: timedelta, lifetime: timedelta | None, expired: bool, due: bool) -> None:
    credential = lent(left, lifetime)
    assert (is_expired(credential, NOW), is_due(credential, NOW, LEAD)) == (expired, due)


def test_without_an_end_only_a_missing_token_needs_one() -> None:
    assert (is_expired(lent(None), NOW), is_due(lent(None), NOW, LEAD)) == (False, False)
    assert (is_expired(lent(None, bearer=None), NOW), is_due(lent(None, bearer=None), NOW, LEAD)) == (True, True)


@given(spans, spans)
def test_what_has_expired_is_due(left: timedelta, lifetime: timedelta) -> None:
    credential = lent(left, lifetime)
    assert is_due(credential, NOW, LEAD) or not is_expired(credential, NOW)


@given(spans)
def test_a_new_token_is_neither(lifetime: timedelta) -> None:
    credential = lent(lifetime, lifetime)
    assert not is_expired(credential, NOW)
    assert not is_due(credential, NOW, LEAD)
