"""Named writes of sign-ins at providers. Every step is a compare-and-set on the status."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import logins


def add(
    connection: WriteConnection,
    *,
    login_id: str,
    provider: str,
    account_key: int | None,
    state_hash: str | None,
    sealed: bytes,
    session: str,
    outcome: Mapping[str, Any],
    at: datetime,
    expires_at: datetime,
) -> None:
    row = {
        "id": login_id,
        "provider": provider,
        "account": account_key,
        "state_hash": state_hash,
        "sealed": sealed,
        "session": session,
        "status": "pending",
        "outcome": dict(outcome),
        "created_at": at,
        "expires_at": expires_at,
    }
    connection.execute(insert(logins).values(row))


def move(
    connection: WriteConnection, login_id: str, status: str, *, among: Sequence[str], at: datetime, **columns: Any
) -> bool:
    """To another status, if it is one of ``among`` now and its time has not run out. The state is spent by it."""
    mine = (logins.c.id == login_id, logins.c.status.in_(among), logins.c.expires_at > at)
    values = {"status": status, "state_hash": None, **columns}
    return connection.execute(update(logins).where(*mine).values(values)).rowcount == 1


def end(
    connection: WriteConnection, login_id: str, status: str, *, among: Sequence[str], outcome: Mapping[str, Any]
) -> bool:
    """The same at any time; nothing secret stays in the row."""
    mine = (logins.c.id == login_id, logins.c.status.in_(among))
    values = {"status": status, "state_hash": None, "sealed": None, "outcome": dict(outcome)}
    return connection.execute(update(logins).where(*mine).values(values)).rowcount == 1


def tell(connection: WriteConnection, login_id: str, outcome: Mapping[str, Any]) -> None:
    """What has become known of one that is done."""
    mine = (logins.c.id == login_id, logins.c.status == "done")
    connection.execute(update(logins).where(*mine).values(outcome=dict(outcome)))


def reseal(connection: WriteConnection, login_id: str, sealed: bytes) -> None:
    """What a pending login goes on with, where that changed."""
    mine = (logins.c.id == login_id, logins.c.status == "pending")
    connection.execute(update(logins).where(*mine).values(sealed=sealed))


def forget(connection: WriteConnection, before: datetime) -> int:
    return connection.execute(delete(logins).where(logins.c.expires_at < before)).rowcount
