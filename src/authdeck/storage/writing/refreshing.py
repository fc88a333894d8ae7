"""Named writes of leases and of the refresh journal."""

from datetime import datetime, timedelta

from sqlalchemy import insert, select, text, update

from authdeck.clock import from_micros
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.tables import leases, refresh_journal


def take_lease(connection: WriteConnection, name: str, owner: str, seconds: float) -> int | None:
    """Take the lease by the database's clock. Its fencing number, larger than any before; ``None``: it is held."""
    now = database_now(connection)
    until = now + timedelta(seconds=seconds)
    held = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    if held is None:
        connection.execute(insert(leases).values(name=name, owner=owner, fence=1, until=until))
        return 1
    if held.until > now:
        return None
    fence = int(held.fence) + 1
    taken = update(leases).where(leases.c.name == name, leases.c.fence == held.fence)
    moved = connection.execute(taken.values(owner=owner, fence=fence, until=until))
    return fence if moved.rowcount else None


def holds_lease(connection: ReadConnection, name: str, owner: str, fence: int) -> bool:
    """Whether nobody has taken the lease since. Its end alone takes nothing away: there was no other holder."""
    found = connection.execute(select(leases.c.owner, leases.c.fence).where(leases.c.name == name)).one_or_none()
    return found is not None and (found.owner, found.fence) == (owner, fence)


def is_leased(connection: ReadConnection, name: str) -> bool:
    """Whether somebody holds the lease now, by the database's clock."""
    until = connection.execute(select(leases.c.until).where(leases.c.name == name)).scalar_one_or_none()
    return until is not None and until > database_now(connection)


def release_lease(connection: WriteConnection, name: str, owner: str, fence: int) -> None:
    """Let others take it. The row stays: its fencing number only grows."""
    ours = update(leases).where(leases.c.name == name, leases.c.owner == owner, leases.c.fence == fence)
    connection.execute(ours.values(until=database_now(connection)))


def begin_call(
    connection: WriteConnection, account_key: int, *, from_revision: int, fence: int, boot: str, at: datetime
) -> int:
    """Write down that a refresh token is about to be sent. The entry's key."""
    row = {"account": account_key, "from_revision": from_revision, "fence": fence, "boot": boot, "sent_at": at}
    key = connection.execute(insert(refresh_journal).values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def end_call(
    connection: WriteConnection,
    key: int,
    *,
    outcome: str,
    at: datetime,
    code: str = "",
    new_revision: int | None = None,
) -> None:
    """Write down how it ended. One that was ended as unknown by somebody else gets its true end."""
    ended = update(refresh_journal).where(refresh_journal.c.key == key)
    connection.execute(ended.values(outcome=outcome, code=code, ended_at=at, new_revision=new_revision))


def give_up_others(connection: WriteConnection, boot: str, at: datetime) -> int:
    """At the start of the only process: leases of former runs end, their open calls are ``unknown``. How many calls."""
    connection.execute(update(leases).where(leases.c.owner != boot).values(until=from_micros(0)))
    left = update(refresh_journal).where(refresh_journal.c.outcome.is_(None), refresh_journal.c.boot != boot)
    return connection.execute(left.values(outcome="unknown", code="process_ended", ended_at=at)).rowcount


def database_now(connection: ReadConnection) -> datetime:
    """The database's clock: the only one that all processes share."""
    if connection.dialect == "sqlite":
        asked = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    else:
        asked = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    return from_micros(int(connection.execute(text(asked)).scalar_one()))
