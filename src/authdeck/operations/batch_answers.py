"""Answers to rows of the action queue, as a batch: previewed, carried out and taken back row by row.

A row's state has one name, ``queue.<reason>``: where it stands, until when, and who answered it by which batch.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authdeck.candidate import LIVE, Candidate, Resolution, Standing, Status
from authdeck.change import QUEUE, Note, QueueAnswer, RowOutcome, difference
from authdeck.fields import moment
from authdeck.operations.batch_rows import Item, Job, reason_of
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as batch_reading
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.batches import StoredItem
from authdeck.storage.reading.queue import QueueRow
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import queue as writing

State = dict[str, Any]


@dataclass(slots=True)
class _Plan:
    """What is to become of one row; ``row`` is ``None`` of one that is not there any more."""

    key: int
    row: QueueRow | None
    outcome: RowOutcome = RowOutcome.SKIPPED
    before: State | None = None
    after: State | None = None
    reason: Note | None = None
    differs: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return name_of(self.row) if self.row else QUEUE


Wish = Callable[[QueueRow, int], _Plan | None]
"""What is to become of a row, by its number; ``None``: the batch is not about it."""


def take_answers(desk: Desk, connection: WriteConnection, job: Job, start: int, end: int) -> list[Item]:
    """Rows from ``start`` to before ``end``, answered (or previewed) together."""
    keys = job.queue_rows[start:end]
    if not job.previewing:
        account_writes.claim(connection, set(job.indexes[start:end]))
    found = reading.rows(connection, keys)
    wish = _wish(desk, connection, job, start, end, found)
    plans: list[tuple[int, _Plan]] = []
    for number, key in enumerate(keys, start):
        gone = _Plan(key, None, reason=("candidate_not_found", {"id": key}))
        made = wish(found[key], number) if key in found else gone
        if made is not None:
            plans.append((number, made))
    _compare_with_preview(connection, job, plans, start, end)
    if not job.previewing:
        _carry_out(desk, connection, [made for _, made in plans])
    return [_item(number, made) for number, made in plans]


def _wish(
    desk: Desk, connection: WriteConnection, job: Job, start: int, end: int, found: Mapping[int, QueueRow]
) -> Wish:
    if job.batch.undo_of is not None:
        items = batch_reading.items_between(connection, job.batch.undo_of, start, end)
        return _undoing(items, reading.live_reasons(connection, {row.account for row in found.values()}))
    assert job.change.answer is not None
    return _answering(job.change.answer, job.batch.id, job.batch.actor, desk.now())


def _answering(answer: QueueAnswer, batch: str, actor: str, now: datetime) -> Wish:
    def wish(row: QueueRow, _number: int) -> _Plan:
        asks, before = row.candidate, state(row.candidate)
        if answer.status is asks.status and answer.until == asks.ignored_until:
            return _Plan(asks.key, row, RowOutcome.UNCHANGED)
        if not asks.is_live:
            return _Plan(asks.key, row, reason=("candidate_closed", {"status": asks.status.value}))
        stands = Standing(Status.PENDING)
        if answer.status is not Status.PENDING:
            stands = Standing(answer.status, answer.until, Resolution.PERSON, actor, now, batch)
        return _Plan(asks.key, row, RowOutcome.DONE, before, state(asks.stands(stands)))

    return wish


def _undoing(items: Mapping[int, StoredItem], live: Mapping[tuple[int, str], int]) -> Wish:
    """The way back of each row that was answered, where it stands as it was left."""

    def wish(row: QueueRow, number: int) -> _Plan | None:
        done = items.get(number)
        if done is None or done.outcome != RowOutcome.DONE.value or not done.after:
            return None
        asks, now = row.candidate, state(row.candidate)
        name = name_of(row)
        given, former = done.after[name], (done.before or {})[name]
        if now == former:
            return _Plan(asks.key, row, RowOutcome.UNCHANGED)
        if now != given:
            differs = {name: difference(name, given, now)}
            return _Plan(asks.key, row, reason=("changed_since", {"fields": [name]}), differs=differs)
        is_asked_anew = live.get((row.account, asks.reason_code), asks.key) != asks.key
        if is_asked_anew and Status(former["status"]) in LIVE:
            return _Plan(asks.key, row, reason=("candidate_asked_anew", {}))
        return _Plan(asks.key, row, RowOutcome.DONE, now, former)

    return wish


def _compare_with_preview(
    connection: WriteConnection, job: Job, plans: Sequence[tuple[int, _Plan]], start: int, end: int
) -> None:
    """What a row is now otherwise than its preview showed."""
    if job.batch.preview_of is None:
        return
    previewed = batch_reading.items_between(connection, job.batch.preview_of, start, end)
    for number, made in plans:
        seen = previewed.get(number)
        if seen is not None and seen.before and made.row is not None:
            expected, found = seen.before[made.name], state(made.row.candidate)
            if expected != found:
                made.differs = {made.name: difference(made.name, expected, found)}


def _carry_out(desk: Desk, connection: WriteConnection, plans: Sequence[_Plan]) -> None:
    """Rows that get the same state are written together."""
    alike: dict[Standing, list[int]] = defaultdict(list)
    for made in plans:
        if made.row is not None and made.after is not None:
            alike[_standing(made.after)].append(made.key)
            changed(desk, connection, "account", made.row.auth_index)
    for stands, keys in alike.items():
        writing.put(connection, keys, stands)


def _item(number: int, made: _Plan) -> Item:
    return {
        "row": number,
        "account": made.row.account if made.row else None,
        "subject": made.row.file_name if made.row else str(made.key),
        "before": {made.name: made.before} if made.before else None,
        "after": {made.name: made.after} if made.after else None,
        "sealed": None,
        "outcome": made.outcome.value,
        "reason": reason_of(made.reason),
        "differs": made.differs,
    }


# ---- where a row stands, as JSON ----


def name_of(row: QueueRow) -> str:
    return f"{QUEUE}{row.candidate.reason_code}"


def state(asks: Candidate) -> State:
    stands = asks.standing
    return {
        "status": stands.status.value,
        "until": stands.until.isoformat() if stands.until else None,
        "resolution": stands.resolution.value if stands.resolution else None,
        "by": stands.by,
        "at": stands.at.isoformat() if stands.at else None,
        "batch": stands.batch,
    }


def _standing(told: State) -> Standing:
    resolution = Resolution(told["resolution"]) if told["resolution"] else None
    return Standing(
        Status(told["status"]), moment(told["until"]), resolution, told["by"], moment(told["at"]), told["batch"]
    )
