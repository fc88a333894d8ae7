"""When something happens again: intervals, times of day, and what changes of clocks do to them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.errors import DeckError
from authdeck.timing import Timing, next_after, read, written

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - strategy's own
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
daily = st.builds(lambda ts, zone: Timing(times=tuple(sorted(ts)), zone=zone), st.sets(times, min_size=1, max_size=4),
                  st.sampled_from(ZONES))  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_it_works() -> None:
    timing = Timing(times=("03:00", "15:30"), zone="Europe/Berlin")
    assert next_after(timing, utc("2026-11-23T12:00")) == utc("2026-11-23T14:30")
    assert next_after(timing, utc("2026-11-23T14:30")) == utc("2026-11-24T02:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-28T12:00", "2026-03-29T01:00"),  # 02:30 is left out: the clocks go from 02:00 to 03:00 at 01:00 UTC
        ("2026-03-29T01:00", "2026-03-30T00:30"),
        ("2026-10-24T12:00", "2026-10-25T00:30"),  # 02:30 comes twice: the first one
        ("2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_changes_of_clocks(now: str, expected: str) -> None:
    assert next_after(Timing(times=("02:30",), zone="Europe/Berlin"), utc(now)) == utc(expected)


def test_an_interval_keeps_its_beat_whatever_was_missed() -> None:
    timing, due = Timing(every=60), utc("2026-11-23T10:07")
    assert next_after(timing, utc("2026-11-23T10:07"), due) == utc("2026-11-23T11:07")
    assert next_after(timing, utc("2026-11-23T15:30"), due) == utc("2026-11-23T16:07")
    assert next_after(timing, utc("2026-11-23T15:30")) == utc("2026-11-23T16:30")


@given(daily, moments)
def test_the_next_one_is_the_first_after_now(timing: Timing, now: datetime) -> None:
    following = next_after(timing, now)
    assert now < following <= now + timedelta(days=2, hours=2)
    assert next_after(timing, following - timedelta(microseconds=1)) == following


@given(daily, moments)
def test_every_day_has_each_time_once(timing: Timing, now: datetime) -> None:
    """Over a year: as many as days times times of day, no two at one moment but those that fall into one gap."""
    seen = [now]
    for _ in range(8):
        seen.append(next_after(timing, seen[-1]))
    assert all(before < after for before, after in pairwise(seen))
    local = [moment.astimezone(ZoneInfo(timing.zone)).strftime("%H:%M") for moment in seen[1:]]
    known = [each for each in local if each in timing.times]
    assert len(known) >= len(local) - 2  # a gap moves what falls into it, and apart from gaps nothing moves


@given(st.integers(5, 10_080), moments, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_intervals(every: int, due: datetime, late: timedelta) -> None:
    now = due + late
    following = next_after(Timing(every=every), now, due)
    assert now < following <= now + timedelta(minutes=every)
    assert (following - due) % timedelta(minutes=every) == timedelta(0)


@given(st.one_of(daily, st.builds(lambda every: Timing(every=every), st.integers(5, 10_080))))
def test_what_is_written_is_read_again(timing: Timing) -> None:
    assert read(written(timing)) == timing


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ({}, "every_or_times"),
        ({"every": 60, "times": ["03:00"]}, "every_or_times"),
        ({"every": 60, "at": "03:00"}, "every_or_times"),
        ({"every": 4}, "every"),
        ({"every": True}, "every"),
        ({"every": 10_081}, "every"),
        ({"times": ["3:00"]}, "times"),
        ({"times": ["24:00"]}, "times"),
        ({"times": "03:00"}, "times"),
        ({"times": ["03:00"] * 25}, "times"),
        ({"times": ["03:00"], "zone": "Europe/Nowhere"}, "zone"),
        ({"times": ["03:00"], "zone": "../../etc/passwd"}, "zone"),
        ({"times": ["03:00"], "zone": 5}, "zone"),
    ],
)
def test_what_is_no_timing(given_: dict[str, object], problem: str) -> None:
    with pytest.raises(DeckError) as refused:
        read(given_)
    assert (refused.value.code, refused.value.params["problem"]) == ("timing_invalid", problem)
