"""Named reads of provider terms: who acknowledged which text, and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import terms


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The newest decision about a provider's terms."""

    provider: str
    text_version: str
    operator: str
    at: datetime
    withdrawn: bool


def decisions(connection: ReadConnection) -> dict[str, Acknowledgement]:
    """The newest decision by provider, withdrawn ones included."""
    rows = connection.execute(select(terms).order_by(terms.c.key))
    return {
        row.provider: Acknowledgement(row.provider, row.text_version, row.operator, row.at, row.withdrawn)
        for row in rows
    }


def acknowledged(connection: ReadConnection) -> dict[str, Acknowledgement]:
    """Providers whose terms are acknowledged now."""
    return {name: decision for name, decision in decisions(connection).items() if not decision.withdrawn}
