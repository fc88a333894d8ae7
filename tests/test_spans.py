"""Ranges cut for charts: nothing lost, nothing twice, and every cut where sums can be cut."""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.spans import DAY, FINE, HOUR, MINUTE, Span, part_of, parts

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe")
NEAR_DST = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp() * 1000)

moments = st.integers(NEAR_DST - 40 * DAY, NEAR_DST + 40 * DAY)
lengths = st.one_of(st.integers(1, FINE), st.integers(1, 3 * DAY), st.integers(1, 1000 * DAY))


@given(from_ms=moments, length=lengths, zone=st.sampled_from(ZONES))
def test_the_parts_are_the_whole(from_ms: int, length: int, zone: str) -> None:
    whole = Span(from_ms, from_ms + length)
    cut = parts(whole, ZoneInfo(zone))
    assert (cut[0].from_ms, cut[-1].until_ms) == (whole.from_ms, whole.until_ms)
    assert all(one.until_ms == other.from_ms for one, other in itertools.pairwise(cut))
    assert all(part.length > 0 for part in cut)
    assert len(cut) <= 110
    step = HOUR if length > FINE else MINUTE
    assert all(part.from_ms % step == 0 for part in cut[1:])


@given(from_ms=moments, length=lengths, zone=st.sampled_from(ZONES), at=st.floats(0, 0.999))
def test_each_moment_lies_in_its_part(from_ms: int, length: int, zone: str, at: float) -> None:
    cut = parts(Span(from_ms, from_ms + length), ZoneInfo(zone))
    moment = from_ms + int(at * length)
    part = cut[part_of(cut, moment)]
    assert part.from_ms <= moment < part.until_ms


def test_an_empty_range_has_no_parts() -> None:
    assert parts(Span(5, 5), UTC) == parts(Span(5, 4), UTC) == []


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        ("Europe/Berlin", ["24T00:00", "25T00:00", "26T00:00"]),
        ("Asia/Kolkata", ["24T00:30", "25T00:30", "26T00:30"]),
    ],
)
def test_days_begin_at_midnight_or_the_next_full_hour(zone: str, starts: list[str]) -> None:
    """Of the three days around the end of summer time the middle one has 25 hours in Berlin."""
    berlin = ZoneInfo(zone)
    since = int(datetime(2026, 10, 20, tzinfo=berlin).timestamp() * 1000)
    cut = parts(Span(since, since + 20 * DAY), berlin)
    local = [datetime.fromtimestamp(part.from_ms / 1000, berlin).strftime("%dT%H:%M") for part in cut]
    assert [start for start in local if start[:2] in ("24", "25", "26")] == starts
    if zone == "Europe/Berlin":
        assert cut[5].length == 25 * HOUR
