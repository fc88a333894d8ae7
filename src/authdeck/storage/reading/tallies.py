"""Sums of any time for filters that no other sums know: prefix, project, status and failure.

From what was tallied of finished hours and days; from the requests themselves where that is not done yet.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_, select, text

from authdeck.spans import HOUR, Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.names import AT_ONCE, code, failures
from authdeck.storage.reading.request_search import RequestSearch, conditions
from authdeck.storage.reading.settled import HOURS_A_DAY, runs, settled_in
from authdeck.storage.reading.sums import (
    SUMS,
    Grouped,
    Slice,
    cover,
    first,
    is_whole,
    of_events,
    sums_of,
    together,
    within,
)
from authdeck.storage.tables import ALL, TOGETHER, requests
from authdeck.storage.tables import tallies as table

Key = Literal["hour", "model"]

COUNTED_ONE_BY_ONE: Final = 100_000
"""Requests of hours that are not tallied yet, at most: of earlier ones nothing is told."""

_NAMED: Final = ("prefix", "model", "provider")
_RAW_KEYS: Final[dict[Key, Any]] = {
    "hour": requests.c.at_ms // HOUR,
    "model": func.coalesce(requests.c.model, 0),
}


@dataclass(frozen=True, slots=True)
class Told:
    """How a range is made up: days and hours (since 1970) from tallies, and spans whose requests are counted.

    ``covered`` begins later than what was asked for where nothing else is known.
    """

    covered: Span
    days: tuple[int, ...]
    hours: tuple[int, ...]
    single: tuple[Span, ...]


def answers(search: RequestSearch, key: Key = "hour") -> bool:
    """Whether tallies know what the search asks for."""
    alike = RequestSearch(status=search.status, failure=search.failure)
    if search.project is not None:
        return key != "model" and search == replace(alike, project=search.project)
    return search == replace(alike, prefix=search.prefix, model=search.model, provider=search.provider)


def told(c: ReadConnection, asked: Span, *, by_day: bool = False, most: int = COUNTED_ONE_BY_ONE) -> Told:
    """``by_day``: of days that lie in it wholly only the sum is needed. ``most`` requests are counted singly."""
    whole = cover(c, asked)
    known = settled_in(c, whole.first, whole.end)
    days = known.tallied_days if by_day else set()
    there = [hour for hour in known.counted if hour // HOURS_A_DAY not in days]
    hours, untold = _untold(c, [hour for hour in there if hour not in known.tallied_hours], known.counted, most)
    from_ms = whole.whole.from_ms if untold is None else (untold + 1) * HOUR
    single = [*(Span(first * HOUR, (last + 1) * HOUR) for first, last in runs(hours)), *whole.edges]
    return Told(
        Span(from_ms, max(from_ms, whole.whole.until_ms)),
        tuple(sorted(day for day in days if day * HOURS_A_DAY * HOUR >= from_ms)),
        tuple(sorted(hour for hour in there if hour in known.tallied_hours and hour * HOUR >= from_ms)),
        tuple(span for span in single if span.from_ms >= from_ms),
    )


def sums_by(c: ReadConnection, told: Told, search: RequestSearch, key: Key, page: Slice | None = None) -> Grouped:
    """``hour`` gives days too, where there are any: each by its first hour."""
    found = together(*_parts(c, told, search, key))
    return found if page is None else first(found, page)


def failures_by(c: ReadConnection, told: Told, search: RequestSearch) -> dict[int, int]:
    """How many failed, by failure; a failed request without one by its status, below zero."""
    found: Counter[int] = Counter()
    key = case((table.c.failure != 0, table.c.failure), else_=-table.c.status)
    for _, there in _kept(told):
        statement = select(key.label("of"), func.sum(table.c.failures).label("failures"))
        where = there, *_conditions(c, search, "hour")
        found.update({int(row.of): int(row.failures) for row in c.execute(statement.where(*where).group_by(text("1")))})
    for one in told.single:
        raw_key = func.coalesce(requests.c.failure, -requests.c.status)
        failed = of_events(c, raw_key, (within(one), *conditions(c, search)))
        found.update({of: some.failures for of, some in failed.items()})
    return dict(found)


def _untold(
    c: ReadConnection, hours: Sequence[int], counted: dict[int, int], left: int
) -> tuple[list[int], int | None]:
    """Those of the hours whose requests can be counted, the newest; and the first that can't be, going back."""
    oldest = c.execute(select(func.min(requests.c.at_ms))).scalar()
    some: list[int] = []
    for hour in sorted(hours, reverse=True):
        span = Span(hour * HOUR, (hour + 1) * HOUR)
        left -= counted[hour]
        if left < 0 or oldest is None or (oldest >= span.from_ms and not is_whole(c, span)):
            return some[::-1], hour
        some.append(hour)
    return some[::-1], None


def _parts(c: ReadConnection, told: Told, search: RequestSearch, key: Key) -> Iterator[Grouped]:
    for span, there in _kept(told):
        hour = table.c.number * (HOURS_A_DAY if span == "day" else 1)
        of = hour if key == "hour" else table.c.model
        statement = (
            select(of.label("of"), *(func.sum(table.c[name]).label(name) for name in SUMS))
            .where(there, *_conditions(c, search, key))
            .group_by(text("1"))
        )
        yield {int(row.of): sums_of(row) for row in c.execute(statement)}
    for one in told.single:
        yield of_events(c, _RAW_KEYS[key], (within(one), *conditions(c, search)))


def _kept(told: Told) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """The days and the hours, some at a time: each is looked up by itself."""
    for span, numbers in (("day", told.days), ("hour", told.hours)):
        for start in range(0, len(numbers), AT_ONCE):
            yield span, and_(table.c.span == span, table.c.number.in_(numbers[start : start + AT_ONCE]))


def _conditions(c: ReadConnection, search: RequestSearch, key: Key) -> Iterator[ColumnElement[bool]]:
    yield table.c.project == _project(c, search, key)
    for kind in _NAMED:
        if (wanted := getattr(search, kind)) is not None:
            yield table.c[kind] == _number(c, kind, wanted)
    if search.failure is not None:
        yield table.c.failure.in_(failures(search.failure))
    has_failed = or_(table.c.failure != 0, table.c.status >= 400)  # noqa: PLR2004 - HTTP
    if search.status == "failed":
        yield has_failed
    elif search.status == "ok":
        yield and_(table.c.failure == 0, table.c.status < 400)  # noqa: PLR2004 - HTTP
    elif search.status is not None:
        yield table.c.status == search.status


def _project(c: ReadConnection, search: RequestSearch, key: Key) -> int:
    """The fewest tallies that tell it."""
    if search.project is not None:
        return _number(c, "project", search.project)
    is_plain = search == RequestSearch(status=search.status, failure=search.failure)
    return ALL if is_plain and key == "hour" else TOGETHER


_NOBODY: Final = -3


def _number(c: ReadConnection, kind: str, name: str) -> int:
    return code(c, kind, name) or _NOBODY
