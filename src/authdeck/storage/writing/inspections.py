"""Named writes of inspections: runs, their results, and what became of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.inspections import OPEN
from authdeck.storage.tables import inspection_results, inspections

DELETED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewInspection:
    """A run to be. ``accounts`` are packed by ``reading.batches.packed``."""

    id: str
    actor: str
    policy: Mapping[str, Any]
    selection: Mapping[str, Any]
    selection_hash: str
    accounts: bytes
    total: int
    at: datetime
    dry_run: bool = False
    schedule: int | None = None
    schedule_name: str | None = None
    compared_to: str | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None


def add(connection: WriteConnection, new: NewInspection) -> bool:
    """False: its schedule has an open run, or its idempotency key a run, and nothing was written."""
    row = {
        "id": new.id,
        "status": "queued",
        "actor": new.actor,
        "schedule": new.schedule,
        "schedule_name": new.schedule_name,
        "policy": dict(new.policy),
        "selection": dict(new.selection),
        "selection_hash": new.selection_hash,
        "accounts": new.accounts,
        "total": new.total,
        "done": 0,
        "counts": {},
        "dry_run": new.dry_run,
        "compared_to": new.compared_to,
        "created_at": new.at,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
    }
    insert_ = sqlite.insert if connection.dialect == "sqlite" else postgresql.insert
    statement = insert_(inspections).values(row).on_conflict_do_nothing().returning(inspections.c.id)
    return connection.execute(statement).first() is not None


@dataclass(frozen=True, slots=True)
class Head:
    """How a run stands, read under lock."""

    status: str
    done: int
    counts: Mapping[str, int]
    batch: str | None


def head(connection: WriteConnection, inspection_id: str) -> Head | None:
    asked = select(inspections.c.status, inspections.c.done, inspections.c.counts, inspections.c.batch)
    found = connection.execute(asked.where(inspections.c.id == inspection_id).with_for_update()).one_or_none()
    return None if found is None else Head(found.status, found.done, found.counts, found.batch)


def set_running(connection: WriteConnection, inspection_id: str) -> None:
    queued = and_(inspections.c.id == inspection_id, inspections.c.status == "queued")
    connection.execute(update(inspections).where(queued).values(status="running"))


def add_results(
    connection: WriteConnection, inspection_id: str, rows: Sequence[Mapping[str, Any]], *, gone: int = 0
) -> None:
    """Results, each account's once; ``gone`` accounts have none. How far the run has come moves with them."""
    known = head(connection, inspection_id)
    insert_ = sqlite.insert if connection.dialect == "sqlite" else postgresql.insert
    statement = insert_(inspection_results).on_conflict_do_nothing().returning(inspection_results.c.action)
    given = [{"inspection": inspection_id, **row} for row in rows]
    written = connection.execute(statement, given).scalars().all() if given else ()
    counts = Counter(known.counts if known else {}) + Counter(written)
    done = (known.done if known else 0) + len(written) + gone
    values = {"done": done, "counts": dict(counts)}
    connection.execute(update(inspections).where(inspections.c.id == inspection_id).values(values))


def settle_results(connection: WriteConnection, inspection_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of suggestions: ``account``, ``outcome`` and ``outcome_reason`` each."""
    ours = (
        inspection_results.c.inspection == inspection_id,
        inspection_results.c.account == bindparam("of_account"),
    )
    statement = update(inspection_results).where(*ours).values(
        outcome=bindparam("new_outcome"),
        outcome_reason=bindparam("new_reason", type_=inspection_results.c.outcome_reason.type),
    )  # fmt: skip
    given = [
        {"of_account": row["account"], "new_outcome": row["outcome"], "new_reason": row["outcome_reason"]}
        for row in rows
    ]
    if given:
        connection.execute(statement, given)


def set_batch(connection: WriteConnection, inspection_id: str, batch_id: str) -> None:
    connection.execute(update(inspections).where(inspections.c.id == inspection_id).values(batch=batch_id))


def end(connection: WriteConnection, inspection_id: str, *, status: str, at: datetime) -> bool:
    """End an open run. Whether it was open."""
    open_one = and_(inspections.c.id == inspection_id, inspections.c.status.in_(OPEN))
    return connection.execute(update(inspections).where(open_one).values(status=status, ended_at=at)).rowcount == 1


def interrupt(connection: WriteConnection, *, before: datetime, at: datetime) -> int:
    """End runs that were begun so long ago that going on would tell of another time."""
    old = and_(inspections.c.status.in_(OPEN), inspections.c.created_at < before)
    return connection.execute(update(inspections).where(old).values(status="interrupted", ended_at=at)).rowcount


def forget_some(connection: WriteConnection, inspection_id: str) -> bool:
    """Delete a part of a run's results, and the run with the last of them. True: there are more."""
    some = select(inspection_results.c.account).where(inspection_results.c.inspection == inspection_id)
    keys = list(connection.execute(some.limit(DELETED_AT_ONCE)).scalars())
    if keys:
        mine = inspection_results.c.inspection == inspection_id
        connection.execute(delete(inspection_results).where(mine, inspection_results.c.account.in_(keys)))
    if len(keys) == DELETED_AT_ONCE:
        return True
    connection.execute(delete(inspections).where(inspections.c.id == inspection_id))
    return False
