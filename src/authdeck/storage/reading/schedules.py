"""Named reads of schedules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from authdeck.errors import NotFound
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import schedules


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """``timing``, ``policy`` and ``selection`` are as they are written. ``next_at`` is ``None`` while it is off."""

    key: int
    name: str
    timing: Mapping[str, Any]
    policy: Mapping[str, Any]
    selection: Mapping[str, Any]
    enabled: bool
    next_at: datetime | None
    created_at: datetime
    created_by: str


def one(connection: ReadConnection, key: int) -> StoredSchedule:
    """Raises ``NotFound('schedule_not_found')``."""
    found = connection.execute(select(schedules).where(schedules.c.key == key)).one_or_none()
    if found is None:
        raise NotFound("schedule_not_found", id=key)
    return _schedule(found)


def all_schedules(connection: ReadConnection) -> list[StoredSchedule]:
    """By name."""
    return [_schedule(row) for row in connection.execute(select(schedules).order_by(schedules.c.name, schedules.c.key))]


def due(connection: ReadConnection, now: datetime) -> list[StoredSchedule]:
    """Those whose moment has come, the longest due first."""
    asked = select(schedules).where(schedules.c.next_at <= now, schedules.c.enabled.is_(True))
    return [_schedule(row) for row in connection.execute(asked.order_by(schedules.c.next_at))]


def _schedule(row: Row[Any]) -> StoredSchedule:
    return StoredSchedule(**row._mapping)  # noqa: SLF001 - the columns by name
