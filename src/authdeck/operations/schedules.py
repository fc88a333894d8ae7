"""Schedules: inspections that begin by themselves. Whoever moves a schedule's moment on begins its run."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from authdeck import timing
from authdeck.access import AUTOMATION, Actor
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError
from authdeck.inspection_order import (
    Order,
    read_policy,
    read_selection,
    stored_selection,
    write_policy,
    write_selection,
)
from authdeck.operations.desk import Desk
from authdeck.operations.inspection_runner import InspectionRunner
from authdeck.operations.inspections import Inspections
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import schedules as reading
from authdeck.storage.reading.schedules import StoredSchedule
from authdeck.storage.writing import schedules as writing
from authdeck.storage.writing.inspections import NewInspection

MOST: Final = 50
LONGEST_NAME: Final = 100
_FIELDS: Final = ("name", "timing", "policy", "selection", "enabled")
_log = structlog.get_logger(__name__)


class Schedules:
    """``begin_due`` by the timetable; the rest is what can be asked for."""

    def __init__(self, desk: Desk, inspections: Inspections, runner: InspectionRunner) -> None:
        self._desk: Final = desk
        self._inspections: Final = inspections
        self._runner: Final = runner

    async def all(self) -> list[StoredSchedule]:
        return await self._desk.read(reading.all_schedules)

    async def one(self, key: int) -> StoredSchedule:
        """Raises ``NotFound('schedule_not_found')``."""
        return await self._desk.read(partial(reading.one, key=key))

    async def create(self, given: Mapping[str, Any], actor: Actor) -> StoredSchedule:
        """``{name, timing, policy?, selection?, enabled?}``.

        Raises ``schedule_invalid``, ``schedules_too_many`` and what ``timing``, ``read_policy`` and ``read_selection``
        raise.
        """
        desk = self._desk
        now = desk.now()
        columns = {"policy": {}, "selection": {}, "enabled": True, **given}
        columns = {**self._checked(columns), "created_at": now, "created_by": actor.name}
        columns["next_at"] = _next(columns, now)

        def work(connection: WriteConnection) -> int:
            if writing.count(connection) >= MOST:
                raise Conflict("schedules_too_many", most=MOST)
            key = writing.add(connection, columns)
            record(desk, connection, actor, Act.SCHEDULE_CREATED, str(key), after=_told(columns))
            return key

        return await self.one(await desk.write(work))

    async def change(self, key: int, given: Mapping[str, Any], actor: Actor) -> StoredSchedule:
        """What is named changes; the next moment is counted anew where timing or ``enabled`` did. Raises as ``create``.

        A run under way keeps the policy it began with.
        """
        desk = self._desk

        def work(connection: WriteConnection) -> None:
            known = reading.one(connection, key)
            before: dict[str, Any] = {name: getattr(known, name) for name in _FIELDS}
            columns = self._checked({**before, "selection": stored_selection(known.selection), **given})
            if columns["timing"] != before["timing"] or columns["enabled"] != before["enabled"]:
                columns["next_at"] = _next(columns, desk.now())
            writing.change(connection, key, columns)
            record(desk, connection, actor, Act.SCHEDULE_CHANGED, str(key), before=_told(before), after=_told(columns))

        await desk.write(work)
        return await self.one(key)

    async def delete(self, key: int, actor: Actor) -> None:
        """Its runs stay. Raises ``NotFound('schedule_not_found')``."""
        desk = self._desk

        def work(connection: WriteConnection) -> None:
            known = reading.one(connection, key)
            writing.remove(connection, key)
            record(desk, connection, actor, Act.SCHEDULE_DELETED, str(key), before={"name": known.name})

        await desk.write(work)

    async def begin_due(self) -> None:
        """Begin a run of each schedule whose moment has come, wherever no other process does."""
        for schedule in await self._desk.read(partial(reading.due, now=self._desk.now())):
            try:
                await self._begin(schedule)
            except DeckError as error:
                _log.warning("schedule passed over", schedule=schedule.name, code=error.code)
                await self._desk.write(partial(self._move_on, schedule))

    async def _begin(self, schedule: StoredSchedule) -> None:
        order = Order(read_selection(stored_selection(schedule.selection)), read_policy(schedule.policy))
        new = await self._inspections.prepared(order, AUTOMATION, schedule=schedule)
        if await self._desk.write(partial(self._store, schedule, new)):
            self._runner.carry_on(new.id)

    def _store(self, schedule: StoredSchedule, new: NewInspection, connection: WriteConnection) -> bool:
        """False: another process was quicker; or its former run still goes on, and this time is left out."""
        return self._move_on(schedule, connection) and self._inspections.store(connection, new, AUTOMATION)

    def _move_on(self, schedule: StoredSchedule, connection: WriteConnection) -> bool:
        assert schedule.next_at is not None
        following = timing.next_after(timing.read(schedule.timing), self._desk.now(), schedule.next_at)
        return writing.move_on(connection, schedule.key, seen=schedule.next_at, to=following)

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The columns, each as it is written."""
        if unknown := set(given) - set(_FIELDS):
            raise _wrong(min(unknown))
        name, enabled = given.get("name"), given["enabled"]
        if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            raise _wrong("name")
        if not isinstance(enabled, bool):
            raise _wrong("enabled")
        for field in ("timing", "policy", "selection"):
            if not isinstance(given.get(field), Mapping):
                raise _wrong(field)
        return {
            "name": " ".join(name.split()),
            "timing": timing.written(timing.read(given["timing"])),
            "policy": write_policy(read_policy(given["policy"])),
            "selection": write_selection(read_selection(given["selection"])),
            "enabled": enabled,
        }


def _next(columns: Mapping[str, Any], now: datetime) -> datetime | None:
    return timing.next_after(timing.read(columns["timing"]), now) if columns["enabled"] else None


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit: of accounts named only how many."""
    told = {name: columns[name] for name in _FIELDS}
    names = told["selection"].get("auth_indexes")
    return told if names is None else {**told, "selection": {**told["selection"], "auth_indexes": len(names)}}


def _wrong(field: str) -> DeckError:
    return DeckError("schedule_invalid", status=422, field=field)
