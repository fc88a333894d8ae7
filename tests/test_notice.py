"""Which rule wants what, and when it may go out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.health import Health
from authdeck.notice import PAUSE, TRIES, Happening, Kind, Rule, message, minutes_of, text_of, wait_after

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def rule(*kinds: Kind, **fields: Any) -> Rule:
    return Rule("r" * 32, "nights", "c" * 32, frozenset(kinds), **fields)


def happening(kind: Kind = Kind.STATE_CHANGED, provider: Provider | None = Provider.CODEX, **detail: Any) -> Happening:
    return Happening(kind, NOON, "a" * 16, provider, detail)


def test_a_rule_wants_its_kinds_of_its_providers() -> None:
    assert rule(Kind.STATE_CHANGED).wants(happening(to="cooling"))
    assert not rule(Kind.INCIDENT_OPENED).wants(happening())
    assert not rule(Kind.STATE_CHANGED, paused=True).wants(happening())
    assert not rule(Kind.STATE_CHANGED, providers=frozenset({Provider.CLAUDE})).wants(happening())
    assert rule(Kind.INCIDENT_OPENED, providers=frozenset({Provider.CLAUDE})).wants(
        happening(Kind.INCIDENT_OPENED, None)
    )


def test_states_are_those_that_an_account_comes_to() -> None:
    wanted = rule(Kind.STATE_CHANGED, states=frozenset({Health.NEEDS_REAUTH}))
    assert wanted.wants(happening(**{"from": "available", "to": "needs_reauth"}))
    assert not wanted.wants(happening(**{"from": "needs_reauth", "to": "available"}))


@pytest.mark.parametrize(
    ("former", "left", "wanted"), [(30, 19, True), (None, 5, True), (20, 19.9, True), (19, 5, False), (50, 20, False)]
)
def test_a_quota_mark_is_told_of_once_when_it_is_crossed(former: float | None, left: float, wanted: bool) -> None:
    assert rule(Kind.QUOTA_LOW, below=20).wants(happening(Kind.QUOTA_LOW, former=former, left=left)) is wanted


def test_it_goes_out_at_once_but_at_most_once_a_minute() -> None:
    assert rule(Kind.STATE_CHANGED).due_at(NOON) == NOON
    assert rule(Kind.STATE_CHANGED, sent_at=NOON).due_at(NOON + timedelta(seconds=5)) == NOON + PAUSE
    assert rule(Kind.STATE_CHANGED, digest_minutes=60).due_at(NOON) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "at", "goes_out"),
    [
        ("UTC", "2026-11-23T21:59:59", "2026-11-23T21:59:59"),
        ("UTC", "2026-11-23T22:00:00", "2026-11-24T07:00:00"),
        ("UTC", "2026-11-24T06:59:00", "2026-11-24T07:00:00"),
        ("UTC", "2026-11-24T07:00:00", "2026-11-24T07:00:00"),
        ("Asia/Shanghai", "2026-11-23T15:00:00", "2026-11-23T23:00:00"),
        # Berlin's clocks go back on 25 October 2026: seven o'clock is an hour later by UTC.
        ("Europe/Berlin", "2026-10-24T21:00:00", "2026-10-25T06:00:00"),
    ],
)
def test_quiet_hours_are_the_rules_own_zones(zone: str, at: str, goes_out: str) -> None:
    quiet = rule(Kind.STATE_CHANGED, quiet_from=22 * 60, quiet_until=7 * 60, zone=zone)
    assert quiet.due_at(datetime.fromisoformat(at + "+00:00")) == datetime.fromisoformat(goes_out + "+00:00")


@given(
    begins=st.integers(0, 1439),
    ends=st.integers(0, 1439),
    minutes=st.integers(0, 200_000),
    zone=st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]),
)
def test_nothing_is_held_back_for_ever_and_nothing_goes_out_in_quiet_hours(
    begins: int, ends: int, minutes: int, zone: str
) -> None:
    if begins == ends:
        return
    quiet = rule(Kind.STATE_CHANGED, quiet_from=begins, quiet_until=ends, zone=zone).quiet
    assert quiet is not None
    at = NOON + timedelta(minutes=minutes)
    goes_out = quiet.until(at)
    assert at <= goes_out <= at + timedelta(hours=25)
    assert quiet.until(goes_out) == goes_out


@given(st.integers(0, 1439))
def test_times_of_day_are_written_as_they_are_read(minutes: int) -> None:
    assert minutes_of(text_of(minutes)) == minutes


def test_tries_become_rarer_and_end() -> None:
    waits = [wait_after(tried) for tried in range(1, TRIES + 1)]
    assert waits[-1] is None
    assert all(wait is not None for wait in waits[:-1])
    assert waits[:-1] == sorted(wait for wait in waits if wait is not None)


def test_a_message_names_some_and_counts_all() -> None:
    told = message("d" * 32, "nights", [happening(to="cooling")], {"state_changed": 9_000, "quota_low": 2}, NOON)
    assert (told["count"], len(told["events"])) == (9_002, 1)
    assert told["events"][0] == {
        "kind": "state_changed", "at": "2026-11-23T12:00:00Z", "subject": "a" * 16, "provider": "codex",
        "to": "cooling",
    }  # fmt: skip
