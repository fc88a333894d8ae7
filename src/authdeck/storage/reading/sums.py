"""Sums over a time: from those that were kept, and at the range's ends from the requests themselves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    text,
    union_all,
)

from authdeck.spans import DAY, HOUR, Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.names import code
from authdeck.storage.reading.request_search import IS_FAILED
from authdeck.storage.tables import day_account, hour_caller, hour_model, requests

COUNTED_ONE_BY_ONE: Final = 20_000
"""Requests of an hour or day that a range begins or ends in; with more of them it is taken whole."""

_TOKENS: Final = ("tokens_input", "tokens_output", "tokens_cached", "tokens_reasoning")
SUMS: Final = ("requests", "failures", *_TOKENS, "latency_us")
_NONE: Final = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts, tokens as far as they are known, and the durations together in microseconds."""

    requests: int = 0
    failures: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0
    latency_us: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in SUMS))

    @property
    def answered(self) -> int:
        return self.requests - self.failures


@dataclass(frozen=True, slots=True)
class Cover:
    """How a range is made up: whole units (hours or days since 1970, the last not part of it), and parts of units.

    ``whole`` is the time that is covered: wider than what was asked for where a unit had to be taken whole.
    """

    unit: int
    first: int
    end: int
    edges: tuple[Span, ...]
    whole: Span


Grouped = dict[int, Sums]
"""Sums by a number, in the order that was asked for."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some groups of many: those with the most ``order`` (a column of sums) first."""

    limit: int = 50
    offset: int = 0
    order: Literal["requests", "failures", "tokens_input", "tokens_output", "latency_us"] = "requests"


FIRST: Final = Slice()


def cover(
    c: ReadConnection,
    asked: Span,
    unit: int = HOUR,
    most: int = COUNTED_ONE_BY_ONE,
    auth_index: str | None = None,
) -> Cover:
    """``unit`` is an hour or a day. ``most`` requests of a unit that the range begins or ends in are counted singly.

    ``auth_index``: only that account's are counted.
    """
    mine = [requests.c[kind] == number for kind, number in _chosen(c, account=auth_index).items()]
    newest = _newest(c)
    first, end = -(-asked.from_ms // unit), asked.until_ms // unit
    until_ms = asked.until_ms
    if until_ms > newest and end * unit < until_ms:  # nothing lies behind it: the unit that it ends in is whole
        end += 1
    edges = [Span(asked.from_ms, min(first * unit, until_ms)), Span(max(end * unit, asked.from_ms), until_ms)]
    if first > end:  # all of it lies within one unit
        first = end = asked.from_ms // unit
        edges = [asked]
    kept, from_ms = [], asked.from_ms
    for edge in edges:
        if edge.length <= 0:
            continue
        number = edge.from_ms // unit
        if _is_countable(c, edge, mine, most):
            kept.append(edge)
        else:
            first, end = min(first, number), max(end, number + 1)
            from_ms, until_ms = min(from_ms, number * unit), max(until_ms, (number + 1) * unit)
    return Cover(unit, first, max(first, end), tuple(kept), Span(from_ms, until_ms))


def by_hour(
    c: ReadConnection, covered: Cover, *, model: str | None = None, provider: str | None = None
) -> dict[int, Sums]:
    """By hour since 1970."""
    chosen = _chosen(c, model=model, provider=provider)
    return _by_key(c, covered, hour_model, "hour", requests.c.at_ms // HOUR, chosen)


def by_hour_of_caller(c: ReadConnection, covered: Cover, client_key: str) -> dict[int, Sums]:
    chosen = _chosen(c, client_key=client_key)
    return _by_key(c, covered, hour_caller, "hour", requests.c.at_ms // HOUR, chosen)


def by_day_of_account(c: ReadConnection, covered: Cover, auth_index: str) -> dict[int, Sums]:
    """By day (UTC) since 1970. ``covered`` in days."""
    chosen = _chosen(c, account=auth_index)
    return _by_key(c, covered, day_account, "day", requests.c.at_ms // DAY, chosen)


def by_model(
    c: ReadConnection,
    covered: Cover,
    *,
    model: str | None = None,
    provider: str | None = None,
    page: Slice = FIRST,
) -> Grouped:
    """By the model's number among the names; 0 where none was named. The most frequent first, as in the next two."""
    key = func.coalesce(requests.c.model, _NONE)
    return _by_key(c, covered, hour_model, "model", key, _chosen(c, model=model, provider=provider), page)


def by_account(c: ReadConnection, covered: Cover, page: Slice = FIRST) -> Grouped:
    """By the account's number. ``covered`` in days."""
    return _by_key(c, covered, day_account, "account", requests.c.account, {}, page)


def by_caller(c: ReadConnection, covered: Cover, page: Slice = FIRST) -> Grouped:
    """By the client key's number."""
    return _by_key(c, covered, hour_caller, "client_key", requests.c.client_key, {}, page)


def of_events(c: ReadConnection, key: Any, where: Iterable[Any], page: Slice | None = None) -> Grouped:
    """Sums of the requests themselves by an expression over them; those for which it is unknown are left out."""
    statement = select(key.label("of"), *raw_sums()).where(*where, key.is_not(None)).group_by(text("1"))
    if page is not None:
        statement = statement.order_by(text(f"{page.order} DESC, 1")).limit(page.limit).offset(page.offset)
    return {int(row.of): sums_of(row) for row in c.execute(statement)}


def together(*some: Grouped) -> Grouped:
    whole: Grouped = {}
    for found in some:
        for of, sums in found.items():
            whole[of] = whole[of] + sums if of in whole else sums
    return whole


def first(found: Grouped, page: Slice) -> Grouped:
    """Those groups of all that a page shows."""
    ordered = sorted(found.items(), key=lambda pair: (-getattr(pair[1], page.order), pair[0]))
    return dict(ordered[page.offset : page.offset + page.limit])


def total(sums: Mapping[int, Sums]) -> Sums:
    return sum(sums.values(), Sums())


def _by_key(
    c: ReadConnection,
    covered: Cover,
    table: Table,
    key: str,
    raw_key: Any,
    chosen: Mapping[str, int],
    page: Slice | None = None,
) -> Grouped:
    """Kept sums and single requests."""
    unit = table.c.hour if covered.unit == HOUR else table.c.day
    here = unit >= covered.first, unit < covered.end, *(table.c[name] == number for name, number in chosen.items())
    if page is None:  # a few groups: each source by itself, so that the database need not sort all of their rows
        kept = select(table.c[key].label("of"), *(func.sum(table.c[name]).label(name) for name in SUMS)).where(*here)
        whole = {int(row.of): sums_of(row) for row in c.execute(kept.group_by(table.c[key]))}
        mine = [requests.c[name] == number for name, number in chosen.items()]
        return together(whole, *(of_events(c, raw_key, (within(edge), *mine)) for edge in covered.edges))
    every = select(table.c[key].label("of"), *(table.c[name] for name in SUMS)).where(*here)
    added = union_all(every, *(_single(raw_key, edge, chosen) for edge in covered.edges)).subquery()
    ordered = func.sum(added.c[page.order]).desc(), added.c.of
    statement = select(added.c.of, *(func.sum(added.c[name]).label(name) for name in SUMS)).group_by(added.c.of)
    statement = statement.order_by(*ordered).limit(page.limit).offset(page.offset)
    return {int(row.of): sums_of(row) for row in c.execute(statement)}


def _single(key: Any, edge: Span, chosen: Mapping[str, int]) -> Select[Any]:
    counts = literal(1).label("requests"), case((IS_FAILED, 1), else_=0).label("failures")
    tokens = (func.coalesce(requests.c[name], 0).label(name) for name in _TOKENS)
    where = (requests.c[name] == number for name, number in chosen.items())
    return select(key.label("of"), *counts, *tokens, requests.c.latency_us).where(
        within(edge), key.is_not(None), *where
    )


def raw_sums() -> Iterator[Any]:
    yield func.count().label("requests")
    yield func.sum(case((IS_FAILED, 1), else_=0)).label("failures")
    for name in _TOKENS:
        yield func.coalesce(func.sum(requests.c[name]), 0).label(name)
    yield func.sum(requests.c.latency_us).label("latency_us")


def sums_of(row: Row[Any]) -> Sums:
    return Sums(*(int(getattr(row, name)) for name in SUMS))


def _chosen(c: ReadConnection, **wanted: str | None) -> dict[str, int]:
    """Numbers of the names by their kind; one that nobody knows is a number that nothing has."""
    return {kind: code(c, kind, name) or -1 for kind, name in wanted.items() if name is not None}


def within(span: Span) -> ColumnElement[bool]:
    return and_(requests.c.at_ms >= span.from_ms, requests.c.at_ms < span.until_ms)


def _newest(c: ReadConnection) -> int:
    """When the newest request came in; where all are gone, the end of the newest hour that had any."""
    newest = c.execute(select(func.max(requests.c.at_ms))).scalar()
    if newest is not None:
        return int(newest)
    hour = c.execute(select(func.max(hour_model.c.hour))).scalar()
    return 0 if hour is None else (int(hour) + 1) * HOUR - 1


def _is_countable(c: ReadConnection, edge: Span, mine: Sequence[Any], most: int) -> bool:
    """Whether the edge's requests are few enough, and all still there."""
    some = select(requests.c.n).where(within(edge), *mine).limit(most + 1).subquery()
    if (c.execute(select(func.count()).select_from(some)).scalar() or 0) > most:
        return False
    return is_whole(c, Span(edge.from_ms // HOUR * HOUR, -(-edge.until_ms // HOUR) * HOUR))


def is_whole(c: ReadConnection, span: Span) -> bool:
    """Whether as many requests of these whole hours are still there as were counted in them.

    The oldest go first, but a later one than the oldest that is there may be gone: older ones come by import.
    """
    there = c.execute(select(func.count()).select_from(requests).where(within(span))).scalar()
    hours = hour_model.c.hour >= span.from_ms // HOUR, hour_model.c.hour < span.until_ms // HOUR
    counted = c.execute(select(func.coalesce(func.sum(hour_model.c.requests), 0)).where(*hours)).scalar()
    return int(there or 0) >= int(counted or 0)


def kept_from(c: ReadConnection, asked: Span) -> int:
    """From when on all requests of that time are still there: the end of its newest hour of which some are gone.

    The oldest go first: after an hour with none of its requests left, only the next one may lack some of them.
    """
    begins, end = asked.from_ms // HOUR, -(-asked.until_ms // HOUR)
    asked_for = hour_model.c.hour >= begins, hour_model.c.hour < end
    hour = select(hour_model.c.hour).where(*asked_for).distinct().subquery()
    begin_ms = cast(hour.c.hour, BigInteger) * HOUR
    left = select(requests.c.n).where(requests.c.at_ms >= begin_ms, requests.c.at_ms < begin_ms + HOUR).exists()
    gone = c.execute(select(hour.c.hour).where(~left).order_by(hour.c.hour.desc()).limit(1)).scalar()
    begins = begins if gone is None else int(gone) + 1
    while (following := _first_hour(c, begins, end)) is not None and not is_whole(c, _hour(following)):
        begins = following + 1
    return min(asked.until_ms, max(asked.from_ms, begins * HOUR))


def _first_hour(c: ReadConnection, begins: int, end: int) -> int | None:
    """That had requests."""
    hours = hour_model.c.hour >= begins, hour_model.c.hour < end
    return c.execute(select(func.min(hour_model.c.hour)).where(*hours)).scalar()


def _hour(number: int) -> Span:
    return Span(number * HOUR, (number + 1) * HOUR)
