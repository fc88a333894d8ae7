"""Named reads of settings that an admin changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import server_settings

PREFIX: Final = "setting:"
"""What else the server remembers lies in the same table, under names without it."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A kept value, who set it, and when."""

    value: object
    by: str
    at: datetime


def adjusted(connection: ReadConnection) -> dict[str, Adjusted]:
    """By the setting's name."""
    asked = select(server_settings).where(server_settings.c.name.startswith(PREFIX, autoescape=True))
    return {
        row.name.removeprefix(PREFIX): Adjusted(row.value["value"], row.updated_by, row.updated_at)
        for row in connection.execute(asked)
    }
