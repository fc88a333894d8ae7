"""Named reads of the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. ``what`` is a machine name of ``acts.Act``; ``before`` and ``after`` hold codes, no secret."""

    writer: str
    seq: int
    at: datetime
    actor: str
    what: str
    target: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    batch: str | None
    mac: str


def newest(connection: ReadConnection, *, limit: int = 100, target: str | None = None) -> list[AuditEntry]:
    statement = select(audit).order_by(audit.c.at.desc(), audit.c.seq.desc()).limit(limit)
    if target is not None:
        statement = statement.where(audit.c.target == target)
    return [_entry(row) for row in connection.execute(statement)]


def chain(connection: ReadConnection, writer: str) -> list[AuditEntry]:
    """All entries of one writer in the order written."""
    statement = select(audit).where(audit.c.writer == writer).order_by(audit.c.seq)
    return [_entry(row) for row in connection.execute(statement)]


def writers(connection: ReadConnection) -> list[str]:
    return list(connection.execute(select(audit.c.writer).distinct().order_by(audit.c.writer)).scalars())


def last_of(connection: ReadConnection, writer: str) -> AuditEntry | None:
    statement = select(audit).where(audit.c.writer == writer).order_by(audit.c.seq.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _entry(row)


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    return AuditEntry(
        row.writer, row.seq, row.at, row.actor, row.what, row.target, row.before, row.after, row.batch, row.mac
    )
