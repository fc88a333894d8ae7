"""What a request left behind: evidence of its accounts, the holds that rest on it, and what it asks of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, or_, select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, candidates, evidence, holds

NEAR: Final = timedelta(seconds=5)
"""Evidence is dated by the answer; a request by its arrival and its length. Clocks of processes may differ by this."""


@dataclass(frozen=True, slots=True)
class Trace:
    """``count`` equal observations are one row of evidence. ``hold`` is the code of one that rests on it.

    ``released`` says that this hold has ended; ``candidate`` is the open row of the queue that names the same reason.
    """

    auth_index: str
    code: str
    signal: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime
    hold: str | None
    until: datetime | None
    released: bool
    candidate: str | None


def left_by(
    c: ReadConnection, request_id: str, tried: Sequence[str], code: str, began: datetime, ended: datetime
) -> list[Trace]:
    """By its id, or where equal observations were joined, by their code and time."""
    same = and_(evidence.c.code == code, evidence.c.first_at <= ended + NEAR, evidence.c.last_at >= began - NEAR)
    statement = (
        select(evidence, accounts.c.auth_index, holds.c.code.label("hold"), holds.c.until.label("held_until"),
               holds.c.released_at, candidates.c.reason_code)
        .join(accounts, accounts.c.key == evidence.c.account)
        .outerjoin(holds, and_(holds.c.account == evidence.c.account, holds.c.evidence == evidence.c.key))
        .outerjoin(
            candidates,
            and_(
                candidates.c.account == evidence.c.account,
                candidates.c.reason_code == evidence.c.code,
                candidates.c.status == "pending",
            ),
        )
        .where(accounts.c.auth_index.in_(tried), or_(evidence.c.request_id == request_id, same))
        .order_by(evidence.c.last_at.desc(), holds.c.since.desc())
    )  # fmt: skip
    found: dict[int, Trace] = {}
    for row in c.execute(statement):
        found.setdefault(row.key, _trace(row))
    return list(found.values())


def _trace(row: Row[Any]) -> Trace:
    return Trace(
        auth_index=row.auth_index,
        code=row.code,
        signal=row.signal,
        action=(row.judgement or {}).get("action", "keep"),
        count=row._mapping["count"],  # noqa: SLF001 - a row has a method of that name
        first_at=row.first_at,
        last_at=row.last_at,
        hold=row.hold,
        until=row.held_until,
        released=row.released_at is not None,
        candidate=row.reason_code,
    )
