"""The action queue as people answer it: rows that rest, close, or become a change of their accounts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from authdeck.access import Actor
from authdeck.action import Incident
from authdeck.acts import Act
from authdeck.candidate import Status
from authdeck.errors import DeckError, NotFound
from authdeck.operations.answer_queue import FROM_QUEUE
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.notices import note_incidents
from authdeck.operations.records import changed, record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.batches import StoredBatch
from authdeck.storage.reading.queue import QueueSearch
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as evidence_writes
from authdeck.storage.writing import queue as writing

MOST_ROWS: Final = 50_000
AT_ONCE: Final = 200
"""Rows of one transaction: none may last 50 ms."""

_Write = Callable[[WriteConnection, Sequence[int]], int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows meant: these, or all that the search finds."""

    keys: Sequence[int] = ()
    search: QueueSearch | None = None

    def find(self, connection: ReadConnection) -> list[int]:
        search = self.search or QueueSearch(keys=self.keys, statuses=tuple(Status))
        return reading.keys_of(connection, search, MOST_ROWS)


async def ignore(desk: Desk, chosen: Chosen, actor: Actor, until: datetime | None = None) -> int:
    """Let rows rest until a moment, or (``None``) for as long as their signal stands. How many do.

    Raises ``DeckError('ignored_until_past')`` and ``DeckError('queue_selection_empty')``.
    """
    now = desk.now()
    if until is not None and until <= now:
        raise DeckError("ignored_until_past", status=422)
    told = {"until": until.isoformat() if until else None}
    write = partial(writing.ignore, until=until, by=actor.name, at=now)
    return await _answer(desk, chosen, actor, Act.QUEUE_IGNORED, write, told)


async def resolve(desk: Desk, chosen: Chosen, actor: Actor) -> int:
    """Close rows: nothing is left to do. What is observed later opens them anew. How many were closed."""
    return await _answer(
        desk, chosen, actor, Act.QUEUE_RESOLVED, partial(writing.resolve, by=actor.name, at=desk.now())
    )


async def ask_again(desk: Desk, chosen: Chosen, actor: Actor) -> int:
    """Rows that rest or failed are pending again. How many are."""
    return await _answer(desk, chosen, actor, Act.QUEUE_ASKED_AGAIN, writing.ask_again)


async def change(
    desk: Desk,
    batches: Batches,
    chosen: Chosen,
    wish: Mapping[str, Any],
    actor: Actor,
    *,
    preview: bool = False,
    key: str | None = None,
) -> StoredBatch:
    """The change (as ``authdeck.change.read`` takes it) of the rows' accounts, as a batch that answers these rows.

    Raises what ``Batches.begin`` raises, and ``DeckError('queue_selection_empty')``.
    """
    keys = await _found(desk, chosen)
    names = list(dict.fromkeys(await desk.read(partial(_in_order, keys=keys))))
    told = {"auth_indexes": len(names), FROM_QUEUE: True}
    return await batches.begin(Asked(wish, names, selection=told, key=key), actor, preview=preview)


async def close_incident(desk: Desk, key: int, actor: Actor) -> Incident:
    """Close it by hand; what goes on opens another. Closed already: nothing happens. Raises ``incident_not_found``."""

    def work(connection: WriteConnection) -> Incident:
        evidence_writes.claim_bounds(connection)
        found = reading.incident(connection, key)
        if found is None:
            raise NotFound("incident_not_found", id=key)
        if not found.is_open:
            return found
        closed = replace(found, closed_at=desk.now(), closed_by=actor.name)
        evidence_writes.store_incident(connection, closed)
        note_incidents(connection, [closed], desk.now())
        after = {"cause": found.cause.value, "subject": found.subject}
        record(desk, connection, actor, Act.INCIDENT_CLOSED, str(key), after=after)
        return closed

    return await desk.write(work)


async def _answer(
    desk: Desk, chosen: Chosen, actor: Actor, act: Act, write: _Write, told: Mapping[str, Any] | None = None
) -> int:
    """Some rows a transaction, audited once, with the first of them."""
    keys, answered = await _found(desk, chosen), 0
    for start in range(0, len(keys), AT_ONCE):
        after = {"rows": len(keys), **(told or {})} if start == 0 else None
        some = keys[start : start + AT_ONCE]
        answered += await desk.write(partial(_write, desk, some, actor, act, write, after), patient=True)
    return answered


def _write(
    desk: Desk,
    keys: Sequence[int],
    actor: Actor,
    act: Act,
    write: _Write,
    told: Mapping[str, Any] | None,
    connection: WriteConnection,
) -> int:
    indexes = sorted(set(reading.accounts_of(connection, keys).values()))
    account_writes.claim(connection, indexes)
    answered = write(connection, keys)
    if told is not None:
        record(desk, connection, actor, act, indexes[0] if len(indexes) == 1 else "", after=told)
    for auth_index in indexes:
        changed(desk, connection, "account", auth_index)
    return answered


async def _found(desk: Desk, chosen: Chosen) -> list[int]:
    keys = await desk.read(chosen.find)
    if not keys:
        raise DeckError("queue_selection_empty", status=422)
    return keys


def _in_order(connection: ReadConnection, keys: Sequence[int]) -> list[str]:
    found: dict[int, str] = {}
    for start in range(0, len(keys), AT_ONCE):
        found |= reading.accounts_of(connection, keys[start : start + AT_ONCE])
    return [found[key] for key in keys if key in found]
