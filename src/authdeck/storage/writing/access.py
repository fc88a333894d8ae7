"""Named writes of everything that grants access. Hashes and sealed bytes come in; no secret in clear ever does."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, text, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import (
    admin_keys,
    client_keys,
    installation,
    key_terms,
    operators,
    server_settings,
    sessions,
    sign_in_links,
)


def lock_installation(connection: WriteConnection) -> None:
    """Let one process at a time set the database up. SQLite's write lock does so already."""
    if connection.dialect == "postgresql":
        connection.execute(text("LOCK TABLE installation IN EXCLUSIVE MODE"))


def add_installation(connection: WriteConnection, *, id_: str, key_check: bytes, at: datetime) -> None:
    connection.execute(insert(installation).values(id=id_, key_check=key_check, created_at=at))


def set_key_check(connection: WriteConnection, key_check: bytes) -> None:
    connection.execute(update(installation).values(key_check=key_check))


def add_term(connection: WriteConnection, *, number: int, purpose: str, wrapped: bytes, at: datetime) -> None:
    connection.execute(insert(key_terms).values(term=number, purpose=purpose, wrapped=wrapped, created_at=at))


def rewrap_term(connection: WriteConnection, *, number: int, purpose: str, wrapped: bytes) -> None:
    where = (key_terms.c.term == number, key_terms.c.purpose == purpose)
    connection.execute(update(key_terms).where(*where).values(wrapped=wrapped))


def retire_term(connection: WriteConnection, number: int, at: datetime) -> None:
    """No row names the term any more; nothing seals with it."""
    connection.execute(update(key_terms).where(*_seal_term(number)).values(retired_at=at))


def forget_term(connection: WriteConnection, number: int) -> None:
    """The term's key is gone for good."""
    connection.execute(update(key_terms).where(*_seal_term(number)).values(wrapped=b""))


def _seal_term(number: int) -> tuple[ColumnElement[bool], ...]:
    return key_terms.c.term == number, key_terms.c.purpose == "seal"


def remember(connection: WriteConnection, name: str, value: Mapping[str, Any], *, by: str, at: datetime) -> None:
    """Keep something of the server's own under a name; what was there before goes."""
    forget(connection, name)
    row = {"name": name, "value": dict(value), "updated_at": at, "updated_by": by}
    connection.execute(insert(server_settings).values(row))


def forget(connection: WriteConnection, name: str) -> None:
    connection.execute(delete(server_settings).where(server_settings.c.name == name))


def add_operator(connection: WriteConnection, *, name: str, role: str, at: datetime) -> int:
    """Returns its key. A name given twice breaks the constraint; ask first, in the same transaction."""
    statement = insert(operators).values(name=name, role=role, created_at=at).returning(operators.c.key)
    return int(connection.execute(statement).scalar_one())


def set_operator_role(connection: WriteConnection, key: int, role: str) -> None:
    connection.execute(update(operators).where(operators.c.key == key).values(role=role))


def set_operator_disabled(connection: WriteConnection, key: int, at: datetime | None) -> None:
    connection.execute(update(operators).where(operators.c.key == key).values(disabled_at=at))


def add_admin_key(
    connection: WriteConnection,
    *,
    operator: int,
    kind: str,
    hash_: str,
    display: str,
    at: datetime,
    expires_at: datetime | None = None,
) -> int:
    row = {
        "operator": operator,
        "kind": kind,
        "hash": hash_,
        "display": display,
        "created_at": at,
        "expires_at": expires_at,
    }
    return int(connection.execute(insert(admin_keys).values(row).returning(admin_keys.c.key)).scalar_one())


def revoke_admin_key(connection: WriteConnection, key: int, at: datetime) -> bool:
    """Whether it was in force until now."""
    where = (admin_keys.c.key == key, admin_keys.c.revoked_at.is_(None))
    return connection.execute(update(admin_keys).where(*where).values(revoked_at=at)).rowcount == 1


def revoke_preset_keys(connection: WriteConnection, at: datetime) -> int:
    where = (admin_keys.c.kind == "preset", admin_keys.c.revoked_at.is_(None))
    return connection.execute(update(admin_keys).where(*where).values(revoked_at=at)).rowcount


def note_admin_key_use(connection: WriteConnection, key: int, at: datetime) -> None:
    connection.execute(update(admin_keys).where(admin_keys.c.key == key).values(last_used_at=at))


def add_session(
    connection: WriteConnection, *, hash_: str, operator: int, csrf: str, at: datetime, expires_at: datetime
) -> None:
    row = {
        "hash": hash_,
        "operator": operator,
        "csrf": csrf,
        "created_at": at,
        "used_at": at,
        "expires_at": expires_at,
    }
    connection.execute(insert(sessions).values(row))


def prolong_session(connection: WriteConnection, hash_: str, *, at: datetime, expires_at: datetime) -> None:
    connection.execute(update(sessions).where(sessions.c.hash == hash_).values(used_at=at, expires_at=expires_at))


def end_session(connection: WriteConnection, hash_: str) -> bool:
    return connection.execute(delete(sessions).where(sessions.c.hash == hash_)).rowcount == 1


def end_sessions_of(connection: WriteConnection, operator: int) -> int:
    return connection.execute(delete(sessions).where(sessions.c.operator == operator)).rowcount


def add_link(connection: WriteConnection, *, hash_: str, operator: int, at: datetime, expires_at: datetime) -> None:
    row = {"hash": hash_, "operator": operator, "created_at": at, "expires_at": expires_at}
    connection.execute(insert(sign_in_links).values(row))


def spend_link(connection: WriteConnection, hash_: str, now: datetime) -> int | None:
    """The operator's key, the first time and in time only: compare-and-set on "not used"."""
    where = (sign_in_links.c.hash == hash_, sign_in_links.c.used_at.is_(None), sign_in_links.c.expires_at > now)
    statement = update(sign_in_links).where(*where).values(used_at=now).returning(sign_in_links.c.operator)
    found: int | None = connection.execute(statement).scalar_one_or_none()
    return found


def forget_ended(connection: WriteConnection, now: datetime) -> int:
    """Drop sessions and links that ended; they grant nothing any more."""
    ended = connection.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount
    return ended + connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now)).rowcount


def add_client_key(
    connection: WriteConnection,
    *,
    id_: str,
    name: str,
    hash_: str,
    display: str,
    scope: Mapping[str, Any],
    rate_limit: int | None,
    at: datetime,
    by: str,
    expires_at: datetime | None,
) -> None:
    row = {
        "id": id_,
        "name": name,
        "hash": hash_,
        "display": display,
        "scope": dict(scope),
        "rate_limit": rate_limit,
        "created_at": at,
        "created_by": by,
        "expires_at": expires_at,
    }
    connection.execute(insert(client_keys).values(row))


def revoke_client_key(connection: WriteConnection, id_: str, at: datetime) -> bool:
    where = (client_keys.c.id == id_, client_keys.c.revoked_at.is_(None))
    return connection.execute(update(client_keys).where(*where).values(revoked_at=at)).rowcount == 1


def restore_client_key(connection: WriteConnection, id_: str) -> bool:
    where = (client_keys.c.id == id_, client_keys.c.revoked_at.is_not(None))
    return connection.execute(update(client_keys).where(*where).values(revoked_at=None)).rowcount == 1


def note_client_key_uses(connection: WriteConnection, uses: Iterable[tuple[str, datetime]]) -> None:
    for id_, at in uses:
        connection.execute(update(client_keys).where(client_keys.c.id == id_).values(last_used_at=at))
