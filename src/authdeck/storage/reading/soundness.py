"""Named questions of the check-up: is the database itself in order?"""

from datetime import datetime

from sqlalchemy import and_, select, text

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, fingerprints, refresh_journal, revisions


def damage(connection: ReadConnection) -> list[str]:
    """What SQLite finds wrong in its file: pages, indexes, constraints. PostgreSQL has no such question."""
    if connection.dialect != "sqlite":
        return []
    found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)"))]
    return [] if found == ["ok"] else found


def broken_references(connection: ReadConnection) -> list[str]:
    """Tables with rows that refer to nothing. PostgreSQL lets none come in."""
    if connection.dialect != "sqlite":
        return []
    return sorted({str(row[0]) for row in connection.execute(text("PRAGMA foreign_key_check"))})


def without_current_revision(connection: ReadConnection) -> list[str]:
    """The auth_index of each account whose current auth file is not there."""
    current = and_(revisions.c.account == accounts.c.key, revisions.c.number == accounts.c.current_revision)
    asked = (
        select(accounts.c.auth_index)
        .outerjoin(revisions, current)
        .where(accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None), revisions.c.account.is_(None))
    )
    return list(connection.execute(asked.order_by(accounts.c.auth_index)).scalars())


def without_fingerprint(connection: ReadConnection) -> list[str]:
    """The auth_index of each account that none of its credentials would be recognised by."""
    known = select(fingerprints.c.account).where(fingerprints.c.account == accounts.c.key).exists()
    asked = select(accounts.c.auth_index).where(
        accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None), accounts.c.unreadable.is_(None), ~known
    )
    return list(connection.execute(asked.order_by(accounts.c.auth_index)).scalars())


def forgotten_calls(connection: ReadConnection, before: datetime) -> list[str]:
    """The auth_index of each account with a token call begun before, whose end nobody wrote down."""
    asked = (
        select(accounts.c.auth_index)
        .join(refresh_journal, refresh_journal.c.account == accounts.c.key)
        .where(refresh_journal.c.outcome.is_(None), refresh_journal.c.sent_at < before)
    )
    return list(connection.execute(asked.order_by(accounts.c.auth_index)).scalars())
