"""Named writes of leases and of the refresh journal."""

from datetime import datetime, timedelta

from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from authdeck.clock import from_micros
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.tables import accounts, leases, refresh_journal


def take_lease(connection: WriteConnection, name: str, owner: str, seconds: float) -> int | None:
    """Take the lease by the database's clock. Its fencing number, larger than any before; ``None``: it is held.

    From here to the commit nobody else can take or release it: what is read afterwards is what the last holder left.
    """
    insert_ = sqlite.insert if connection.dialect == "sqlite" else postgresql.insert
    first = insert_(leases).values(name=name, owner="", fence=0, until=from_micros(0))
    connection.execute(first.on_conflict_do_nothing())
    now = database_now(connection)
    free = update(leases).where(leases.c.name == name, leases.c.until <= now)
    taken = free.values(owner=owner, fence=leases.c.fence + 1, until=now + timedelta(seconds=seconds))
    return connection.execute(taken.returning(leases.c.fence)).scalar_one_or_none()


def renew_lease(connection: WriteConnection, name: str, owner: str, fence: int, seconds: float) -> bool:
    """Hold the lease for so much longer. Whether it was still ours."""
    until = database_now(connection) + timedelta(seconds=seconds)
    ours = update(leases).where(leases.c.name == name, leases.c.owner == owner, leases.c.fence == fence)
    return bool(connection.execute(ours.values(until=until)).rowcount)


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


def give_up_forgotten(connection: WriteConnection, at: datetime) -> list[int]:
    """Open calls whose account's lease has run out are ``unknown``: who made them is gone. The accounts' keys."""
    lease = select(leases.c.name).where(
        leases.c.name == "refresh:" + accounts.c.auth_index, leases.c.until > database_now(connection)
    )
    held = select(accounts.c.key).where(accounts.c.key == refresh_journal.c.account, lease.exists()).exists()
    left = update(refresh_journal).where(refresh_journal.c.outcome.is_(None), ~held)
    given_up = left.values(outcome="unknown", code="process_ended", ended_at=at)
    return list(connection.execute(given_up.returning(refresh_journal.c.account)).scalars())


def database_now(connection: ReadConnection) -> datetime:
    """The database's clock: the only one that all processes share."""
    if connection.dialect == "sqlite":
        asked = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    else:
        asked = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    return from_micros(int(connection.execute(text(asked)).scalar_one()))
