"""Which finished hours and days can be told from their tallies: those that no request came to since."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import func, select

from authdeck.spans import DAY, HOUR
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import hour_model, settled

HOURS_A_DAY: Final = DAY // HOUR


@dataclass(frozen=True, slots=True)
class Settled:
    """Numbers of hours and days since 1970.

    ``counted`` is the requests of each hour that has any. ``settled`` hours were tallied, or can't be any more.
    """

    counted: dict[int, int]
    settled: set[int]
    tallied_hours: set[int]
    tallied_days: set[int]


def settled_in(c: ReadConnection, first: int, end: int) -> Settled:
    """Of the hours since 1970 from ``first`` to before ``end``, and the days that lie in them wholly."""
    counted = _requests_by_hour(c, first, end)
    by_day: dict[int, int] = defaultdict(int)
    for hour, number in counted.items():
        by_day[hour // HOURS_A_DAY] += number
    done, tallied_hours = _made_of(c, "hour", first, end, counted)
    _, tallied_days = _made_of(c, "day", -(-first // HOURS_A_DAY), end // HOURS_A_DAY, by_day)
    return Settled(counted, done, tallied_hours, tallied_days)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each row of numbers without a hole."""
    found = []
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        together = [number for _, number in run]
        found.append((together[0], together[-1]))
    return found


def _requests_by_hour(c: ReadConnection, first: int, end: int) -> dict[int, int]:
    statement = (
        select(hour_model.c.hour, func.sum(hour_model.c.requests).label("number"))
        .where(hour_model.c.hour >= first, hour_model.c.hour < end)
        .group_by(hour_model.c.hour)
    )
    return {row.hour: int(row.number) for row in c.execute(statement)}


def _made_of(c: ReadConnection, span: str, first: int, end: int, counted: dict[int, int]) -> tuple[set[int], set[int]]:
    """Those that settled with all requests that they have now; and those whose tallies were made of all of them."""
    statement = select(settled.c.number, settled.c.requests, settled.c.tallied).where(
        settled.c.span == span, settled.c.number >= first, settled.c.number < end
    )
    rows = c.execute(statement).all()
    return (
        {row.number for row in rows if counted.get(row.number) == row.requests},
        {row.number for row in rows if counted.get(row.number) == row.tallied},
    )
