"""How long requests took, over many of them: from buckets that were kept, or from the requests themselves."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, func, select, text

from authdeck.spans import DAY, HOUR
from authdeck.storage.database import ReadConnection
from authdeck.storage.latency import percentile
from authdeck.storage.tables import day_latency, hour_latency, hour_model, latency_buckets, requests, settled

HOURS_A_DAY: Final = DAY // HOUR
KINDS: Final = ("latency", "ttfb")

Counts = dict[int, int]
"""How many durations lie in each bucket."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds of the whole answer and of its first byte; ``None`` where nothing is known."""

    p50: float | None = None
    p95: float | None = None
    ttfb_p50: float | None = None
    ttfb_p95: float | None = None


def percentiles(latency: Counts, ttfb: Counts) -> Percentiles:
    """Right to 13 %, which is how wide a bucket is."""
    found = [percentile(counts, share) for counts in (latency, ttfb) for share in (0.5, 0.95)]
    return Percentiles(*(None if micros is None else micros / 1000 for micros in found))


def by_ranges(
    c: ReadConnection, ranges: Sequence[tuple[int, int]], model: int | None = None
) -> list[dict[str, Counts]]:
    """By kind, for each range of hours since 1970 (the last not part of it): over all models, or of one."""
    if model is not None:
        return [_of_model(c, model, first, end) for first, end in ranges]
    whole = min((first for first, _ in ranges), default=0), max((end for _, end in ranges), default=0)
    counted = _requests_by_hour(c, *whole)
    done = _settled(c, "hour", *whole, counted)
    return [_of_all(c, first, end, counted, done) for first, end in ranges]


def by_model(c: ReadConnection, first: int, end: int, kinds: Iterable[str] = KINDS) -> dict[int, dict[str, Counts]]:
    """By the model's number and kind, over the hours since 1970 from ``first`` to before ``end``."""
    counted: Counts = defaultdict(int)
    for hour, number in _requests_by_hour(c, first, end).items():
        counted[hour // HOURS_A_DAY] += number
    whole = range(-(-first // HOURS_A_DAY), end // HOURS_A_DAY)
    done = _settled(c, "day", whole.start, whole.stop, counted) if whole else set()
    found: dict[int, dict[str, Counts]] = defaultdict(lambda: {kind: defaultdict(int) for kind in KINDS})
    some = tuple(kinds)
    for low, high in _runs(sorted(done)):
        _sum_up(c, found, day_latency, day_latency.c.day.between(low, high), some)
    hours = [hour for hour in range(first, end) if hour // HOURS_A_DAY not in done]
    for low, high in _runs(hours):
        _sum_up(c, found, latency_buckets, latency_buckets.c.hour.between(low, high), some)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Duration:
    """One request's: when it came in (unix milliseconds), what it is grouped by, and microseconds."""

    at_ms: int
    of: int
    latency_us: int
    ttfb_us: int | None


def of_events(c: ReadConnection, key: Any, where: Iterable[Any]) -> list[Duration]:
    """The requests' own; ask for a bounded number of them."""
    statement = select(requests.c.at_ms, key.label("of"), requests.c.latency_us, requests.c.ttfb_us)
    rows = c.execute(statement.where(*where, key.is_not(None)))
    return [Duration(row.at_ms, int(row.of), row.latency_us, row.ttfb_us) for row in rows]


def exact(durations: Iterable[Duration]) -> Percentiles:
    every = list(durations)
    of_all = sorted(one.latency_us for one in every)
    first_bytes = sorted(one.ttfb_us for one in every if one.ttfb_us is not None)
    return Percentiles(*(_ranked(micros, share) for micros in (of_all, first_bytes) for share in (50, 95)))


def together(parts: Iterable[dict[str, Counts]]) -> dict[str, Counts]:
    whole: dict[str, Counts] = {kind: defaultdict(int) for kind in KINDS}
    for part in parts:
        for kind, counts in part.items():
            for bucket, number in counts.items():
                whole[kind][bucket] += number
    return whole


def _ranked(ordered: Sequence[int], share: int) -> float | None:
    """``share`` in percent."""
    return ordered[-(-len(ordered) * share // 100) - 1] / 1000 if ordered else None


def _requests_by_hour(c: ReadConnection, first: int, end: int) -> Counts:
    statement = (
        select(hour_model.c.hour, func.sum(hour_model.c.requests).label("number"))
        .where(hour_model.c.hour >= first, hour_model.c.hour < end)
        .group_by(hour_model.c.hour)
    )
    return {row.hour: int(row.number) for row in c.execute(statement)}


def _settled(c: ReadConnection, span: str, first: int, end: int, counted: Counts) -> set[int]:
    """Those whose derived rows were made of all requests that they have now."""
    statement = select(settled.c.number, settled.c.requests).where(
        settled.c.span == span, settled.c.number >= first, settled.c.number < end
    )
    return {row.number for row in c.execute(statement) if counted.get(row.number) == row.requests}


def _of_all(c: ReadConnection, first: int, end: int, counted: Counts, done: set[int]) -> dict[str, Counts]:
    """Hours that have settled from their own row, the others from their models'; empty ones are not asked for."""
    there = [hour for hour in range(first, end) if hour in counted]
    parts = [_added(c, hour_latency, hour_latency.c.hour.between(*run)) for run in _runs(h for h in there if h in done)]
    fine = (hour for hour in there if hour not in done)
    parts += [_added(c, latency_buckets, latency_buckets.c.hour.between(*run)) for run in _runs(fine)]
    return together(parts)


def _of_model(c: ReadConnection, model: int, first: int, end: int) -> dict[str, Counts]:
    """Each hour is looked up by itself, so that its other models are not read."""
    table = latency_buckets.c
    return _added(c, latency_buckets, and_(table.model == model, table.hour.in_(range(first, end))))


def _added(c: ReadConnection, table: Table, where: ColumnElement[bool]) -> dict[str, Counts]:
    statement = (
        select(table.c.kind, table.c.bucket, func.sum(table.c.count).label("times"))
        .where(where)
        .group_by(table.c.kind, table.c.bucket)
    )
    found: dict[str, Counts] = {kind: {} for kind in KINDS}
    for row in c.execute(statement):
        found[row.kind][row.bucket] = int(row.times)
    return found


def _sum_up(
    c: ReadConnection, found: dict[int, dict[str, Counts]], table: Table, where: Any, kinds: tuple[str, ...]
) -> None:
    statement = (
        select(table.c.model, table.c.kind, table.c.bucket, func.sum(table.c.count).label("times"))
        .where(where, table.c.kind.in_(kinds))
        .group_by(text("1"), text("2"), text("3"))
    )
    for row in c.execute(statement):
        found[row.model][row.kind][row.bucket] += int(row.times)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each row of numbers without a hole."""
    runs = []
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        together = [number for _, number in run]
        runs.append((together[0], together[-1]))
    return runs
