"""Named reads of the refresh journal."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import refresh_journal


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One token call. ``outcome`` is ``None`` while it is under way, or while nobody knows."""

    key: int
    account: int
    from_revision: int
    fence: int
    boot: str
    sent_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    new_revision: int | None


def of_account(connection: ReadConnection, account_key: int, limit: int = 20) -> list[JournalEntry]:
    """Newest first."""
    statement = (
        select(refresh_journal)
        .where(refresh_journal.c.account == account_key)
        .order_by(refresh_journal.c.key.desc())
        .limit(limit)
    )
    return [JournalEntry(**row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's way


def open_entry(connection: ReadConnection, account_key: int) -> int | None:
    """The key of the call under way."""
    statement = select(refresh_journal.c.key).where(
        refresh_journal.c.account == account_key, refresh_journal.c.outcome.is_(None)
    )
    return connection.execute(statement).scalar_one_or_none()


def new_revision_of(connection: ReadConnection, key: int) -> int | None:
    """The revision that this call's answer was stored as, if it was."""
    statement = select(refresh_journal.c.new_revision).where(refresh_journal.c.key == key)
    return connection.execute(statement).scalar_one_or_none()


def refusal_of(connection: ReadConnection, account_key: int, from_revision: int) -> str | None:
    """The provider's word with which it refused this revision's refresh token, if it did."""
    statement = (
        select(refresh_journal.c.code)
        .where(
            refresh_journal.c.account == account_key,
            refresh_journal.c.from_revision == from_revision,
            refresh_journal.c.outcome == "refused",
        )
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def unknown_calls(connection: ReadConnection, account_key: int, from_revision: int) -> list[datetime]:
    """When this revision's refresh token was sent without an answer that anybody read; oldest first."""
    statement = (
        select(refresh_journal.c.sent_at)
        .where(
            refresh_journal.c.account == account_key,
            refresh_journal.c.from_revision == from_revision,
            refresh_journal.c.outcome == "unknown",
        )
        .order_by(refresh_journal.c.key)
    )
    return list(connection.execute(statement).scalars())
