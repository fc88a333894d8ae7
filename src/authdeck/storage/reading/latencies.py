"""How long requests took, over many of them: from counts that were kept, or from the requests themselves.

Counts of an hour lie in buckets until it settles, and in packs from then on; what comes late lies in buckets again. So
both together are always all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, and_, func, select, true

from authdeck.storage.database import ReadConnection
from authdeck.storage.latency import added_up, percentile
from authdeck.storage.reading.names import AT_ONCE
from authdeck.storage.reading.settled import HOURS_A_DAY
from authdeck.storage.tables import day_model_times, hour_model_times, hour_times, latency_buckets, requests

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
    whole = range(min(first for first, _ in ranges), max(end for _, end in ranges))
    packs = {row.hour: row for row in _packs_by_hour(c, whole, model)}
    fine = _fine(c, "hour", whole, model)
    return [
        together(
            [_unpacked(packs[hour] for hour in hours if hour in packs), *(fine[hour] for hour in hours if hour in fine)]
        )
        for hours in starmap(range, ranges)
    ]


def by_model(c: ReadConnection, first: int, end: int) -> dict[int, dict[str, Counts]]:
    """By the model's number and kind, over the hours since 1970 from ``first`` to before ``end``."""
    packs: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in _packs_by_model(c, first, end):
        packs[row.model].append(row)
    fine = _fine(c, "model", range(first, end))
    return {
        model: together([_unpacked(packs[model]), fine.get(model, {})]) for model in sorted(packs.keys() | fine.keys())
    }


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


def _packs_by_hour(c: ReadConnection, hours: range, model: int | None) -> Iterator[Row[Any]]:
    """Of a model each hour is looked up by itself, so that no other models are read; some hours at a time."""
    if model is None:
        yield from c.execute(select(hour_times).where(_between(hour_times.c.hour, hours))).all()
        return
    table = hour_model_times.c
    for start in range(0, len(hours), AT_ONCE):
        some = table.hour.in_(hours[start : start + AT_ONCE]), table.model == model
        yield from c.execute(select(hour_model_times).where(*some)).all()


def _packs_by_model(c: ReadConnection, first: int, end: int) -> Iterator[Row[Any]]:
    """Of whole days, and of the hours before and after them."""
    days = range(-(-first // HOURS_A_DAY), end // HOURS_A_DAY)
    edges = (
        [range(first, days.start * HOURS_A_DAY), range(days.stop * HOURS_A_DAY, end)] if days else [range(first, end)]
    )
    yield from c.execute(select(day_model_times).where(_between(day_model_times.c.day, days))).all()
    for edge in edges:
        yield from c.execute(select(hour_model_times).where(_between(hour_model_times.c.hour, edge))).all()


def _unpacked(rows: Iterable[Row[Any]]) -> dict[str, Counts]:
    some = list(rows)
    return {kind: added_up(getattr(row, kind) for row in some) for kind in KINDS}


def _fine(
    c: ReadConnection, key: Literal["hour", "model"], hours: range, model: int | None = None
) -> dict[int, dict[str, Counts]]:
    """What has not settled."""
    table = latency_buckets.c
    statement = (
        select(table[key].label("of"), table.kind, table.bucket, func.sum(table.count).label("times"))
        .where(_between(table.hour, hours), true() if model is None else table.model == model)
        .group_by(table[key], table.kind, table.bucket)
    )
    found: dict[int, dict[str, Counts]] = defaultdict(lambda: {kind: {} for kind in KINDS})
    for row in c.execute(statement).all():
        found[row.of][row.kind][row.bucket] = int(row.times)
    return dict(found)


def _between(column: ColumnElement[int], numbers: range) -> ColumnElement[bool]:
    return and_(column >= numbers.start, column < numbers.stop)
