"""How long requests took, over many of them: from buckets that were kept, or from the requests themselves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, and_, func, select, text

from authdeck.storage.database import ReadConnection
from authdeck.storage.latency import added_up, percentile
from authdeck.storage.reading.settled import HOURS_A_DAY, Settled, runs, settled_in
from authdeck.storage.tables import day_times, hour_times, latency_buckets, requests

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
    if not ranges:
        return []
    first, end = min(first for first, _ in ranges), max(end for _, end in ranges)
    known = settled_in(c, first, end)
    if model is None:
        packs = {row.hour: row for row in _packs(c, hour_times, hour_times.c.hour.between(first, end - 1))}
        return [_of_all(c, range(*each), known, packs) for each in ranges]
    days = and_(day_times.c.day.between(first // HOURS_A_DAY, end // HOURS_A_DAY), day_times.c.model == model)
    packs = {row.day: row for row in _packs(c, day_times, days)}
    return [_of_model(c, range(*each), known, packs, model) for each in ranges]


def by_model(c: ReadConnection, first: int, end: int) -> dict[int, dict[str, Counts]]:
    """By the model's number and kind, over the hours since 1970 from ``first`` to before ``end``."""
    known = settled_in(c, first, end)
    packs: dict[int, list[Row[Any]]] = defaultdict(list)
    for low, high in runs(sorted(known.days)):
        for row in _packs(c, day_times, day_times.c.day.between(low, high)):
            packs[row.model].append(row)
    parts = {model: [_unpacked(rows)] for model, rows in packs.items()}
    for run in runs(hour for hour in range(first, end) if hour // HOURS_A_DAY not in known.days):
        for model, counts in _by_model(c, latency_buckets.c.hour.between(*run)).items():
            parts.setdefault(model, []).append(counts)
    return {model: together(some) for model, some in parts.items()}


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


def _of_all(c: ReadConnection, hours: range, known: Settled, packs: Mapping[int, Row[Any]]) -> dict[str, Counts]:
    """Hours that have settled from their own row, the others from their models'; empty ones are not asked for."""
    there = [hour for hour in hours if hour in known.counted]
    fine = runs(hour for hour in there if hour not in known.hours)
    parts = [_added(c, latency_buckets.c.hour.between(*run)) for run in fine]
    return together([_unpacked(packs[hour] for hour in there if hour in known.hours), *parts])


def _of_model(
    c: ReadConnection, hours: range, known: Settled, packs: Mapping[int, Row[Any]], model: int
) -> dict[str, Counts]:
    """Whole days that have settled from their own row; other hours one by one, so that no other models are read."""
    within = range(-(-hours.start // HOURS_A_DAY), hours.stop // HOURS_A_DAY)
    days = {day for day in within if day in known.days}
    fine = [hour for hour in hours if hour in known.counted and hour // HOURS_A_DAY not in days]
    parts = [_added(c, and_(latency_buckets.c.model == model, latency_buckets.c.hour.in_(fine)))] if fine else []
    return together([_unpacked(packs[day] for day in days if day in packs), *parts])


def _packs(c: ReadConnection, table: Table, where: ColumnElement[bool]) -> Sequence[Row[Any]]:
    return c.execute(select(table).where(where)).all()


def _unpacked(rows: Iterable[Row[Any]]) -> dict[str, Counts]:
    some = list(rows)
    return {kind: added_up(getattr(row, kind) for row in some) for kind in KINDS}


def _added(c: ReadConnection, where: ColumnElement[bool]) -> dict[str, Counts]:
    table = latency_buckets.c
    statement = (
        select(table.kind, table.bucket, func.sum(table.count).label("times"))
        .where(where)
        .group_by(table.kind, table.bucket)
    )
    found: dict[str, Counts] = {kind: {} for kind in KINDS}
    for row in c.execute(statement):
        found[row.kind][row.bucket] = int(row.times)
    return found


def _by_model(c: ReadConnection, where: ColumnElement[bool]) -> dict[int, dict[str, Counts]]:
    table = latency_buckets.c
    statement = (
        select(table.model, table.kind, table.bucket, func.sum(table.count).label("times"))
        .where(where)
        .group_by(text("1"), text("2"), text("3"))
    )
    found: dict[int, dict[str, Counts]] = defaultdict(lambda: {kind: {} for kind in KINDS})
    for row in c.execute(statement):
        found[row.model][row.kind][row.bucket] = int(row.times)
    return found
