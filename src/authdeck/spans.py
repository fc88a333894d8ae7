"""A range of time, cut into the parts that a chart's bars stand for. Pure.

Sums are kept by whole hours of UTC, so every cut but those within minutes lies on one: at local midnight, or where a
zone is half an hour off, at the next full hour.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

FINE: Final = 2 * HOUR
"""Ranges up to this long are cut within hours, and so told from the requests themselves."""

BY_DAY: Final = 15 * DAY
"""Ranges longer than this are cut into days or more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Unix milliseconds; ``until_ms`` is not part of it."""

    from_ms: int
    until_ms: int

    @property
    def length(self) -> int:
        return self.until_ms - self.from_ms


def parts(whole: Span, zone: tzinfo) -> list[Span]:
    """The range in at most some hundred parts, without holes, in order. Empty where the range is."""
    if whole.length <= 0:
        return []
    inner = sorted({at for at in _cuts(whole, zone) if whole.from_ms < at < whole.until_ms})
    ends = [whole.from_ms, *inner, whole.until_ms]
    return [Span(*pair) for pair in pairwise(ends)]


def part_of(parts: Sequence[Span], at_ms: int) -> int:
    """Which of them a moment lies in; the nearest where it lies outside."""
    return max(0, bisect_right([part.from_ms for part in parts], at_ms) - 1)


def _cuts(whole: Span, zone: tzinfo) -> Iterator[int]:
    length = whole.length
    if length <= FINE:
        return _multiples(whole, MINUTE if length <= HOUR else 2 * MINUTE)
    if length <= 3 * DAY:
        return _multiples(whole, HOUR)
    if length <= BY_DAY:
        return _local(whole, zone, lambda _day: (0, 6, 12, 18))
    if length <= 100 * DAY:
        return _local(whole, zone, lambda _day: (0,))
    if length <= 700 * DAY:
        return _local(whole, zone, lambda day: (0,) if day.weekday() == 0 else ())
    return _local(whole, zone, lambda day: (0,) if day.day == 1 else ())


def _multiples(whole: Span, step: int) -> Iterator[int]:
    return iter(range(whole.from_ms // step * step, whole.until_ms, step))


def _local(whole: Span, zone: tzinfo, hours: Callable[[date], Sequence[int]]) -> Iterator[int]:
    """Those hours of each day by the clock on the wall, each at the next full hour of UTC."""
    day = datetime.fromtimestamp(whole.from_ms / 1000, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(whole.until_ms / 1000, zone).date() + timedelta(days=1)
    while day <= last:
        for hour in hours(day):
            at_ms = int(datetime.combine(day, time(hour), zone).astimezone(UTC).timestamp() * 1000)
            yield -(-at_ms // HOUR) * HOUR
        day += timedelta(days=1)
