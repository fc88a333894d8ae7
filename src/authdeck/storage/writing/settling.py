"""Settling finished hours and days: what is made of them once, and again wherever requests have come since."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, select

from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading.settled import HOURS_A_DAY, settled_in
from authdeck.storage.tables import hour_model, settled, tallies
from authdeck.storage.writing import latencies, tallying

LENGTHS: Final = {"hour": 1, "day": HOURS_A_DAY}
"""Hours in each kind of span that is settled. A day is made of hours that have settled."""
SETTLING_LOCK: Final = 0x61757468_0004
"""PostgreSQL's advisory lock under which spans settle."""


def due(c: ReadConnection, span: str, before_hour: int) -> list[int]:
    """Finished spans that have not settled, or have more requests than when they did; newest first."""
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
    """One span's ``tallies``, and how many requests they were made of.

    ``alike`` are their rows; ``None`` where the requests are gone, so that those of before stay.
    """

    span: str
    number: int
    requests: int
    alike: tallying.Rows | None
    tallied: int | None


def derived(c: ReadConnection, span: str, number: int) -> Derived | None:
    """Read apart from the writing: it may take longer than anybody should hold the write lock.

    ``None`` for a day of which an hour has not settled yet.
    """
    known = settled_in(c, number * LENGTHS[span], (number + 1) * LENGTHS[span])
    counted = sum(known.counted.values())
    if span == "hour":
        alike = tallying.of_hour(c, number)
    elif known.settled != known.counted.keys():
        return None
    else:
        alike = tallying.of_day(c, number) if known.tallied_hours == known.settled else None
    return Derived(span, number, counted, alike, counted if alike is not None else _tallied_before(c, span, number))


def pack(c: WriteConnection, hour: int) -> None:
    """Pack the latencies of a finished hour: apart from its tallies, so that nobody waits for both."""
    _alone(c)
    latencies.pack(c, hour)


def settle(c: WriteConnection, made: Derived) -> None:
    """Put the rows in the place of former ones."""
    _alone(c)
    if made.alike is not None:
        c.execute(delete(tallies).where(tallies.c.span == made.span, tallies.c.number == made.number))
        c.execute_many(tallying.ADD, made.alike)
    c.execute(delete(settled).where(settled.c.span == made.span, settled.c.number == made.number))
    row = {"span": made.span, "number": made.number, "requests": made.requests, "tallied": made.tallied}
    c.execute(insert(settled), row)


def _alone(c: WriteConnection) -> None:
    """Two processes that settle at once would each add to the packs that they saw."""
    if c.dialect == "postgresql":
        c.execute(select(func.pg_advisory_xact_lock(SETTLING_LOCK)))


def _tallied_before(c: ReadConnection, span: str, number: int) -> int | None:
    statement = select(settled.c.tallied).where(settled.c.span == span, settled.c.number == number)
    return c.execute(statement).scalar()
