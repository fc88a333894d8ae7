"""Named writes of schedules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import schedules


def add(connection: WriteConnection, columns: Mapping[str, Any]) -> int:
    """Its key."""
    made = connection.execute(insert(schedules).values(dict(columns))).inserted_primary_key
    assert made is not None
    return int(made[0])


def count(connection: WriteConnection) -> int:
    return len(connection.execute(select(schedules.c.key)).all())


def change(connection: WriteConnection, key: int, columns: Mapping[str, Any]) -> None:
    connection.execute(update(schedules).where(schedules.c.key == key).values(dict(columns)))


def move_on(connection: WriteConnection, key: int, *, seen: datetime, to: datetime) -> bool:
    """Whoever moves the moment on begins the run. False: another process did, or it was changed."""
    mine = and_(schedules.c.key == key, schedules.c.next_at == seen, schedules.c.enabled.is_(True))
    return connection.execute(update(schedules).where(mine).values(next_at=to)).rowcount == 1


def remove(connection: WriteConnection, key: int) -> None:
    connection.execute(delete(schedules).where(schedules.c.key == key))
