"""Named reads for tidying: which accounts have old refresh revisions, and how an account's revisions hang together."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, revisions


@dataclass(frozen=True, slots=True)
class Link:
    """A revision without its content."""

    number: int
    parent: int | None
    generation: int
    why: str
    at: datetime


def accounts_with_old_refreshes(connection: ReadConnection, before: datetime, after_key: int, limit: int) -> list[int]:
    """Keys of accounts that have a refresh revision made before a moment, in order; ``after_key`` is where to go on."""
    statement = (
        select(revisions.c.account)
        .where(revisions.c.why == "refreshed", revisions.c.at < before, revisions.c.account > after_key)
        .distinct()
        .order_by(revisions.c.account)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def links(connection: ReadConnection, account_key: int) -> tuple[int, dict[int, Link]]:
    """The current revision's number, and every revision by its number."""
    columns = (revisions.c.number, revisions.c.parent, revisions.c.generation, revisions.c.why, revisions.c.at)
    statement = select(*columns).where(revisions.c.account == account_key)
    found = {
        row.number: Link(row.number, row.parent, row.generation, row.why, row.at)
        for row in connection.execute(statement)
    }
    asked = select(accounts.c.current_revision).where(accounts.c.key == account_key)
    return int(connection.execute(asked).scalar_one()), found
