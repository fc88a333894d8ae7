"""The one write of the audit: appending an entry to this process's chain."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from authdeck.clock import to_micros
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.audit import AuditEntry, last_of
from authdeck.storage.tables import audit

Mac = Callable[[str], str]


def append(
    connection: WriteConnection,
    mac: Mac,
    *,
    writer: str,
    at: datetime,
    actor: str,
    what: str,
    target: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    batch: str | None = None,
) -> None:
    """Add one entry whose MAC covers it and the entry before it, so that a changed or missing one shows."""
    last = last_of(connection, writer)
    seq = last.seq + 1 if last else 1
    entry = AuditEntry(writer, seq, at, actor, what, target, before, after, batch, "")
    row = {
        "writer": writer,
        "seq": seq,
        "at": at,
        "actor": actor,
        "what": what,
        "target": target,
        "before": before,
        "after": after,
        "batch": batch,
        "mac": mac(covered(last.mac if last else "", entry)),
    }
    connection.execute(insert(audit).values(row))


def covered(previous: str, entry: AuditEntry) -> str:
    """The text whose keyed hash is the entry's MAC. The same on both databases: JSON with sorted keys."""
    parts = [
        previous, entry.writer, entry.seq, to_micros(entry.at), entry.actor, entry.what, entry.target,
        entry.before, entry.after, entry.batch,
    ]  # fmt: skip
    return json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
