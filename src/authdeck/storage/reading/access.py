"""Named reads of what grants access: installation, key terms, operators, admin keys, sessions, client keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import (
    accounts,
    admin_keys,
    client_keys,
    installation,
    key_terms,
    operators,
    server_settings,
    sessions,
)


@dataclass(frozen=True, slots=True)
class StoredInstallation:
    """What unlocks the vault: ``terms`` are number, purpose and wrapped key of each."""

    id: str
    key_check: bytes
    terms: tuple[tuple[int, str, bytes], ...]


@dataclass(frozen=True, slots=True)
class StoredTerm:
    """A seal term without its key. ``forgotten``: the key is gone, since no row names it any more."""

    number: int
    created_at: datetime
    retired_at: datetime | None
    forgotten: bool


@dataclass(frozen=True, slots=True)
class StoredOperator:
    key: int
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredAdminKey:
    """With the name and role of its operator. ``hash`` is argon2id where ``kind`` is ``preset``."""

    key: int
    operator: int
    operator_name: str
    operator_role: str
    kind: str
    hash: str
    display: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    operator: int
    operator_name: str
    operator_role: str
    csrf: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredClientKey:
    id: str
    name: str
    hash: str
    display: str
    scope: Mapping[str, Any]
    rate_limit: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def stored_installation(connection: ReadConnection) -> StoredInstallation | None:
    """``None`` in a database that nobody has set up yet."""
    row = connection.execute(select(installation)).one_or_none()
    if row is None:
        return None
    terms = connection.execute(select(key_terms.c.term, key_terms.c.purpose, key_terms.c.wrapped))
    return StoredInstallation(row.id, row.key_check, tuple((t.term, t.purpose, t.wrapped) for t in terms))


def seal_terms(connection: ReadConnection) -> list[StoredTerm]:
    """Newest first."""
    asked = select(key_terms).where(key_terms.c.purpose == "seal").order_by(key_terms.c.term.desc())
    return [StoredTerm(row.term, row.created_at, row.retired_at, not row.wrapped) for row in connection.execute(asked)]


def setting(connection: ReadConnection, name: str) -> Mapping[str, Any] | None:
    """What the server remembers under this name."""
    found = connection.execute(select(server_settings.c.value).where(server_settings.c.name == name))
    value: Mapping[str, Any] | None = found.scalar_one_or_none()
    return value


def holds_data(connection: ReadConnection) -> bool:
    """Whether anything is stored that a key must have sealed or hashed."""
    tables = (key_terms, accounts, operators, client_keys)
    return any(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)


def all_operators(connection: ReadConnection) -> list[StoredOperator]:
    """By name, disabled ones too."""
    return [_operator(row) for row in connection.execute(select(operators).order_by(operators.c.name))]


def operator(connection: ReadConnection, name: str) -> StoredOperator | None:
    row = connection.execute(select(operators).where(operators.c.name == name)).one_or_none()
    return _operator(row) if row is not None else None


def active_admins(connection: ReadConnection) -> int:
    query = select(func.count()).where(operators.c.role == "admin", operators.c.disabled_at.is_(None))
    return int(connection.execute(query).scalar_one())


def all_admin_keys(connection: ReadConnection) -> list[StoredAdminKey]:
    """Newest first, revoked ones too."""
    return [_admin_key(row) for row in connection.execute(_admin_keys().order_by(admin_keys.c.key.desc()))]


def admin_key(connection: ReadConnection, key: int) -> StoredAdminKey | None:
    row = connection.execute(_admin_keys().where(admin_keys.c.key == key)).one_or_none()
    return _admin_key(row) if row is not None else None


def usable_generated_key(connection: ReadConnection, hash_: str, now: datetime) -> StoredAdminKey | None:
    """The generated admin key with this keyed hash, if it counts now."""
    query = _admin_keys().where(admin_keys.c.kind == "generated", admin_keys.c.hash == hash_, *_usable(now))
    row = connection.execute(query).one_or_none()
    return _admin_key(row) if row is not None else None


def usable_preset_key(connection: ReadConnection, now: datetime) -> StoredAdminKey | None:
    """The preset admin key, if there is one and it counts now."""
    query = _admin_keys().where(admin_keys.c.kind == "preset", *_usable(now)).order_by(admin_keys.c.key.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return _admin_key(row) if row is not None else None


def usable_session(connection: ReadConnection, hash_: str, now: datetime) -> StoredSession | None:
    """The session with this keyed hash, if it has not ended and its operator still may come in."""
    query = (
        select(sessions, operators.c.name.label("operator_name"), operators.c.role.label("operator_role"))
        .join(operators, operators.c.key == sessions.c.operator)
        .where(sessions.c.hash == hash_, sessions.c.expires_at > now, operators.c.disabled_at.is_(None))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return StoredSession(
        row.operator, row.operator_name, row.operator_role, row.csrf, row.created_at, row.used_at, row.expires_at
    )


def all_client_keys(connection: ReadConnection) -> list[StoredClientKey]:
    """Newest first, revoked ones too."""
    query = select(client_keys).order_by(client_keys.c.created_at.desc(), client_keys.c.id)
    return [_client_key(row) for row in connection.execute(query)]


def client_key(connection: ReadConnection, id_: str) -> StoredClientKey | None:
    row = connection.execute(select(client_keys).where(client_keys.c.id == id_)).one_or_none()
    return _client_key(row) if row is not None else None


def _admin_keys() -> Select[Any]:
    return select(admin_keys, operators.c.name.label("operator_name"), operators.c.role.label("operator_role")).join(
        operators, operators.c.key == admin_keys.c.operator
    )


def _usable(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        admin_keys.c.revoked_at.is_(None),
        or_(admin_keys.c.expires_at.is_(None), admin_keys.c.expires_at > now),
        operators.c.disabled_at.is_(None),
    )


def _operator(row: Row[Any]) -> StoredOperator:
    return StoredOperator(row.key, row.name, row.role, row.created_at, row.disabled_at)


def _admin_key(row: Row[Any]) -> StoredAdminKey:
    return StoredAdminKey(
        row.key, row.operator, row.operator_name, row.operator_role, row.kind, row.hash, row.display,
        row.created_at, row.expires_at, row.revoked_at, row.last_used_at,
    )  # fmt: skip


def _client_key(row: Row[Any]) -> StoredClientKey:
    return StoredClientKey(
        row.id, row.name, row.hash, row.display, row.scope, row.rate_limit,
        row.created_at, row.created_by, row.expires_at, row.revoked_at, row.last_used_at,
    )  # fmt: skip
