"""Named reads of the audit."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, literal, select, tuple_

from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import audit, batches, inspections, schedules


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


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which entries. ``target`` is part of it or all, ``what`` how the machine name begins; ``cursor`` a page's end."""

    actor: str | None = None
    what: str | None = None
    target: str | None = None
    page_size: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    items: list[AuditEntry]
    next: str | None


def page(connection: ReadConnection, search: AuditSearch) -> AuditPage:
    """Newest first. Raises ``DeckError('cursor_invalid')``."""
    statement = select(audit).order_by(*_NEWEST_FIRST).limit(search.page_size + 1)
    if search.actor is not None:
        statement = statement.where(audit.c.actor == search.actor)
    if search.what is not None:
        statement = statement.where(audit.c.what.startswith(search.what, autoescape=True))
    if search.target is not None:
        statement = statement.where(audit.c.target.contains(search.target, autoescape=True))
    if search.cursor is not None:
        statement = statement.where(tuple_(*_PLACE) < tuple_(*_place(search.cursor)))
    found = [_entry(row) for row in connection.execute(statement)]
    more = len(found) > search.page_size
    return AuditPage(found[: search.page_size], _cursor(found[search.page_size - 1]) if more else None)


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What entries name and is still there, by id; of schedules the key as text."""

    batches: frozenset[str] = frozenset()
    inspections: frozenset[str] = frozenset()
    schedules: frozenset[str] = frozenset()


def mentioned(connection: ReadConnection, entries: Sequence[AuditEntry]) -> Mentioned:
    """For a page of them."""
    ids = {entry.target for entry in entries} | {entry.batch for entry in entries if entry.batch}
    keys = {int(id_) for id_ in ids if id_.isdecimal() and len(id_) < 16}  # noqa: PLR2004 - what the column holds

    def known(column: ColumnElement[Any], named: Collection[Any]) -> frozenset[str]:
        return frozenset(map(str, connection.execute(select(column).where(column.in_(named))).scalars()))

    return Mentioned(known(batches.c.id, ids), known(inspections.c.id, ids), known(schedules.c.key, keys))


def actors(connection: ReadConnection) -> list[str]:
    """Everyone who ever did something, by name."""
    return list(connection.execute(select(audit.c.actor).distinct().order_by(audit.c.actor)).scalars())


_PLACE: Final = (audit.c.at, audit.c.seq, audit.c.writer)
_NEWEST_FIRST: Final = tuple(column.desc() for column in _PLACE)
_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9a-zA-Z_-]{1,32})")


def cursor_before(at: datetime) -> str:
    """Of the page that begins with what was done before then."""
    return f"{to_micros(at)}-0-0"


def _cursor(entry: AuditEntry) -> str:
    return f"{to_micros(entry.at)}-{entry.seq}-{entry.writer}"


def _place(cursor: str) -> tuple[ColumnElement[datetime], int, str]:
    if (found := _CURSOR.fullmatch(cursor)) is None:
        raise DeckError("cursor_invalid")
    return literal(from_micros(int(found[1])), audit.c.at.type), int(found[2]), found[3]


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
