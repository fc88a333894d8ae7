"""Named reads of sign-ins at providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, select

from authdeck.errors import NotFound
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, logins

OPEN: Final = ("pending", "exchanging", "choosing")
"""States from which a login can still be finished or cancelled."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """``status``: pending, exchanging, choosing, done, failed, cancelled or expired. ``session`` is a keyed hash.

    ``expected`` is the auth_index that it is for. ``outcome`` holds codes and names, never a secret; ``sealed`` is
    bound to the row's ``id``.
    """

    id: str
    provider: str
    expected: str | None
    session: str
    status: str
    outcome: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    sealed: bytes | None = field(repr=False)


def one(connection: ReadConnection, login_id: str) -> StoredLogin:
    """Raises ``NotFound('login_not_found')``."""
    row = connection.execute(_all().where(logins.c.id == login_id)).one_or_none()
    if row is None:
        raise NotFound("login_not_found")
    return _login(row)


def by_state(connection: ReadConnection, state_hash: str) -> StoredLogin | None:
    """The pending login with that state: a state is good for one call-back."""
    row = connection.execute(_all().where(logins.c.state_hash == state_hash)).one_or_none()
    return None if row is None else _login(row)


def open_ones(connection: ReadConnection) -> list[StoredLogin]:
    rows = connection.execute(_all().where(logins.c.status.in_(OPEN)).order_by(logins.c.created_at))
    return [_login(row) for row in rows]


def of_session(connection: ReadConnection, session: str, since: datetime, limit: int = 20) -> Sequence[StoredLogin]:
    """The session's own ones, newest first."""
    asked = _all().where(logins.c.session == session, logins.c.created_at >= since)
    return [_login(row) for row in connection.execute(asked.order_by(logins.c.created_at.desc()).limit(limit))]


def finished(connection: ReadConnection, since: datetime, limit: int = 20) -> Sequence[StoredLogin]:
    """Everybody's that ended with an account, newest first."""
    asked = _all().where(logins.c.status == "done", logins.c.created_at >= since)
    return [_login(row) for row in connection.execute(asked.order_by(logins.c.created_at.desc()).limit(limit))]


def _all() -> Select[Any]:
    return select(logins, accounts.c.auth_index).join_from(
        logins, accounts, logins.c.account == accounts.c.key, isouter=True
    )


def _login(row: Row[Any]) -> StoredLogin:
    return StoredLogin(
        row.id,
        row.provider,
        row.auth_index,
        row.session,
        row.status,
        row.outcome or {},
        row.created_at,
        row.expires_at,
        row.sealed,
    )
