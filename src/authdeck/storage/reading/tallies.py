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
from authdeck.storage.reading.requests import Gap
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
"""Requests of hours that are not tallied yet, at most, the newest: earlier ones of such hours are left out."""

_NAMED: Final = ("prefix", "model", "provider")
_RAW_KEYS: Final[dict[Key, Any]] = {
    "hour": requests.c.at_ms // HOUR,
    "model": func.coalesce(requests.c.model, 0),
}


@dataclass(frozen=True, slots=True)
class Told:
    """How a range is made up: days and hours (since 1970) from tallies, and spans whose requests are counted.

    ``covered`` begins later than what was asked for where nothing else is known. ``left_out``, oldest first, are times
    in it whose requests were too many to be counted.
    """

    covered: Span
    days: tuple[int, ...]
    hours: tuple[int, ...]
    single: tuple[Span, ...]
    left_out: tuple[Gap, ...]


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
    untold = _untold(c, [hour for hour in there if hour not in known.tallied_hours], known.counted, most)
    from_ms = whole.whole.from_ms if untold.gone is None else (untold.gone + 1) * HOUR
    kept_days = sorted(day for day in days if day * HOURS_A_DAY * HOUR >= from_ms)
    kept_hours = sorted(hour for hour in there if hour in known.tallied_hours and hour * HOUR >= from_ms)
    tallied = [day * HOURS_A_DAY * HOUR for day in kept_days[:1]] + [hour * HOUR for hour in kept_hours[:1]]
    before = [gap.until_ms for gap in untold.left_out if not tallied or gap.from_ms < min(tallied)]
    from_ms = max([from_ms, *before])
    return Told(
        Span(from_ms, max(from_ms, whole.whole.until_ms)),
        tuple(kept_days),
        tuple(kept_hours),
        tuple(span for span in [*untold.single, *whole.edges] if span.from_ms >= from_ms),
        tuple(gap for gap in untold.left_out if gap.from_ms >= from_ms),
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


@dataclass(frozen=True, slots=True)
class _Untold:
    """Of hours that are not tallied, oldest first; ``gone`` is the newest of which requests were deleted."""

    single: list[Span]
    left_out: list[Gap]
    gone: int | None


def _untold(c: ReadConnection, hours: Sequence[int], counted: dict[int, int], left: int) -> _Untold:
    """What can be counted of the hours, the newest first: the one that is too much for it from within."""
    some: list[int] = []
    rest: list[Span] = []
    left_out: list[Gap] = []
    for hour in sorted(hours, reverse=True):
        span, number = Span(hour * HOUR, (hour + 1) * HOUR), counted[hour]
        if left > 0 and not is_whole(c, span):
            return _Untold(_spans(rest, some), left_out[::-1], hour)
        if number <= left:
            left -= number
            some.append(hour)
            continue
        begins = _begin(c, span, left) if left > 0 else span.until_ms
        if left > 0:
            rest.append(Span(begins, span.until_ms))
        if begins > span.from_ms:
            _leave_out(left_out, Gap(span.from_ms, begins, "not_counted", number - left))
        left = 0
    return _Untold(_spans(rest, some), left_out[::-1], None)


def _spans(rest: list[Span], hours: list[int]) -> list[Span]:
    return [*rest, *(Span(first * HOUR, (last + 1) * HOUR) for first, last in runs(sorted(hours)))]


def _begin(c: ReadConnection, span: Span, newest: int) -> int:
    """When so many of its newest requests begin."""
    ordered = select(requests.c.at_ms).where(within(span)).order_by(requests.c.at_ms.desc())
    return int(c.execute(ordered.offset(newest - 1).limit(1)).scalar_one())


def _leave_out(some: list[Gap], gap: Gap) -> None:
    """Hours beside each other are one."""
    if some and some[-1].from_ms == gap.until_ms:
        later = some.pop()
        gap = replace(gap, until_ms=later.until_ms, count=(gap.count or 0) + (later.count or 0))
    some.append(gap)


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
