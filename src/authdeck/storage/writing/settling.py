"""What is derived from the sums of finished hours and days, made again wherever requests have come since."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from authdeck.spans import DAY, HOUR
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.tables import day_latency, hour_latency, hour_model, latency_buckets, settled

_HOURS_A_DAY: Final = DAY // HOUR
LENGTHS: Final = {"hour": 1, "day": _HOURS_A_DAY}
"""Hours in each kind of span that is settled."""


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
    """One span's rows, and how many requests they were made of."""

    span: str
    number: int
    requests: int
    rows: list[dict[str, int | str]]


def derived(c: ReadConnection, span: str, number: int) -> Derived:
    """Read apart from the writing: it may take longer than anybody should hold the write lock."""
    first = number * LENGTHS[span]
    within = first, first + LENGTHS[span] - 1
    by = ("kind", "bucket") if span == "hour" else ("model", "kind", "bucket")
    fine: list[Any] = [latency_buckets.c[name] for name in by]
    statement = (
        select(*fine, func.sum(latency_buckets.c.count).label("times"))
        .where(latency_buckets.c.hour.between(*within))
        .group_by(*fine)
    )
    counted = select(func.sum(hour_model.c.requests)).where(hour_model.c.hour.between(*within))
    rows = [
        {span: number, **{name: getattr(row, name) for name in by}, "count": int(row.times)}
        for row in c.execute(statement)
    ]
    return Derived(span, number, int(c.execute(counted).scalar() or 0), rows)


def settle(c: WriteConnection, made: Derived) -> None:
    """Put the rows in the place of former ones."""
    table = hour_latency if made.span == "hour" else day_latency
    c.execute(delete(table).where(table.c[made.span] == made.number))
    if made.rows:
        c.execute(insert(table), made.rows)
    c.execute(delete(settled).where(settled.c.span == made.span, settled.c.number == made.number))
    c.execute(insert(settled), {"span": made.span, "number": made.number, "requests": made.requests})
