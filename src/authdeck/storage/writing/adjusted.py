"""Named writes of settings that an admin changed."""

from datetime import datetime

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.adjusted import PREFIX
from authdeck.storage.writing import access


def keep(connection: WriteConnection, name: str, value: bool | float | str, *, by: str, at: datetime) -> None:
    """Keep a setting's value; what was kept before goes."""
    access.remember(connection, PREFIX + name, {"value": value}, by=by, at=at)


def drop(connection: WriteConnection, name: str) -> None:
    """Nothing is kept for the setting any more."""
    access.forget(connection, PREFIX + name)
