"""Inspections: asked for, watched, cancelled, followed up, and forgotten when they are old.

Which accounts a run is about is settled when it begins. ``InspectionRunner`` carries it out.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from authdeck import ids
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError
from authdeck.evidence import Action
from authdeck.inspection_order import Order, Selection, write_policy, write_selection
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.find_accounts import matching_accounts
from authdeck.operations.inspection_runner import CHANGE, InspectionRunner
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.batches import StoredBatch, packed
from authdeck.storage.reading.inspections import StoredInspection
from authdeck.storage.reading.schedules import StoredSchedule
from authdeck.storage.writing import inspections as writing
from authdeck.storage.writing.inspections import NewInspection

CHANGES: Final[dict[Action, dict[str, Any]]] = {
    Action.ENABLE: {"enable": True},
    Action.DISABLE: {"disable": True},
    Action.DELETE: {"delete": True},
}
"""What a person may have done at once with all accounts of which it is suggested; the others need a look at each."""


class Inspections:
    """What can be asked for."""

    def __init__(self, desk: Desk, runner: InspectionRunner, batches: Batches) -> None:
        self._desk: Final = desk
        self._runner: Final = runner
        self._batches: Final = batches
        self._watched: dict[str, set[asyncio.Event]] = defaultdict(set)
        desk.feed.subscribe(CHANGE, self._changed)

    async def begin(
        self, order: Order, actor: Actor, *, dry_run: bool = False, key: str | None = None
    ) -> StoredInspection:
        """A run in the background. ``dry_run``: it says what it would do by itself, and does nothing.

        ``key``: the caller's Idempotency-Key; the run that the same call began before is answered again.
        Raises ``selection_empty``, ``account_not_found``, ``alias_ambiguous`` and ``idempotency_key_reused``.
        """
        known = None if key is None else f"{actor.name}:{key}"
        told = self._hash([write_selection(order.selection), write_policy(order.policy), dry_run])
        if (former := await self._repeated(known, told)) is not None:
            return former
        new = replace(await self.prepared(order, actor, dry_run=dry_run), idempotency_key=known, request_hash=told)
        if await self._desk.write(lambda connection: self.store(connection, new, actor)):
            self._runner.carry_on(new.id)
            return await self.one(new.id)
        former = await self._repeated(known, told)
        assert former is not None  # it came at the same time
        return former

    async def _repeated(self, key: str | None, told: str) -> StoredInspection | None:
        found = None if key is None else await self._desk.read(partial(reading.by_key, idempotency_key=key))
        if found is None:
            return None
        inspection_id, came_with = found
        if came_with != told:
            raise DeckError("idempotency_key_reused", status=422)
        return await self.one(inspection_id)

    def _hash(self, content: Any) -> str:
        return self._desk.vault.keyed_hash("request", json.dumps(content, sort_keys=True))

    async def prepared(
        self, order: Order, actor: Actor, *, dry_run: bool = False, schedule: StoredSchedule | None = None
    ) -> NewInspection:
        """A run to be stored, its accounts chosen."""
        desk, selection = self._desk, write_selection(order.selection)
        indexes = await self._chosen(order.selection)
        if not indexes:
            raise DeckError("selection_empty", status=422)
        about = self._hash(selection)
        compared = await desk.read(partial(reading.latest_of, selection_hash=about, before=desk.now()))
        return NewInspection(
            ids.new_id(),
            actor.name,
            write_policy(order.policy),
            selection,
            about,
            packed(indexes),
            len(indexes),
            desk.now(),
            dry_run=dry_run,
            schedule=schedule.key if schedule else None,
            schedule_name=schedule.name if schedule else None,
            compared_to=compared,
        )

    def store(self, connection: WriteConnection, new: NewInspection, actor: Actor) -> bool:
        """False: its schedule has an open run, or its Idempotency-Key one."""
        if not writing.add(connection, new):
            return False
        told = {"accounts": new.total, "policy": dict(new.policy), "dry_run": new.dry_run}
        record(self._desk, connection, actor, Act.INSPECTION_BEGUN, new.id, after=told)
        changed(self._desk, connection, CHANGE, new.id)
        return True

    async def _chosen(self, selection: Selection) -> list[str]:
        """By auth_index, each once; of a sample in the order of the draw."""
        desk = self._desk
        if selection.search is not None:
            found = await matching_accounts(desk, selection.search)
        else:
            found = list(dict.fromkeys(by_name(desk, name).account.auth_index for name in selection.names))
        if selection.sample is None or selection.sample >= len(found):
            return found
        return random.sample(found, selection.sample)

    async def one(self, inspection_id: str) -> StoredInspection:
        """Raises ``NotFound('inspection_not_found')``."""
        return await self._desk.read(partial(reading.one, inspection_id=inspection_id))

    async def cancel(self, inspection_id: str, actor: Actor) -> StoredInspection:
        """Ask no further account; what was seen stays. Ended already: nothing happens."""
        desk = self._desk
        await self.one(inspection_id)

        def work(connection: WriteConnection) -> None:
            if writing.end(connection, inspection_id, status="cancelled", at=desk.now()):
                record(desk, connection, actor, Act.INSPECTION_CANCELLED, inspection_id)
                changed(desk, connection, CHANGE, inspection_id)

        await desk.write(work)
        self._runner.stop(inspection_id)
        return await self.one(inspection_id)

    async def follow_up(
        self,
        inspection_id: str,
        action: Action,
        actor: Actor,
        *,
        names: Collection[str] | None = None,
        preview: bool = False,
        key: str | None = None,
    ) -> StoredBatch:
        """Do what is suggested, with all such accounts or those among ``names`` (by auth_index): a batch.

        Raises ``Conflict('inspection_running')``, ``inspection_action_alone`` for what needs a look at each account,
        and what ``Batches.begin`` raises.
        """
        found = await self.one(inspection_id)
        if found.is_open:
            raise Conflict("inspection_running", id=inspection_id)
        if action not in CHANGES:
            raise DeckError("inspection_action_alone", status=422, action=action.value)
        wanted = partial(reading.indexes_of, inspection_id=inspection_id, action=action, names=names)
        indexes = await self._desk.read(wanted)
        told = {"inspection": inspection_id, "action": action.value, "auth_indexes": len(indexes)}
        asked = Asked(CHANGES[action], indexes, selection=told, key=key)
        return await self._batches.begin(asked, actor, preview=preview)

    async def follow(self, inspection_id: str) -> AsyncGenerator[StoredInspection, None]:
        """The run as it is, and again whenever it moved; ends with it."""
        event = asyncio.Event()
        self._watched[inspection_id].add(event)
        try:
            while True:
                event.clear()
                now = await self.one(inspection_id)
                yield now
                if not now.is_open:
                    return
                await event.wait()
        finally:
            self._watched[inspection_id].discard(event)
            if not self._watched[inspection_id]:
                del self._watched[inspection_id]

    async def _changed(self, inspection_id: str) -> None:
        for event in self._watched.get(inspection_id, ()):
            event.set()

    async def forget_old(self) -> None:
        """Delete runs that ended long ago, a part at a time."""
        kept = timedelta(days=self._desk.settings.inspection.keep_days)
        for inspection_id in await self._desk.read(partial(reading.before, moment=self._desk.now() - kept)):
            while await self._desk.write(partial(writing.forget_some, inspection_id=inspection_id), patient=True):
                pass
