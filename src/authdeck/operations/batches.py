"""Batches: one change of many accounts, previewed, cancelled and undone as a whole.

Which accounts a batch is about is settled when it is asked for, row by row. Its rows are done in chunks, one short
transaction each, and the cursor moves in the same transaction: a process that dies leaves whole rows, and whoever takes
the batch's lease next goes on from there. Up to ``AT_ONCE`` rows are complete when the call returns; more go on in the
background.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from authdeck import change as changes
from authdeck import ids
from authdeck.access import Actor, Role
from authdeck.acts import Act
from authdeck.change import Change
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.operations import export, seals
from authdeck.operations.batch_calls import export_wish
from authdeck.operations.batch_rows import Item, reason_of
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batch_turn import take_turn
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import matching_accounts
from authdeck.operations.records import record
from authdeck.search import AccountSearch
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import accounts, trash
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch, packed, packed_keys
from authdeck.storage.writing import batches as writing
from authdeck.storage.writing.batches import NewBatch

AT_ONCE: Final = 1_000
"""Rows that are complete when the call returns."""

FINAL: Final = frozenset({"refresh", "query_quota", "purge"})
"""What was asked of a provider, or is gone for good, can't be taken back."""

PREVIEW_KEPT: Final = timedelta(minutes=15)
LOOKS: Final = (0.05,) * 20 + (0.5,) * 20
"""Seconds between looks at a batch that another process carries out."""

PATIENCE: Final = 20.0
"""Seconds that a call waits for a batch whose rows ask providers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants: ``change`` (as given) of the accounts named, or of those that ``search`` finds.

    ``trash``: of those in the trash in which these words are found, all where there are none. ``selection`` is how that
    was put, for people to read. ``key`` is the caller's Idempotency-Key. ``queue_rows`` are keys of rows of the queue,
    one beside each of the accounts named (by auth_index), where those are to be answered.
    """

    change: Mapping[str, Any] = field(repr=False)
    names: Sequence[str] = ()
    search: AccountSearch | None = None
    selection: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    queue_rows: Sequence[int] = ()
    trash: str | None = None


class Batches:
    """What can be asked for. ``runner`` carries it out."""

    def __init__(self, desk: Desk, runner: BatchRunner) -> None:
        self._desk: Final = desk
        self._runner: Final = runner

    # ---- what can be asked for ----

    async def begin(self, asked: Asked, actor: Actor, *, preview: bool = False) -> StoredBatch:
        """Make the change, or with ``preview`` say row by row what it would do.

        Raises what ``change.read`` raises, ``selection_empty``, ``file_name_for_one``, ``idempotency_key_reused``,
        ``purge_needs_preview`` and ``role_too_low``.
        """
        change = changes.read(asked.change)
        self._check(change, asked)
        _check_purge(asked.change, actor, preview=preview)
        known, unknown = await self._selected(asked)
        if not known and not unknown:
            raise DeckError("selection_empty", status=422)
        if "file_name" in change.fields and len(known) > 1:
            raise DeckError("file_name_for_one", status=422)
        new = self._new("change", actor, asked, known, preview=preview)
        secrets = changes.secrets_of(asked.change)
        if secrets:
            sealed = seals.seal_change(self._desk.vault, new.id, json.dumps(secrets).encode())
            new = replace(new, sealed=sealed)
        return await self._add(replace(new, total=len(known) + len(unknown)), actor, _act(asked.change), unknown)

    async def apply(self, preview_id: str, actor: Actor, *, key: str | None = None) -> StoredBatch:
        """Do what was previewed, with exactly its rows; what is otherwise by now is listed row by row.

        Raises ``NotFound('batch_not_found')``, ``Conflict('preview_unfinished')``, ``Conflict('preview_used')``,
        ``Conflict('preview_expired')``.
        """
        desk = self._desk
        asked = Asked({}, selection={"preview": preview_id}, key=key)
        new = self._new("change", actor, asked, (), preview=False)
        if (known := await self._repeated(new.idempotency_key, new.request_hash)) is not None:
            return await self._settled(known)
        preview = await desk.read(partial(reading.one, batch_id=preview_id))
        if not preview.is_preview or preview.expires_at is None:
            raise Conflict("batch_preview_expired", id=preview_id)
        if preview.status != "previewed":
            raise Conflict(
                "batch_preview_used" if preview.status == "applied" else "batch_preview_unfinished", id=preview_id
            )
        if preview.expires_at <= desk.now():
            raise Conflict("batch_preview_expired", id=preview_id)
        _check_purge(preview.change, actor, preview=True)
        rows = await desk.read(partial(reading.rows_of, batch_id=preview_id))
        new = replace(
            new,
            kind=preview.kind,
            accounts=packed(rows.indexes),
            queue_rows=packed_keys(rows.queue_rows) or None,
            selection=preview.selection,
            change=preview.change,
            preview_of=preview_id,
            undo_of=preview.undo_of,
            total=preview.total,
        )
        if rows.sealed is not None:
            secrets = seals.open_change(desk.vault, preview_id, rows.sealed)
            new = replace(new, sealed=seals.seal_change(desk.vault, new.id, secrets))
        act = _act(preview.change) if preview.undo_of is None else Act.BATCH_UNDONE
        return await self._add(new, actor, act, ())

    async def undo(self, batch_id: str, actor: Actor, *, preview: bool = False, key: str | None = None) -> StoredBatch:
        """Take back what a batch did, name by name where nobody changed it since. It is a batch itself.

        Raises ``NotFound('batch_not_found')``, ``Conflict('batch_running')``, ``Conflict('batch_not_undoable')``.
        """
        desk = self._desk
        done = await desk.read(partial(reading.one, batch_id=batch_id))
        if done.is_running:
            raise Conflict("batch_running", id=batch_id)
        rows = await desk.read(partial(reading.rows_of, batch_id=batch_id))
        if done.is_preview or done.kind not in {"change", "undo", "inspection"} or FINAL & set(done.change):
            raise Conflict("batch_not_undoable", id=batch_id, kind=done.kind)
        asked = Asked({}, selection={"batch": batch_id}, key=key)
        new = replace(
            self._new("undo", actor, asked, rows.indexes, preview=preview),
            queue_rows=packed_keys(rows.queue_rows) or None,
            undo_of=batch_id,
            total=done.counts.get("done", 0),
        )
        return await self._add(new, actor, Act.BATCH_UNDONE, ())

    async def one(self, batch_id: str) -> StoredBatch:
        """The batch as it is stored. What it did in this process is in force once it says ``completed``.

        Raises ``NotFound('batch_not_found')``.
        """
        batch = await self._desk.read(partial(reading.one, batch_id=batch_id))
        if batch.status == "completed":
            await self._desk.in_force()
        return batch

    async def cancel(self, batch_id: str, actor: Actor) -> StoredBatch:
        """Do no further row; what is done stays, and can be undone. Ended already: nothing happens.

        Raises ``NotFound('batch_not_found')`` and ``Conflict('batch_not_cancellable')`` for what its own call does.
        """
        desk = self._desk

        def work(connection: WriteConnection) -> None:
            found = reading.one(connection, batch_id)
            if not found.is_running:
                return
            if found.total is None:
                raise Conflict("batch_not_cancellable", id=batch_id, kind=found.kind)
            writing.head(connection, batch_id)
            writing.end(connection, batch_id, status="cancelled", at=desk.now())
            record(desk, connection, actor, Act.BATCH_CANCELLED, batch_id, batch=batch_id)

        await desk.write(work)
        return await desk.read(partial(reading.one, batch_id=batch_id))

    async def content(self, batch_id: str, actor: Actor) -> export.Exported:
        """The file of an export batch, made now from the accounts whose rows are done; audited as it leaves.

        Accounts that went into the trash since are left out.

        Raises ``NotFound('batch_not_found')``, ``NotFound('batch_without_content')`` and what ``export`` raises.
        """
        desk = self._desk
        found = await desk.read(partial(reading.one, batch_id=batch_id))
        order = changes.read(found.change).export if found.kind == "change" else None
        if order is None or found.is_running or found.is_preview:
            raise NotFound("batch_without_content", id=batch_id)
        done = await desk.read(partial(reading.done_indexes, batch_id=batch_id))
        live = [index for index in done if desk.directory.get(index) is not None]
        return await export.export(desk, export_wish(order, live), actor)

    async def forget_previews(self) -> None:
        """Delete previews that ran out, a part at a time."""
        for batch_id in await self._desk.read(partial(reading.ended_previews, before=self._desk.now())):
            while await self._desk.write(partial(writing.forget_some, batch_id=batch_id), patient=True):
                pass

    # ---- beginning one ----

    def _check(self, change: Change, asked: Asked) -> None:
        """What only the server can know to be wrong."""
        if change.answer is not None and not asked.queue_rows:
            raise DeckError("change_of_queue_rows", status=422)
        if change.answer is not None and change.answer.until is not None and change.answer.until <= self._desk.now():
            raise DeckError("ignored_until_past", status=422)
        until = change.disable.until if change.disable else None
        if until is not None and until <= self._desk.now():
            raise DeckError("change_invalid", status=422, field="until", problem="past")
        if change.export is not None:
            export.require_key(export_wish(change.export, ()))

    async def _selected(self, asked: Asked) -> tuple[list[str], list[Item]]:
        """The accounts by auth_index, each once, and rows for names that mean none. Those of queue rows as given."""
        desk = self._desk
        if asked.queue_rows:
            return list(asked.names), []
        if asked.search is not None:
            return await matching_accounts(desk, asked.search), []
        if asked.trash is not None:
            return await desk.read(partial(trash.indexes, words=asked.trash)), []
        names = list(dict.fromkeys(asked.names))
        strange = [name for name in names if desk.directory.get(name) is None]
        found, refused = await desk.read(partial(_looked_up, names=strange)) if strange else ({}, {})
        known = list(dict.fromkeys(found.get(name, name) for name in names if name not in refused))
        return known, [
            _unknown(len(known) + number, name, error) for number, (name, error) in enumerate(refused.items())
        ]

    def _new(self, kind: str, actor: Actor, asked: Asked, indexes: Sequence[str], *, preview: bool) -> NewBatch:
        now = self._desk.now()
        return NewBatch(
            ids.new_id(),
            kind,
            actor.name,
            asked.selection,
            changes.masked(asked.change),
            now,
            status="previewing" if preview else "running",
            accounts=packed(indexes),
            queue_rows=packed_keys(asked.queue_rows) or None,
            expires_at=now + PREVIEW_KEPT if preview else None,
            idempotency_key=None if asked.key is None else f"{actor.name}:{asked.key}",
            request_hash=self._request_hash(f"{kind} {preview}", asked),
        )

    def _request_hash(self, what: str, asked: Asked) -> str:
        content = [what, asked.change, asked.selection, *([list(asked.queue_rows)] if asked.queue_rows else [])]
        return self._desk.vault.keyed_hash("request", json.dumps(content, sort_keys=True, default=str))

    async def _repeated(self, key: str | None, request_hash: str | None) -> StoredBatch | None:
        """The batch that the same call made before."""
        if key is None:
            return None
        found = await self._desk.read(partial(reading.by_key, idempotency_key=key))
        if found is not None and found.request_hash != request_hash:
            raise DeckError("idempotency_key_reused", status=422)
        return found

    async def _add(self, new: NewBatch, actor: Actor, act: Act, unknown: Sequence[Item]) -> StoredBatch:
        """Store it and carry it out; the one that the same key made before, where there is one."""
        desk = self._desk

        def work(connection: WriteConnection) -> int | None:
            if not writing.add(connection, new):
                return None
            if unknown:
                writing.add_items(connection, new.id, unknown, cursor=0)
            if new.preview_of is not None and not writing.move(
                connection, new.preview_of, expected="previewed", status="applied"
            ):
                raise Conflict("batch_preview_used", id=new.preview_of)
            if new.expires_at is None:
                told = {"selection": dict(new.selection), "change": dict(new.change), "rows": new.total}
                record(desk, connection, actor, act, new.undo_of or new.id, after=told, batch=new.id)
            return take_turn(desk, connection, new.id)

        if (fence := await desk.write(work)) is not None:
            self._runner.carry_on(new.id, fence)
            return await self._settled(await desk.read(partial(reading.one, batch_id=new.id)))
        found = await self._repeated(new.idempotency_key, new.request_hash)
        assert found is not None
        return await self._settled(found)

    async def _settled(self, batch: StoredBatch) -> StoredBatch:
        """The batch when its call may return."""
        if not batch.is_running:
            return await self.one(batch.id)
        if (batch.total or 0) > AT_ONCE:
            self._runner.carry_on(batch.id)
            return batch
        if "query_quota" in batch.change:
            return batch
        is_slow = "refresh" in batch.change or "export" in batch.change
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._ended(batch), PATIENCE if is_slow else None)
        return await self.one(batch.id)

    async def _ended(self, batch: StoredBatch) -> StoredBatch:
        """When it has ended here; or in the process that has its lease, if that does not take too long."""
        for pause in LOOKS:
            was_ours = await asyncio.shield(self._runner.carry_on(batch.id))
            batch = await self._desk.read(partial(reading.one, batch_id=batch.id))
            if was_ours or not batch.is_running:
                break
            await asyncio.sleep(pause)
        return batch


def _act(change: Mapping[str, Any]) -> Act:
    return next((act for name, act in _ANSWERED.items() if name in change), Act.BATCH_BEGUN)


_ANSWERED: Final = {"ignore": Act.QUEUE_IGNORED, "resolve": Act.QUEUE_RESOLVED, "reopen": Act.QUEUE_ASKED_AGAIN}


def _check_purge(change: Mapping[str, Any], actor: Actor, *, preview: bool) -> None:
    """Nothing brings back what is purged: an admin sees first what it would be."""
    if not change.get("purge"):
        return
    if actor.role < Role.ADMIN:
        raise DeckError("role_too_low", status=403, role=actor.role.word, needs=Role.ADMIN.word)
    if not preview:
        raise Conflict("purge_needs_preview")


def _looked_up(connection: ReadConnection, names: Sequence[str]) -> tuple[dict[str, str], dict[str, DeckError]]:
    """Names that are no live account's auth_index: trashed accounts, file names, aliases. And those that mean none."""
    found = {index: index for index in accounts.standing(connection, names)}
    refused: dict[str, DeckError] = {}
    for name in names:
        if name in found:
            continue
        try:
            found[name] = accounts.resolve(connection, name).auth_index
        except DeckError as error:
            refused[name] = error
    return found, refused


def _unknown(row: int, name: str, error: DeckError) -> Item:
    return {
        "row": row, "account": None, "subject": name[:512], "before": None, "after": None, "sealed": None,
        "outcome": "skipped", "reason": reason_of((error.code, error.params)),
    }  # fmt: skip
