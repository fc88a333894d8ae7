"""The action queue as people answer it: rows that rest, close, or become a change of their accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from authdeck.access import Actor
from authdeck.action import Incident
from authdeck.acts import Act
from authdeck.candidate import Status
from authdeck.change import ANSWERS
from authdeck.errors import DeckError, NotFound
from authdeck.ids import is_key
from authdeck.operations.answer_queue import FROM_QUEUE
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.notices import note_incidents
from authdeck.operations.records import record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.batches import StoredBatch
from authdeck.storage.reading.queue import QueueSearch
from authdeck.storage.writing import evidence as evidence_writes

MOST_ROWS: Final = 50_000
AT_ONCE: Final = 200
"""Rows of one question."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows meant: these, or all that the search finds."""

    keys: Sequence[int] = ()
    search: QueueSearch | None = None

    def find(self, connection: ReadConnection) -> list[int]:
        search = self.search or QueueSearch(keys=self.keys, statuses=tuple(Status))
        return reading.keys_of(connection, search, MOST_ROWS)


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
    """A batch (``wish`` as ``authdeck.change.read`` takes it): an answer to these rows, or a change of their accounts.

    Raises what ``Batches.begin`` raises, and ``DeckError('queue_selection_empty')``.
    """
    found = await desk.read(partial(_in_order, chosen))
    if not found:
        raise DeckError("queue_selection_empty", status=422)
    if wish.keys() & ANSWERS.keys():
        asked = Asked(wish, list(found.values()), selection={"rows": len(found)}, key=key, queue_rows=list(found))
    else:
        names = list(dict.fromkeys(found.values()))
        asked = Asked(wish, names, selection={"auth_indexes": len(names), FROM_QUEUE: True}, key=key)
    return await batches.begin(asked, actor, preview=preview)


async def close_incident(desk: Desk, key: int, actor: Actor) -> Incident:
    """Close it by hand; what goes on opens another. Closed already: nothing happens. Raises ``incident_not_found``."""

    def work(connection: WriteConnection) -> Incident:
        evidence_writes.claim_bounds(connection)
        found = reading.incident(connection, key) if is_key(key) else None
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


def _in_order(chosen: Chosen, connection: ReadConnection) -> dict[int, str]:
    """The rows' keys, each with its account."""
    keys, found = chosen.find(connection), dict[int, str]()
    for start in range(0, len(keys), AT_ONCE):
        found |= reading.accounts_of(connection, keys[start : start + AT_ONCE])
    return {key: found[key] for key in keys if key in found}
