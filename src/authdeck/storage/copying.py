"""The rows of a database in one form, whatever database holds them: what a backup is made of.

``docs/backup-format.md`` describes the form. What ends with the process or the hour is left out: leases, processes, the
change feed, sessions, sign-in links, and what is derived from the rest.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import REGCLASS

from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.migrations import Branch

Line = list[Any]
"""One row: a JSON value for each column of its layout."""

ROWS_AT_ONCE: Final = 500
LEFT_OUT: Final = frozenset({"leases", "processes", "changes", "sessions", "sign_in_links", "account_state"})
_FIRST: Final = ("installation", "key_terms")
"""What is needed to open what comes after."""

_TYPES: Final[dict[str, sa.types.TypeEngine[Any]]] = {
    "integer": sa.BigInteger(),
    "text": sa.Text(),
    "bytes": sa.LargeBinary(),
    "json": sa.JSON(none_as_null=True),
    "boolean": sa.Boolean(),
    "real": sa.Float(),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """One table as the backup has it: columns with their kinds, the key that its rows are sorted by.

    ``later`` are columns that refer to rows of the same table, so that they can only be filled when all rows are there.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    later: tuple[str, ...] = ()

    @property
    def table(self) -> sa.TableClause:
        return sa.table(self.name, *(sa.column(name, _TYPES[kind]) for name, kind in self.columns))


class Tally:
    """Count and hash of a table's rows. The hash is the sum of the rows' hashes: their order does not matter."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: Line) -> None:
        self.rows += 1
        self._sum += int.from_bytes(hashlib.sha256(as_text(line)).digest(), "big")

    @property
    def hash(self) -> str:
        return f"{self._sum % (1 << 256):064x}"


def as_text(line: Line) -> bytes:
    """The one spelling of a row, which is also what its hash is made of."""
    return json.dumps(line, separators=(",", ":")).encode()


def layouts(branch: Branch) -> list[Layout]:
    """Every table of this program's schema that a backup holds; each after those it refers to."""
    tables = [table for table in branch.metadata.sorted_tables if table.name not in LEFT_OUT]
    tables.sort(key=lambda table: table.name not in _FIRST)
    return [_layout(table) for table in tables]


def rows(connection: ReadConnection, layout: Layout) -> Iterator[Line]:
    """Every row, sorted by key, of the connection's snapshot."""
    table = layout.table
    asked = sa.select(*table.c).order_by(*(table.c[name] for name in layout.key))
    turn = [_outwards if kind == "bytes" else _as_is for _, kind in layout.columns]
    for row in connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE)):
        yield [to(value) for to, value in zip(turn, row, strict=True)]


def tally(connection: ReadConnection, layout: Layout) -> Tally:
    """What the table really holds."""
    found = Tally()
    for line in rows(connection, layout):
        found.add(line)
    return found


def fill(connection: WriteConnection, layout: Layout, lines: Iterable[Line]) -> None:
    """Write the rows into the empty table."""
    names = [name for name, _ in layout.columns]
    turn = [_inwards if kind == "bytes" else _as_is for _, kind in layout.columns]
    references: list[dict[str, Any]] = []
    for some in _parts(lines):
        found = [
            dict(zip(names, (to(value) for to, value in zip(turn, line, strict=True)), strict=True)) for line in some
        ]
        references += _taken_out(layout, found)
        connection.execute(sa.insert(layout.table), found)
    _refer(connection, layout, references)
    _go_on_numbering(connection, layout)


def _taken_out(layout: Layout, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """References within the table, by the row's key; the rows themselves go in without."""
    wanted = [row for row in found if any(row[name] is not None for name in layout.later)]
    taken = [{name: row[name] for name in (*layout.key, *layout.later)} for row in wanted]
    for row in wanted:
        row.update(dict.fromkeys(layout.later))
    return taken


def _refer(connection: WriteConnection, layout: Layout, references: list[dict[str, Any]]) -> None:
    table = layout.table
    for row in references:
        mine = (table.c[name] == row[name] for name in layout.key)
        connection.execute(sa.update(table).where(*mine).values({name: row[name] for name in layout.later}))


def _go_on_numbering(connection: WriteConnection, layout: Layout) -> None:
    """PostgreSQL numbers new rows from a sequence, which knows nothing of rows that came with their numbers."""
    if connection.dialect != "postgresql" or len(layout.key) != 1:
        return
    [name] = layout.key
    sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(layout.name, name))).scalar()
    if sequence is not None:
        newest = sa.select(sa.func.coalesce(sa.func.max(layout.table.c[name]), 0) + 1).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sa.cast(sequence, REGCLASS), newest, False)))


def _layout(table: Table) -> Layout:
    inward = [key.parent.name for key in table.foreign_keys if key.column.table is table]
    return Layout(
        table.name,
        tuple((column.name, _kind(column.type)) for column in table.columns),
        tuple(column.name for column in table.primary_key.columns),
        tuple(sorted(inward)),
    )


def _kind(type_: sa.types.TypeEngine[Any]) -> str:
    while isinstance(type_, sa.TypeDecorator):
        type_ = type_.impl_instance
    kinds: tuple[tuple[type[Any], str], ...] = (
        (sa.JSON, "json"),
        (sa.LargeBinary, "bytes"),
        (sa.Boolean, "boolean"),
        (sa.Integer, "integer"),
        (sa.Float, "real"),
        (sa.String, "text"),
    )
    return next(kind for known, kind in kinds if isinstance(type_, known))


def _parts(lines: Iterable[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in lines:
        part.append(line)
        if len(part) == ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _as_is(value: Any) -> Any:
    return value


def _outwards(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _inwards(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)
