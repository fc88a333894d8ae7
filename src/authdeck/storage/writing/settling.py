"""What is derived of finished hours and days, made again wherever requests have come since."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from authdeck.spans import DAY, HOUR
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.latency import packed
from authdeck.storage.reading.latencies import KINDS
from authdeck.storage.reading.settled import settled_in
from authdeck.storage.tables import day_times, hour_model, hour_times, latency_buckets, settled, tallies
from authdeck.storage.writing import tallying

_HOURS_A_DAY: Final = DAY // HOUR
LENGTHS: Final = {"hour": 1, "day": _HOURS_A_DAY}
"""Hours in each kind of span that is settled. A day is made of hours that have settled."""


def due(c: ReadConnection, span: str, before_hour: int) -> list[int]:
    """Finished spans whose derived rows are missing, or were made of fewer requests than there are; newest first."""
    hours = LENGTHS[span]
    number = hour_model.c.hour // hours
    counted = (
        select(number.label("number"), func.sum(hour_model.c.requests).label("requests"))
        .where(hour_model.c.hour < before_hour // hours * hours)
        .group_by(number)
        .subquery()
    )
    made = settled.c
    statement = (
        select(counted.c.number)
        .outerjoin_from(counted, settled, (made.span == span) & (made.number == counted.c.number))
        .where(func.coalesce(made.requests, -1) != counted.c.requests)
        .order_by(counted.c.number.desc())
    )
    return list(c.execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class Derived:
    """One span's rows, and how many requests they were made of.

    ``alike`` are the rows of ``tallies``; ``None`` where the requests are gone, so that those of before stay.
    """

    span: str
    number: int
    requests: int
    times: Sequence[dict[str, Any]]
    alike: tallying.Rows | None
    tallied: int | None


def derived(c: ReadConnection, span: str, number: int) -> Derived | None:
    """Read apart from the writing: it may take longer than anybody should hold the write lock.

    ``None`` for a day of which an hour has not settled yet.
    """
    first, end = number * LENGTHS[span], (number + 1) * LENGTHS[span]
    known = settled_in(c, first, end)
    counted = sum(known.counted.values())
    if span == "day":
        if known.hours != known.counted.keys():
            return None
        there = known.tallied_hours == known.counted.keys()
        alike = tallying.of_day(c, number) if there else None
    else:
        alike = tallying.of_hour(c, number)
    tallied = counted if alike is not None else _tallied_before(c, span, number)
    return Derived(span, number, counted, _times(c, span, number, first, end), alike, tallied)


def settle(c: WriteConnection, made: Derived) -> None:
    """Put the rows in the place of former ones."""
    table = hour_times if made.span == "hour" else day_times
    c.execute(delete(table).where(table.c[made.span] == made.number))
    if made.times:
        c.execute(insert(table), made.times)
    if made.alike is not None:
        c.execute(delete(tallies).where(tallies.c.span == made.span, tallies.c.number == made.number))
        c.execute_many(tallying.ADD, made.alike)
    c.execute(delete(settled).where(settled.c.span == made.span, settled.c.number == made.number))
    row = {"span": made.span, "number": made.number, "requests": made.requests, "tallied": made.tallied}
    c.execute(insert(settled), row)


def _tallied_before(c: ReadConnection, span: str, number: int) -> int | None:
    statement = select(settled.c.tallied).where(settled.c.span == span, settled.c.number == number)
    return c.execute(statement).scalar()


def _times(c: ReadConnection, span: str, number: int, first: int, end: int) -> list[dict[str, Any]]:
    """An hour's over all models, a day's by model."""
    buckets = latency_buckets.c
    statement = (
        select(buckets.model, buckets.kind, buckets.bucket, func.sum(buckets.count).label("times"))
        .where(buckets.hour >= first, buckets.hour < end)
        .group_by(buckets.model, buckets.kind, buckets.bucket)
    )
    counts: dict[int, dict[str, dict[int, int]]] = defaultdict(lambda: {kind: defaultdict(int) for kind in KINDS})
    for row in c.execute(statement):
        counts[row.model if span == "day" else 0][row.kind][row.bucket] += int(row.times)
    return [
        {span: number, **({"model": model} if span == "day" else {}), **{kind: packed(of[kind]) for kind in KINDS}}
        for model, of in counts.items()
    ]
