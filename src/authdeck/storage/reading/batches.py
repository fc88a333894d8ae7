"""Named reads of batches and of what became of their rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Text, and_, bindparam, cast, or_, select

from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError, NotFound
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, batch_items, batches

RUNNING: Final = ("running", "previewing")
"""Statuses of a batch that somebody has to carry on."""

BEGUN: Final = "begun"
"""The outcome of a row whose call is under way."""

_INDEX: Final = 8  # bytes of an auth_index
_SHOWN: Final = [
    *(column for column in batches.c if column.name not in {"accounts", "sealed", "queue_rows"}),
    batches.c.queue_rows.is_not(None).label("of_queue"),
]


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as lists show it. ``kind``: change, undo, inspection, import or merge. ``counts`` are rows by outcome.

    ``status``: previewing, previewed or applied (a preview); running, completed, cancelled, stopped, interrupted or
    failed. ``total`` is ``None`` where nobody knew it beforehand. ``change`` shows no secret. ``of_queue``: its rows
    are those of the action queue.
    """

    id: str
    kind: str
    actor: str
    selection: Mapping[str, Any]
    change: Mapping[str, Any]
    status: str
    cursor: int
    preview_of: str | None
    undo_of: str | None
    created_at: datetime
    ended_at: datetime | None
    total: int | None
    counts: Mapping[str, int]
    expires_at: datetime | None
    request_hash: str | None = field(repr=False)
    of_queue: bool = False

    @property
    def is_running(self) -> bool:
        return self.status in RUNNING

    @property
    def is_preview(self) -> bool:
        return self.expires_at is not None

    @property
    def left(self) -> int | None:
        """Rows that were not done: not yet, or never where it has ended; ``None`` where nobody knows."""
        return None if self.total is None else max(0, self.total - sum(self.counts.values()))


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One row. ``before``, ``after`` and ``differs`` are states of ``authdeck.change``, secrets masked in clear."""

    batch: str
    row: int
    account: int | None
    auth_index: str | None
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    sealed: bytes | None = field(repr=False)
    outcome: str
    reason: Mapping[str, Any] | None
    differs: Mapping[str, Any] | None


def packed(indexes: Iterable[str]) -> bytes:
    return b"".join(map(bytes.fromhex, indexes))


def unpacked(content: bytes) -> list[str]:
    text = content.hex()
    return [text[start : start + 2 * _INDEX] for start in range(0, len(text), 2 * _INDEX)]


def packed_keys(keys: Iterable[int]) -> bytes:
    return b"".join(key.to_bytes(_KEY) for key in keys)


def unpacked_keys(content: bytes) -> list[int]:
    return [int.from_bytes(content[start : start + _KEY]) for start in range(0, len(content), _KEY)]


_KEY: Final = 8


def one(connection: ReadConnection, batch_id: str) -> StoredBatch:
    """Raises ``NotFound('batch_not_found')``."""
    found = connection.execute(select(*_SHOWN).where(batches.c.id == batch_id)).one_or_none()
    if found is None:
        raise NotFound("batch_not_found", id=batch_id)
    return _batch(found)


def by_key(connection: ReadConnection, idempotency_key: str) -> StoredBatch | None:
    found = connection.execute(select(*_SHOWN).where(batches.c.idempotency_key == idempotency_key)).one_or_none()
    return None if found is None else _batch(found)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a batch is about, row by row: accounts by auth_index, and keys of queue rows where it answers those.

    ``sealed`` is what is sealed of its change.
    """

    indexes: list[str]
    queue_rows: list[int]
    sealed: bytes | None = field(repr=False)


def rows_of(connection: ReadConnection, batch_id: str) -> Rows:
    asked = select(batches.c.accounts, batches.c.queue_rows, batches.c.sealed).where(batches.c.id == batch_id)
    found = connection.execute(asked).one()
    return Rows(unpacked(found.accounts or b""), unpacked_keys(found.queue_rows or b""), found.sealed)


def newest(
    connection: ReadConnection, *, limit: int, cursor: str | None = None, kind: str | None = None
) -> tuple[list[StoredBatch], str | None]:
    """Newest first, previews left out; and the cursor of the next page. Raises ``DeckError('cursor_invalid')``."""
    asked = select(*_SHOWN).where(batches.c.expires_at.is_(None))
    if kind is not None:
        asked = asked.where(batches.c.kind == kind)
    if cursor:
        at, last = _place(cursor)
        asked = asked.where(
            or_(batches.c.created_at < at, and_(batches.c.created_at == at, batches.c.id < last))
        )  # fmt: skip
    rows = connection.execute(asked.order_by(batches.c.created_at.desc(), batches.c.id.desc()).limit(limit + 1)).all()
    found = [_batch(row) for row in rows[:limit]]
    return found, f"{to_micros(found[-1].created_at)}-{found[-1].id}" if len(rows) > limit else None


def items(
    connection: ReadConnection, batch_id: str, *, after: int = -1, limit: int, outcome: str | None = None
) -> list[StoredItem]:
    """Rows by number, those behind ``after``."""
    asked = (
        select(batch_items, accounts.c.auth_index)
        .outerjoin(accounts, accounts.c.key == batch_items.c.account)
        .where(batch_items.c.batch == batch_id, batch_items.c.row > after)
        .order_by(batch_items.c.row)
        .limit(limit)
    )
    if outcome is not None:
        asked = asked.where(batch_items.c.outcome == outcome)
    return [_item(row) for row in connection.execute(asked)]


def of_account(
    connection: ReadConnection, account_key: int, before: datetime | None, limit: int
) -> list[tuple[StoredBatch, StoredItem]]:
    """Changes of many accounts that changed this one, and their undoings: newest first, with its row."""
    asked = (
        select(batch_items, accounts.c.auth_index, *(column.label(f"of_{column.name}") for column in _SHOWN))
        .join(batches, batches.c.id == batch_items.c.batch)
        .join(accounts, accounts.c.key == batch_items.c.account)
        .where(
            batch_items.c.account == account_key,
            batch_items.c.outcome == "done",
            batches.c.kind.in_(("change", "undo", "inspection")),
            batches.c.expires_at.is_(None),
        )
        .order_by(batches.c.created_at.desc(), batches.c.id)
        .limit(limit)
    )
    asked = asked if before is None else asked.where(batches.c.created_at < before)
    return [(_batch(row, "of_"), _item(row)) for row in connection.execute(asked)]


def items_between(connection: ReadConnection, batch_id: str, start: int, end: int) -> dict[int, StoredItem]:
    """Rows from ``start`` to before ``end``, by number."""
    rows = connection.execute(_BETWEEN, {"of": batch_id, "first": start, "after": end})
    return {row.row: _item(row) for row in rows}


# Made once: every chunk of an undo asks.
_BETWEEN: Final = (
    select(batch_items, accounts.c.auth_index)
    .outerjoin(accounts, accounts.c.key == batch_items.c.account)
    .where(
        batch_items.c.batch == bindparam("of"),
        batch_items.c.row >= bindparam("first"),
        batch_items.c.row < bindparam("after"),
    )
)


def running(connection: ReadConnection) -> list[str]:
    """Batches that somebody has to carry on, oldest first."""
    asked = select(batches.c.id).where(batches.c.status.in_(RUNNING), batches.c.accounts.is_not(None))
    return list(connection.execute(asked.order_by(batches.c.created_at)).scalars())


def unsettled(connection: ReadConnection) -> list[str]:
    """Batches that were cut short while rows of theirs had calls under way, which nobody has settled yet."""
    asked = select(batches.c.id).where(
        batches.c.status.in_(("cancelled", "failed")), cast(batches.c.counts, Text).contains(f'"{BEGUN}"')
    )
    return list(connection.execute(asked.order_by(batches.c.created_at)).scalars())


def ended_previews(connection: ReadConnection, before: datetime) -> list[str]:
    """Previews that ran out before a moment, but for those whose batch is under way."""
    applying = select(batches.c.preview_of).where(batches.c.status.in_(RUNNING), batches.c.preview_of.is_not(None))
    asked = select(batches.c.id).where(batches.c.expires_at < before, batches.c.id.not_in(applying))
    return list(connection.execute(asked).scalars())


def done_indexes(connection: ReadConnection, batch_id: str) -> Sequence[str]:
    """The accounts whose rows were done, in order."""
    asked = (
        select(accounts.c.auth_index)
        .join(batch_items, batch_items.c.account == accounts.c.key)
        .where(batch_items.c.batch == batch_id, batch_items.c.outcome == "done")
        .order_by(batch_items.c.row)
    )
    return list(connection.execute(asked).scalars())


_LONGEST_NUMBER: Final = 18


def _place(cursor: str) -> tuple[datetime, str]:
    at, _, last = cursor.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) <= _LONGEST_NUMBER and last):
        raise DeckError("cursor_invalid")
    try:
        return from_micros(int(at)), last
    except (OverflowError, ValueError, OSError):
        raise DeckError("cursor_invalid") from None


def _batch(row: Row[Any], prefix: str = "") -> StoredBatch:
    values = {column.name: getattr(row, prefix + column.name) for column in _SHOWN if column.name != "idempotency_key"}
    return StoredBatch(**{**values, "counts": values["counts"] or {}})


def _item(row: Row[Any]) -> StoredItem:
    return StoredItem(
        row.batch, row.row, row.account, row.auth_index, row.subject, row.before, row.after, row.sealed, row.outcome,
        row.reason,
        row.differs,
    )  # fmt: skip
