"""Quota windows: named by length, newest first, kept on change."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import quota
from authdeck.evidence import Source
from authdeck.quota import Presence, QuotaWindow, Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEVEN_PM = NOON + timedelta(hours=7)


def window(used: float | None = 40.0, name: str = Window.FIVE_HOUR, **fields: Any) -> QuotaWindow:
    known = {"observed_at": NOON, "source": Source.HEADER, "resets_at": SEVEN_PM}
    return QuotaWindow(name, used, **{**known, **fields})


def minutes_later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (300 * 60, "five_hour"),
        (299 * 60, "five_hour"),
        (18_000, "five_hour"),
        (10_080 * 60, "weekly"),
        (10_079 * 60, "weekly"),
        (40_320 * 60, "monthly"),
        (44_640 * 60, "monthly"),
        (2_592_000, "monthly"),
        (3 * 3600, "3h"),
        (90 * 60, "90m"),
        (2 * 86_400, "2d"),
        (45, "45s"),
        (None, "limit"),
        (0, "limit"),
    ],
)
def test_a_window_is_named_by_its_length(seconds: float | None, name: str) -> None:
    assert quota.name_of(seconds) == name


def test_another_limit_keeps_its_own_name_and_never_takes_one_of_ours() -> None:
    assert quota.name_of(3 * 3600, "Code Review") == "code_review"
    assert quota.slug("weekly") == "weekly_"
    assert window(name="code_review").is_named
    assert not window().is_named


@pytest.mark.parametrize(
    ("written", "read"),
    [("37", 37.0), ("37.5%", 37.5), (" 100 % ", 100.0), (140, 100.0), (0, 0.0), (-1, None), ("-1", None),
     ("", None), ("many", None), (None, None), (True, None), (float("nan"), None), ("٣٧", None)],
)  # fmt: skip
def test_percent(written: object, read: float | None) -> None:
    assert quota.percent(written) == read


def test_full_until_it_resets() -> None:
    assert window(100.0).is_full(NOON)
    assert window(None, limit_reached=True).is_full(NOON)
    assert not window(99.9).is_full(NOON)
    assert not window(100.0).is_full(SEVEN_PM)


def test_a_full_window_without_a_reset_says_nothing_after_its_length() -> None:
    full = window(100.0, resets_at=None, seconds=18_000)
    assert full.is_full(NOON + timedelta(hours=4, minutes=59))
    assert not full.is_full(NOON + timedelta(hours=5))


def test_low_is_less_than_a_fifth_left() -> None:
    assert [window(used).is_low(NOON) for used in (80.0, 80.1, None)] == [False, True, False]


def test_only_windows_of_the_account_that_count_limit_it() -> None:
    full = window(100.0)
    assert full.limits(NOON)
    assert not window(100.0, scope="spark").limits(NOON)
    assert not window(100.0, name="code_review", counts=False).limits(NOON)
    assert not window(100.0, presence=Presence.INACTIVE).limits(NOON)


def test_the_newest_observation_counts_and_the_better_source_at_the_same_time() -> None:
    older, newer = window(90.0), window(10.0, observed_at=minutes_later(1))
    assert quota.newest([newer], [older]) == (newer,)
    header, query = window(90.0), window(10.0, source=Source.QUOTA_QUERY)
    assert quota.newest([query], [header]) == (header,)


def test_kept_on_a_point_or_a_quarter_of_an_hour() -> None:
    first = window(40.0)
    assert quota.is_kept(None, first)
    assert not quota.is_kept(first, window(40.9, observed_at=minutes_later(1)))
    assert quota.is_kept(first, window(41.0, observed_at=minutes_later(1)))
    assert quota.is_kept(first, window(40.0, observed_at=minutes_later(15)))
    assert not quota.is_kept(first, window(60.0, observed_at=minutes_later(-1)))
    assert quota.is_kept(first, window(None, observed_at=minutes_later(1)))
    assert quota.is_kept(first, window(40.0, observed_at=minutes_later(1), limit_reached=True))


def test_a_reset_that_moves_by_seconds_is_the_same_one() -> None:
    first = window(40.0)
    near, far = SEVEN_PM + timedelta(seconds=59), SEVEN_PM + timedelta(seconds=61)
    assert not quota.is_kept(first, window(40.0, observed_at=minutes_later(1), resets_at=near))
    assert quota.is_kept(first, window(40.0, observed_at=minutes_later(1), resets_at=far))


@pytest.mark.parametrize(
    ("before", "after", "was_reset"),
    [(80.0, 0.5, True), (5.0, 1.0, True), (4.9, 1.0, False), (60.0, 40.0, True), (60.0, 40.1, False),
     (None, 0.0, False), (40.0, 41.0, False)],
)  # fmt: skip
def test_resets_are_seen_by_use(before: float | None, after: float, was_reset: bool) -> None:
    assert quota.was_reset(window(before), window(after, observed_at=minutes_later(5))) is was_reset


def test_resets_are_seen_by_time() -> None:
    assert quota.was_reset(window(40.0), window(39.0, observed_at=SEVEN_PM + timedelta(minutes=1)))


def test_a_window_missing_once_waits_and_missing_twice_is_gone() -> None:
    weekly = window(30.0, Window.WEEKLY, source=Source.QUOTA_QUERY)
    five_hour = window(10.0, source=Source.QUOTA_QUERY, observed_at=minutes_later(1))
    once = quota.inventory([weekly], [five_hour], minutes_later(1), Source.QUOTA_QUERY)
    assert [each.presence for each in once] == [Presence.ACTIVE, Presence.PENDING_ABSENT]
    twice = quota.inventory(once, [five_hour], minutes_later(2), Source.QUOTA_QUERY)
    assert [each.presence for each in twice] == [Presence.ACTIVE, Presence.INACTIVE]


def test_a_listing_can_not_miss_what_another_source_told() -> None:
    told = window(30.0, Window.WEEKLY)
    assert quota.inventory([told], [], minutes_later(1), Source.QUOTA_QUERY) == (told,)


windows = st.builds(
    window,
    st.none() | st.floats(0, 100),
    st.sampled_from([*Window, "code_review"]),
    observed_at=st.integers(0, 5).map(minutes_later),
    source=st.sampled_from(Source),
    scope=st.sampled_from([None, "spark"]),
    limit_reached=st.booleans(),
)


@given(st.lists(windows), st.randoms())
def test_the_order_of_arrival_does_not_matter(seen: list[QuotaWindow], chance: Any) -> None:
    mixed = seen.copy()
    chance.shuffle(mixed)
    assert quota.newest(mixed) == quota.newest(seen)


@given(st.lists(windows, min_size=1))
def test_older_observations_change_nothing(seen: list[QuotaWindow]) -> None:
    known = quota.newest(seen)
    assert quota.newest(known, seen) == known


LISTINGS = json.loads((Path(__file__).parent / "cases" / "listings.json").read_text())


@pytest.mark.parametrize("case", LISTINGS, ids=lambda case: case["name"])
def test_a_listing_is_a_limit_or_a_success(case: dict[str, Any]) -> None:
    """Inspections decide by these: a full window rests the account until its reset; it is never switched off for it."""
    listed = [
        window(
            used, name, resets_at=NOON + timedelta(hours=hours) if hours is not None else None, limit_reached=bool(more)
        )
        for name, used, hours, *more in case["windows"]
    ]
    row = quota.told(listed, 1, NOON, Source.QUOTA_QUERY)
    assert (row.signal, row.window) == (case["signal"], case.get("window"))
    hours = case.get("hours")
    assert row.until == (NOON + timedelta(hours=hours) if hours is not None else None)
    assert row.is_told is (hours is not None)
