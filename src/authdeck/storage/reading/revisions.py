"""Named reads of sealed auth files and sealed settings. Bytes come out as they lie there: storage knows no key."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, and_, bindparam, select

from authdeck.errors import NotFound
from authdeck.storage.among import Among
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import accounts, fingerprints, proxies, revisions


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """One immutable version of an auth file. ``expires_at`` is its access token's end."""

    account: int
    auth_index: str
    number: int
    parent: int | None
    generation: int
    why: str
    source: str
    actor: str
    at: datetime
    changed_fields: tuple[str, ...]
    expires_at: datetime | None
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """Sealed settings of an account: its added headers, and its proxy with the hash that names the proxy's row."""

    headers: bytes | None = field(default=None, repr=False)
    proxy: bytes | None = field(default=None, repr=False)
    proxy_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A credential seen before: which account, in which of its revisions."""

    hash: str
    kind: str
    account: int
    revision: int


_WITH_INDEX = select(revisions, accounts.c.auth_index).join(accounts, accounts.c.key == revisions.c.account)

_CURRENT = _WITH_INDEX.where(
    accounts.c.auth_index == bindparam("of"), revisions.c.number == accounts.c.current_revision
)
_SECRET_SETTINGS = (
    select(accounts.c.headers_sealed, proxies.c.sealed, proxies.c.url_hash)
    .outerjoin(proxies, proxies.c.key == accounts.c.proxy)
    .where(accounts.c.auth_index == bindparam("of"))
)
_SECRET_SETTINGS_OF = (
    select(accounts.c.key, accounts.c.headers_sealed, proxies.c.sealed, proxies.c.url_hash)
    .outerjoin(proxies, proxies.c.key == accounts.c.proxy)
    .where(Among(accounts.c.key))
)
_IN_FORCE = _WITH_INDEX.where(Among(accounts.c.key), revisions.c.number == accounts.c.current_revision)
_FINGERPRINTS = (
    select(fingerprints).where(Among(fingerprints.c.hash)).order_by(fingerprints.c.hash, fingerprints.c.revision.desc())
)


def current(connection: ReadConnection, auth_index: str) -> StoredRevision:
    """The auth file in force. Raises ``NotFound('account_not_found')``."""
    row = connection.execute(_CURRENT, {"of": auth_index}).one_or_none()
    if row is None:
        raise NotFound("account_not_found", name=auth_index)
    return _revision(row)


def current_of(connection: ReadConnection, keys: Iterable[int]) -> dict[int, StoredRevision]:
    """The auth files in force of these accounts, by the accounts' keys."""
    rows = connection.execute(_IN_FORCE, {"wanted": list(keys)})
    return {row.account: _revision(row) for row in rows}


def one(connection: ReadConnection, auth_index: str, number: int) -> StoredRevision:
    """Raises ``NotFound('revision_not_found')``."""
    statement = _WITH_INDEX.where(and_(accounts.c.auth_index == auth_index, revisions.c.number == number))
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound("revision_not_found", auth_index=auth_index, number=number)
    return _revision(row)


def of_account(
    connection: ReadConnection, auth_index: str, before: datetime | None = None, limit: int | None = None
) -> list[StoredRevision]:
    """Newest first; made before then, where that is asked."""
    statement = _WITH_INDEX.where(accounts.c.auth_index == auth_index).order_by(revisions.c.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(revisions.c.at < before)
    return [_revision(row) for row in connection.execute(statement)]


def current_after(connection: ReadConnection, account_key: int, limit: int) -> list[StoredRevision]:
    """The auth files in force of the next ``limit`` accounts, by key: how the whole vault is walked in slices."""
    in_force = and_(
        revisions.c.number == accounts.c.current_revision,
        accounts.c.purged_at.is_(None),
        accounts.c.key > account_key,
    )
    statement = _WITH_INDEX.where(in_force).order_by(accounts.c.key).limit(limit)
    return [_revision(row) for row in connection.execute(statement)]


def newest_number(connection: ReadConnection, account_key: int) -> int:
    """The highest number given, side revisions included; 0 where there is none."""
    statement = (
        select(revisions.c.number)
        .where(revisions.c.account == account_key)
        .order_by(revisions.c.number.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none() or 0


def secret_settings(connection: ReadConnection, auth_index: str) -> StoredSecrets:
    row = connection.execute(_SECRET_SETTINGS, {"of": auth_index}).one_or_none()
    return StoredSecrets(*row) if row is not None else StoredSecrets()


def secret_settings_of(connection: ReadConnection, keys: Iterable[int]) -> dict[int, StoredSecrets]:
    """Those of these accounts, by the accounts' keys."""
    rows = connection.execute(_SECRET_SETTINGS_OF, {"wanted": list(keys)})
    return {row[0]: StoredSecrets(*row[1:]) for row in rows}


def known_fingerprints(connection: ReadConnection, hashes: Iterable[str]) -> dict[str, list[Fingerprint]]:
    """Which accounts had these credentials, the newest revision first."""
    found: dict[str, list[Fingerprint]] = {}
    for row in connection.execute(_FINGERPRINTS, {"wanted": list(hashes)}):
        found.setdefault(row.hash, []).append(Fingerprint(row.hash, row.kind, row.account, row.revision))
    return found


def _revision(row: Row[tuple[object, ...]]) -> StoredRevision:
    return StoredRevision(
        account=row.account,
        auth_index=row.auth_index,
        number=row.number,
        parent=row.parent,
        generation=row.generation,
        why=row.why,
        source=row.source,
        actor=row.actor,
        at=row.at,
        changed_fields=tuple(row.changed_fields),
        expires_at=row.expires_at,
        sealed=row.sealed,
    )
