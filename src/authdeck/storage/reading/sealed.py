"""Named reads of every sealed secret, of whatever table: which key term sealed it, and where it stands."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, func, literal, select, tuple_

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, batch_items, batches, logins, notification_channels, proxies, revisions


@dataclass(frozen=True, slots=True)
class SealedRow:
    """``kind``, ``row`` and ``number`` are the place that the bytes are bound to; ``key`` is the row's own key."""

    kind: str
    key: tuple[Any, ...]
    row: str
    number: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Where secrets of a kind lie. ``row`` and ``number`` are what a secret is bound to beside its kind."""

    sealed: ColumnElement[bytes]
    key: tuple[ColumnElement[Any], ...]
    row: ColumnElement[str]
    number: ColumnElement[int]


_NO_NUMBER: Final = literal(0, Integer)

COLUMNS: Final[dict[str, SealedColumn]] = {
    "revisions": SealedColumn(
        revisions.c.sealed, (revisions.c.account, revisions.c.number), accounts.c.auth_index, revisions.c.number
    ),
    "accounts.headers": SealedColumn(accounts.c.headers_sealed, (accounts.c.key,), accounts.c.auth_index, _NO_NUMBER),
    "proxies": SealedColumn(proxies.c.sealed, (proxies.c.key,), proxies.c.url_hash, _NO_NUMBER),
    "batches": SealedColumn(batches.c.sealed, (batches.c.id,), batches.c.id, _NO_NUMBER),
    "batch_items": SealedColumn(
        batch_items.c.sealed, (batch_items.c.batch, batch_items.c.row), batch_items.c.batch, batch_items.c.row
    ),
    "logins": SealedColumn(logins.c.sealed, (logins.c.id,), logins.c.id, _NO_NUMBER),
    "notification_channels": SealedColumn(
        notification_channels.c.sealed, (notification_channels.c.id,), notification_channels.c.id, _NO_NUMBER
    ),
}
"""Every column of sealed secrets, by the name of its place in ``docs/vault-format.md``."""


def rows_of_terms(connection: ReadConnection) -> dict[int, int]:
    """How many secrets each key term sealed."""
    found: Counter[int] = Counter()
    for column in COLUMNS.values():
        term = _term(column)
        counted = select(term, func.count(column.sealed)).where(column.sealed.is_not(None)).group_by(term)
        rows: Iterable[Any] = connection.execute(counted)
        for named, count in rows:
            found[int.from_bytes(named, "big")] += count
    return dict(found)


def page(
    connection: ReadConnection, kind: str, after: tuple[Any, ...] | None, limit: int, *, not_under: int | None = None
) -> list[SealedRow]:
    """The next secrets of a kind by key; only those of other terms where ``not_under`` is given."""
    column = COLUMNS[kind]
    asked = _joined(kind, column).where(column.sealed.is_not(None)).order_by(*column.key).limit(limit)
    if not_under is not None:
        asked = asked.where(_term(column) != not_under.to_bytes(4, "big"))
    if after is not None:
        asked = asked.where(tuple_(*column.key) > tuple_(*after))
    width = len(column.key)
    return [
        SealedRow(kind, tuple(row[:width]), row[width], row[width + 1], row[width + 2])
        for row in connection.execute(asked)
    ]


def every(connection: ReadConnection, *, at_once: int = 500) -> Iterator[SealedRow]:
    """All of them, in one snapshot."""
    for kind in COLUMNS:
        after = None
        while found := page(connection, kind, after, at_once):
            yield from found
            after = found[-1].key


def _joined(kind: str, column: SealedColumn) -> Select[Any]:
    asked = select(*column.key, column.row.label("place_row"), column.number.label("place_number"), column.sealed)
    return asked.join_from(revisions, accounts) if kind == "revisions" else asked


def _term(column: SealedColumn) -> ColumnElement[bytes]:
    """The four bytes of the header that name the term."""
    return func.substr(column.sealed, 3, 4, type_=column.sealed.type)
