"""Named writes of batches: imports, edits and restores are all recorded as one, row by row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import batch_items, batches


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
    row = {
        "id": batch_id,
        "kind": kind,
        "actor": actor,
        "selection": dict(selection),
        "change": dict(change),
        "status": "running",
        "created_at": at,
    }
    connection.execute(insert(batches).values(row))


def add_items(connection: WriteConnection, batch_id: str, items: Sequence[Mapping[str, Any]], *, cursor: int) -> None:
    """Rows done in this transaction, and how far the batch has come: after a crash it goes on from there."""
    if items:
        connection.execute(insert(batch_items), [{"batch": batch_id, **item} for item in items])
    connection.execute(update(batches).where(batches.c.id == batch_id).values(cursor=cursor))


def end(connection: WriteConnection, batch_id: str, *, status: str, at: datetime) -> None:
    connection.execute(update(batches).where(batches.c.id == batch_id).values(status=status, ended_at=at))
