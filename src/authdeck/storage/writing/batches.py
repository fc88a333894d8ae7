"""Named writes of batches: imports, edits, merges and undos are all recorded as one, row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.batches import BEGUN, packed
from authdeck.storage.tables import batch_items, batches, leases

_ITEMS: Final = """
INSERT INTO batch_items (batch, "row", account, subject, "before", "after", sealed, outcome, reason, differs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
DELETED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A row to be. ``accounts`` are packed by ``reading.batches.packed``; without them nothing resumes it.

    ``queue_rows`` are keys of the queue's rows, one beside each account, packed by ``packed_keys``.
    """

    id: str
    kind: str
    actor: str
    selection: Mapping[str, Any]
    change: Mapping[str, Any]
    at: datetime
    status: str = "running"
    accounts: bytes | None = None
    total: int | None = None
    sealed: bytes | None = field(default=None, repr=False)
    preview_of: str | None = None
    undo_of: str | None = None
    expires_at: datetime | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    queue_rows: bytes | None = None


def add(connection: WriteConnection, new: NewBatch) -> bool:
    """False: a batch with its idempotency key is there already, and nothing was written."""
    row = {
        "id": new.id,
        "kind": new.kind,
        "actor": new.actor,
        "selection": dict(new.selection),
        "change": dict(new.change),
        "status": new.status,
        "accounts": new.accounts,
        "total": new.total,
        "sealed": new.sealed,
        "preview_of": new.preview_of,
        "undo_of": new.undo_of,
        "created_at": new.at,
        "expires_at": new.expires_at,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "queue_rows": new.queue_rows,
    }
    dialect = sqlite if connection.dialect == "sqlite" else postgresql
    statement = dialect.insert(batches).values(row).on_conflict_do_nothing(index_elements=["idempotency_key"])
    return connection.execute(statement.returning(batches.c.id)).first() is not None


def begin(
    connection: WriteConnection,
    batch_id: str,
    *,
    kind: str,
    actor: str,
    selection: Mapping[str, Any],
    change: Mapping[str, Any],
    at: datetime,
) -> None:
    """A batch that its own call carries out."""
    add(connection, NewBatch(batch_id, kind, actor, selection, change, at))


@dataclass(frozen=True, slots=True)
class Head:
    """How far a batch is, read under lock: nobody else moves it until the transaction ends."""

    status: str
    cursor: int
    counts: Mapping[str, int]


def head(connection: WriteConnection, batch_id: str) -> Head | None:
    found = connection.execute(_HEAD, {"of": batch_id}).one_or_none()
    return None if found is None else Head(found.status, found.cursor, found.counts or {})


# Made once, like those below: every chunk of a batch runs them.
_HEAD: Final = (
    select(batches.c.status, batches.c.cursor, batches.c.counts)
    .where(batches.c.id == bindparam("of"))
    .with_for_update()
)
_MOVED: Final = (
    update(batches)
    .where(batches.c.id == bindparam("of"))
    .values(
        cursor=bindparam("reached", type_=batches.c.cursor.type), counts=bindparam("now", type_=batches.c.counts.type)
    )
)


def add_items(connection: WriteConnection, batch_id: str, items: Sequence[Mapping[str, Any]], *, cursor: int) -> None:
    """Rows done in this transaction, and how far the batch has come: after a crash it goes on from there."""
    known = head(connection, batch_id)
    counts = Counter(known.counts if known else {})
    counts.update(str(item["outcome"]) for item in items)
    rows = [
        (
            batch_id, item["row"], item["account"], item["subject"], _json(item["before"]), _json(item["after"]),
            item["sealed"], item["outcome"], _json(item["reason"]), _json(item.get("differs")),
        )
        for item in items
    ]  # fmt: skip
    connection.execute_many(_ITEMS, rows)
    connection.execute(_MOVED, {"of": batch_id, "reached": cursor, "now": dict(counts)})


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def settle_items(connection: WriteConnection, batch_id: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Say what became of rows that were begun: ``row``, ``outcome`` and ``reason`` each."""
    if not items:
        return
    known = head(connection, batch_id)
    counts = Counter(known.counts if known else {})
    ours = batch_items.c.batch == batch_id, batch_items.c.row == bindparam("of_row")
    statement = update(batch_items).where(*ours).values(
        outcome=bindparam("new_outcome"), reason=bindparam("new_reason", type_=batch_items.c.reason.type)
    )  # fmt: skip
    rows = [{"of_row": one["row"], "new_outcome": one["outcome"], "new_reason": one["reason"]} for one in items]
    connection.execute(statement, rows)
    counts[BEGUN] -= len(items)
    counts.update(str(item["outcome"]) for item in items)
    left = {outcome: count for outcome, count in counts.items() if count > 0}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(counts=left))


def end(connection: WriteConnection, batch_id: str, *, status: str, at: datetime) -> None:
    connection.execute(update(batches).where(batches.c.id == batch_id).values(status=status, ended_at=at))


def settle_rows(connection: WriteConnection, batch_id: str, indexes: Sequence[str]) -> None:
    """Say whom a batch was about that found that out on its way: its rows in order, by auth_index."""
    values = {"accounts": packed(indexes), "total": len(indexes)}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(values))


def keep_lease(connection: WriteConnection, lease: str, fence: int, until: datetime) -> None:
    """A lease that is held lasts longer."""
    ours = and_(leases.c.name == lease, leases.c.fence == fence)
    connection.execute(update(leases).where(ours).values(until=until))


def move(connection: WriteConnection, batch_id: str, *, expected: str, status: str) -> bool:
    """Change the status by compare-and-set."""
    ours = and_(batches.c.id == batch_id, batches.c.status == expected)
    return connection.execute(update(batches).where(ours).values(status=status)).rowcount == 1


def interrupt(connection: WriteConnection, *, before: datetime, at: datetime) -> int:
    """End batches that nothing will go on with: their call is gone. How many there were."""
    orphans = and_(batches.c.status == "running", batches.c.accounts.is_(None), batches.c.created_at < before)
    return connection.execute(update(batches).where(orphans).values(status="interrupted", ended_at=at)).rowcount


def forget_some(connection: WriteConnection, batch_id: str) -> bool:
    """Delete a part of a batch's rows, and the batch with the last of them. True: there are more."""
    some = select(batch_items.c.row).where(batch_items.c.batch == batch_id).limit(DELETED_AT_ONCE)
    rows = list(connection.execute(some).scalars())
    if rows:
        gone = and_(batch_items.c.batch == batch_id, batch_items.c.row.in_(rows))
        connection.execute(delete(batch_items).where(gone))
    if len(rows) == DELETED_AT_ONCE:
        return True
    connection.execute(delete(batches).where(batches.c.id == batch_id))
    return False
