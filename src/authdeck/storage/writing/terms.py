"""Named writes of provider terms."""

from datetime import datetime

from sqlalchemy import insert

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import terms


def decide(
    connection: WriteConnection, *, provider: str, text_version: str, operator: str, at: datetime, withdrawn: bool
) -> None:
    """Add a decision; the newest counts."""
    row = {
        "provider": provider,
        "text_version": text_version,
        "operator": operator,
        "at": at,
        "withdrawn": withdrawn,
    }
    connection.execute(insert(terms).values(row))
