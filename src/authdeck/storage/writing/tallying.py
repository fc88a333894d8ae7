"""Counting the requests of a finished hour or day that were alike: what filters of any time are answered from."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select

from authdeck.spans import HOUR, Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.settled import HOURS_A_DAY
from authdeck.storage.reading.sums import SUMS, is_whole, raw_sums, within
from authdeck.storage.tables import ALL, TOGETHER, requests, tallies

Rows = Sequence[tuple[Any, ...]]

_ALIKE: Final = ("number", "project", "prefix", "model", "provider", "failure", "status")
_COLUMNS: Final = ("span", *_ALIKE, *SUMS)

ADD: Final = f"INSERT INTO tallies ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - names of ours
"""For ``execute_many`` with what the functions give."""


def of_hour(c: ReadConnection, hour: int) -> Rows | None:
    """From the requests themselves; ``None`` where some of them are gone."""
    span = Span(hour * HOUR, (hour + 1) * HOUR)
    if not is_whole(c, span):
        return None
    named = _alike(c, span, "prefix", "model", "provider", "failure")
    by_project, by_failure = _alike(c, span, "project", "failure"), _alike(c, span, "failure")
    rest = TOGETHER, TOGETHER, TOGETHER
    return [
        *(("hour", hour, TOGETHER, *row) for row in named),
        *(("hour", hour, row[0], *rest, *row[1:]) for row in by_project if row[0]),
        *(("hour", hour, ALL, *rest, *row) for row in by_failure),
    ]


def of_day(c: ReadConnection, day: int) -> Rows:
    """From those of its hours."""
    by = [tallies.c[name] for name in _ALIKE if name != "number"]
    hours = tallies.c.number >= day * HOURS_A_DAY, tallies.c.number < (day + 1) * HOURS_A_DAY
    statement = (
        select(*by, *(func.sum(tallies.c[name]) for name in SUMS)).where(tallies.c.span == "hour", *hours).group_by(*by)
    )
    return [("day", day, *map(int, row)) for row in c.execute(statement)]


def _alike(c: ReadConnection, span: Span, *by: str) -> Rows:
    """Sums by the numbers of those names (0: none) and the status."""
    numbers = [*(func.coalesce(requests.c[name], 0) for name in by), requests.c.status]
    named = [number.label(f"of_{place}") for place, number in enumerate(numbers)]
    statement = select(*named, *raw_sums()).where(within(span)).group_by(*named)
    return [tuple(map(int, row)) for row in c.execute(statement)]
