"""The one write of the audit: appending to this process's chain."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
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
    append_all(connection, mac, [AuditEntry(writer, 0, at, actor, what, target, before, after, batch, "")])


def append_all(connection: WriteConnection, mac: Mac, entries: Sequence[AuditEntry]) -> None:
    """Add entries of one writer, in this order; their numbers and MACs are given here."""
    if not entries:
        return
    last = last_of(connection, entries[0].writer)
    first, previous, rows = (last.seq + 1, last.mac, []) if last else (1, "", [])
    for seq, entry in enumerate(entries, first):
        numbered = replace(entry, seq=seq)
        previous = mac(covered(previous, numbered))
        rows.append(asdict(replace(numbered, mac=previous)))
    connection.execute(insert(audit), rows)


def covered(previous: str, entry: AuditEntry) -> str:
    """The text whose keyed hash is the entry's MAC. The same on both databases: JSON with sorted keys."""
    parts = [
        previous, entry.writer, entry.seq, to_micros(entry.at), entry.actor, entry.what, entry.target,
        entry.before, entry.after, entry.batch,
    ]  # fmt: skip
    return json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
