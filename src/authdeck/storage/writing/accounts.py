"""Named writes of accounts. Each writes the columns it names and nothing else; a person's edit is compare-and-set."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, case, insert, literal, select, update

from authdeck.account import AccountSettings, Kind, Provider, RefreshBy
from authdeck.credential import Claims
from authdeck.storage.among import Among
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import accounts, aliases, proxies

_INSERT: Final = insert(accounts).returning(accounts.c.key)  # made once: making it costs more than running it
_CLAIM: Final = (
    select(accounts.c.key).where(Among(accounts.c.auth_index)).order_by(accounts.c.key).with_for_update(key_share=True)
)


def claim(connection: WriteConnection, indexes: Iterable[str]) -> None:
    """Until the transaction ends no other process claims these accounts: what is read from here on is the last word.

    In one order for everybody, so that two never wait for each other. SQLite's writer is alone anyway. Rows that only
    point to an account may still be added.
    """
    if connection.dialect != "sqlite":
        connection.execute(_CLAIM, {"wanted": list(indexes)})


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A row to be. ``identity_hash`` only where the identity is full."""

    auth_index: str
    provider: Provider
    kind: Kind
    file_name: str
    settings: AccountSettings
    claims: Claims
    identity_hash: str | None
    identity_strength: str
    identity_proven: bool
    refresh_by: RefreshBy
    headers_sealed: bytes | None
    proxy: int | None
    at: datetime


def add(connection: WriteConnection, new: NewAccount) -> int:
    """The new account's key. Its first revision is to be added in the same transaction."""
    row = {
        "auth_index": new.auth_index,
        "provider": new.provider.value,
        "kind": new.kind.value,
        "file_name": new.file_name,
        "file_name_folded": new.file_name.casefold(),
        "identity_hash": new.identity_hash,
        "identity_strength": new.identity_strength,
        "identity_proven": new.identity_proven,
        "refresh_by": new.refresh_by.value,
        "headers_sealed": new.headers_sealed,
        "proxy": new.proxy,
        "locked": False,
        "current_revision": 1,
        "generation": 1,
        "version": 1,
        "created_at": new.at,
        "updated_at": new.at,
        **labels(new.claims),
        **setting_columns(new.settings),
    }
    key: int = connection.execute(_INSERT, row).scalar_one()
    return key


def labels(claims: Claims) -> dict[str, Any]:
    """What the account is called, as columns: names, never identity."""
    return {
        "label": claims.label or claims.email or "",
        "email": claims.email,
        "plan": claims.plan,
        "organization": claims.organization,
        "subject": claims.subject,
        "base_url": claims.base_url,
        "models": list(claims.models),
        "expires_at": claims.expires_at,
    }


def setting_columns(settings: AccountSettings) -> dict[str, Any]:
    columns = asdict(settings)
    columns["excluded_models"] = list(settings.excluded_models)
    columns["model_aliases"] = [asdict(alias) for alias in settings.model_aliases]
    columns["request_scoped_errors"] = [asdict(rule) for rule in settings.request_scoped_errors]
    return columns


def change(connection: WriteConnection, account_key: int, columns: Mapping[str, Any], *, at: datetime) -> None:
    """Change what no person edits (labels, expiry, identity): ``version`` stays."""
    _update(connection, account_key, {**columns, "updated_at": at})


def edit(
    connection: WriteConnection, account_key: int, columns: Mapping[str, Any], *, version: int, at: datetime
) -> bool:
    """Change what a person edits. False: somebody else did meanwhile, and nothing was written."""
    statement = (
        update(accounts)
        .where(accounts.c.key == account_key, accounts.c.version == version)
        .values({**columns, "version": version + 1, "updated_at": at})
    )
    return connection.execute(statement).rowcount == 1


def move_to_trash(connection: WriteConnection, account_key: int, *, version: int, by: str, at: datetime) -> bool:
    return edit(connection, account_key, {"trashed_at": at, "trashed_by": by}, version=version, at=at)


def take_from_trash(
    connection: WriteConnection, account_key: int, *, file_name: str, version: int, at: datetime
) -> bool:
    columns = {
        "trashed_at": None,
        "trashed_by": None,
        "file_name": file_name,
        "file_name_folded": file_name.casefold(),
    }
    return edit(connection, account_key, columns, version=version, at=at)


def mark_unreadable(connection: WriteConnection, account_key: int, code: str | None) -> None:
    """``None`` takes the mark away again."""
    _update(connection, account_key, {"unreadable": code})


def remember_requests(connection: WriteConnection, seen: Iterable[tuple[str, datetime, datetime | None]]) -> None:
    """Flush when each auth_index was last used and last succeeded: (auth_index, last request, last success or None)."""
    for auth_index, last_request, last_success in seen:
        columns = {"last_request_at": _later(accounts.c.last_request_at, last_request)}
        if last_success is not None:
            columns["last_success_at"] = _later(accounts.c.last_success_at, last_success)
        connection.execute(update(accounts).where(accounts.c.auth_index == auth_index).values(columns))


def _later(column: Column[Any], moment: datetime) -> ColumnElement[Any]:
    """Whichever is later: another process may have written down a later use already."""
    return case((column > moment, column), else_=literal(moment, column.type))


def add_alias(
    connection: WriteConnection, account_key: int, kind: str, value: str, *, source: str, since: datetime
) -> None:
    """Another name that look-ups accept. Known already: nothing happens."""
    known = select(aliases.c.key).where(
        aliases.c.kind == kind, aliases.c.value == value, aliases.c.account == account_key
    )
    if connection.execute(known).first() is None:
        connection.execute(
            insert(aliases).values(kind=kind, value=value, account=account_key, source=source, since=since)
        )


def add_proxy(connection: WriteConnection, *, url_hash: str, sealed: bytes, display: str, at: datetime) -> int:
    """The key of the proxy's row; equal URLs share one."""
    known = connection.execute(select(proxies.c.key).where(proxies.c.url_hash == url_hash)).scalar_one_or_none()
    if known is not None:
        return int(known)
    row = {"url_hash": url_hash, "sealed": sealed, "display": display, "created_at": at}
    return int(connection.execute(insert(proxies).values(row).returning(proxies.c.key)).scalar_one())


def _update(connection: WriteConnection, account_key: int, columns: Mapping[str, Any]) -> None:
    connection.execute(update(accounts).where(accounts.c.key == account_key).values(dict(columns)))
