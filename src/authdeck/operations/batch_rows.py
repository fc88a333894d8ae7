"""A hundred rows of a batch inside one transaction: planned, written, and noted as items."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authdeck import change as changes
from authdeck.change import Change, RowOutcome
from authdeck.operations import seals
from authdeck.operations.answer_queue import answer
from authdeck.operations.change_rows import (
    Plan,
    Row,
    Taking,
    ask,
    carry_out,
    plan,
    planned,
    sealed_secrets,
    stand,
    step_back,
)
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch, StoredItem

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """A batch as its runner needs it: ``indexes`` are the accounts by row, ``change`` is opened (empty of an undo).

    ``queue_rows`` are keys of queue rows beside the accounts, where the batch answers those.
    """

    batch: StoredBatch
    indexes: Sequence[str]
    change: Change
    queue_rows: Sequence[int] = ()

    @property
    def previewing(self) -> bool:
        return self.batch.is_preview


Wish = Callable[[Taking, Row, int], Plan | None]
"""What is to become of a row, by its number; ``None``: the batch is not about it."""


def take(desk: Desk, connection: WriteConnection, job: Job, start: int, end: int, wish: Wish) -> list[Item]:
    """Rows from ``start`` to before ``end``, done (or previewed) together."""
    indexes = job.indexes[start:end]
    rows = stand(desk, connection, indexes, locked=not job.previewing)
    taking = Taking(desk, connection, job.batch.actor, desk.now(), job.previewing)
    taking.look_up(row.account.file_name for row in rows.values() if row.account.trashed_at is not None)
    plans: list[tuple[int, Plan]] = []
    for number, index in enumerate(indexes, start):
        made = _planned(taking, rows.get(index), index, number, wish)
        if made is not None:
            plans.append((number, made))
    _compare_with_preview(connection, job, plans, start, end)
    if not job.previewing:
        doing = [made for _, made in plans]
        carry_out(taking, connection, doing)
        answer(taking, connection, doing, job.batch)
    return [_item(desk, job, number, made) for number, made in plans]


def _planned(taking: Taking, row: Row | None, index: str, number: int, wish: Wish) -> Plan | None:
    left_out = False

    def wished(row: Row) -> Plan:
        nonlocal left_out
        made = wish(taking, row, number)
        left_out = made is None
        return made or Plan(row, row.account.file_name, RowOutcome.UNCHANGED)

    made = planned(row, index, wished)
    return None if left_out else made


def changing(change: Change) -> Wish:
    """The batch's change, as far as it fits the account."""

    def wish(taking: Taking, row: Row, _number: int) -> Plan:
        fits, rest = changes.fitting(change, row.account)
        if changes.is_empty(fits):
            return Plan(row, row.account.file_name, RowOutcome.SKIPPED, reason=rest)
        made = plan(taking, row, ask(taking, row, fits))
        made.reason = rest
        return made

    return wish


def undoing(desk: Desk, undone: StoredBatch, items: Mapping[int, StoredItem]) -> Wish:
    """The way back of each row that was done; the others are no part of it."""

    def wish(taking: Taking, row: Row, number: int) -> Plan | None:
        done = items.get(number)
        if done is None or done.outcome != RowOutcome.DONE.value or not done.after:
            return None
        before, after = dict(done.before or {}), dict(done.after)
        if done.sealed is not None:
            secrets = json.loads(seals.open_row(desk.vault, str(done.batch), done.row, done.sealed))
            before |= secrets["before"]
            after |= secrets["after"]
        return step_back(taking, row, before, after, ended_at=undone.ended_at)

    return wish


def wish_of(desk: Desk, connection: WriteConnection, job: Job, start: int, end: int) -> Wish:
    if job.batch.undo_of is None:
        return changing(job.change)
    undone = reading.one(connection, job.batch.undo_of)
    return undoing(desk, undone, reading.items_between(connection, undone.id, start, end))


def _compare_with_preview(
    connection: WriteConnection, job: Job, plans: Sequence[tuple[int, Plan]], start: int, end: int
) -> None:
    """What a row is now otherwise than its preview showed. It is done all the same: these rows were asked for."""
    if job.batch.preview_of is None:
        return
    previewed = reading.items_between(connection, job.batch.preview_of, start, end)
    for number, made in plans:
        seen = previewed.get(number)
        if seen is not None and made.row is not None:
            made.differs |= _since(seen, made, made.row)


def _since(seen: StoredItem, made: Plan, row: Row) -> dict[str, Any]:
    expected = dict(seen.before or {})
    expected |= {name: value for name, value in made.after.items() if name not in expected}
    found = {name: row.now(name) for name in expected}
    return {
        name: changes.difference(name, value, found[name])
        for name, value in expected.items()
        if not _looks_same(name, value, found[name])
    }


def _looks_same(name: str, previewed: Any, found: Any) -> bool:
    """A preview keeps no secret: of headers it knows whether there was one."""
    return changes.same(name, changes.hidden(name, previewed), changes.hidden(name, found))


def _item(desk: Desk, job: Job, number: int, made: Plan) -> Item:
    before, after = made.told()
    sealed = None if job.previewing else sealed_secrets(desk, made, job.batch.id, number)
    return {
        "row": number,
        "account": made.account.key if made.account else None,
        "subject": made.subject,
        "before": before or None,
        "after": after or None,
        "sealed": sealed,
        "outcome": made.outcome.value,
        "reason": reason_of(made.reason),
        "differs": made.differs or None,
    }


def reason_of(note: changes.Note | None) -> dict[str, Any] | None:
    """The reason as JSON; moments among its parameters become texts."""
    return json.loads(json.dumps({"code": note[0], "params": dict(note[1])}, default=str)) if note else None
