"""Editing what a person sets: settings, label, file name. Compare-and-set on the version; each edit is audited."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from authdeck.access import Actor
from authdeck.account import Account
from authdeck.account_fields import SECRET_FIELDS, read
from authdeck.acts import Act
from authdeck.directory import Entry
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.formats import check_name
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.secret import Secret
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.writing import accounts as writing


async def edit(desk: Desk, auth_index: str, actor: Actor, changes: Mapping[str, Any], *, version: int | None) -> Entry:
    """Change the fields named; the others stay. ``version`` is what the caller read; ``None`` means whichever.

    Raises ``DeckError('version_stale', status=412)``, ``Conflict('file_name_taken')`` and what ``account_fields.read``
    raises. A new file name keeps the old one as an alias.
    """
    given = dict(changes)
    new_name = given.pop("file_name", None)
    if new_name is not None:
        check_name(new_name)
    fields = read(given)

    def work(connection: WriteConnection) -> None:
        account = _live(connection, auth_index)
        expected = account.version if version is None else version
        columns = _columns(desk, connection, account, fields)
        if new_name is not None:
            columns |= _renamed(connection, account, new_name)
        if not columns:
            return
        if not writing.edit(connection, account.key, columns, version=expected, at=desk.now()):
            raise DeckError("version_stale", status=412, auth_index=auth_index, current=account.version)
        if "file_name" in columns:
            writing.add_alias(
                connection, account.key, "file_name", account.file_name, source="renamed", since=desk.now()
            )
        before, after = _shown(account, fields, columns)
        record(desk, connection, actor, Act.ACCOUNT_EDITED, auth_index, before=before, after=after)
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry


def _live(connection: WriteConnection, auth_index: str) -> Account:
    account = accounts.by_index(connection, auth_index)
    if account.trashed_at is not None:
        raise NotFound("account_in_trash", name=auth_index)
    return account


def _columns(desk: Desk, connection: WriteConnection, account: Account, fields: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for field, value in fields.items():
        if field == "proxy_url":
            columns["proxy"] = seals.seal_proxy(desk.vault, connection, value, desk.clock)
        elif field == "headers":
            merged = _merged_headers(desk, connection, account, value)
            columns["headers_sealed"] = seals.seal_headers(desk.vault, account.auth_index, merged)
        elif field in _LISTS_OF_OBJECTS:
            columns[field] = [asdict(each) for each in value]
        elif isinstance(value, tuple):
            columns[field] = list(value)
        else:
            columns[field] = value
    return columns


_LISTS_OF_OBJECTS = frozenset({"model_aliases", "request_scoped_errors"})


def _merged_headers(
    desk: Desk, connection: WriteConnection, account: Account, changes: Mapping[str, Secret | None]
) -> dict[str, Secret]:
    """The account's headers with the changes laid over them by name; no changes at all clears them.

    Names are compared without case. Values are never shown, so that nobody can be asked to repeat the others.
    """
    if not changes:
        return {}
    stored = seals.open_settings(
        desk.vault, account.auth_index, revisions.secret_settings(connection, account.auth_index)
    )
    named = {name.casefold() for name in changes}
    others = {name: value for name, value in stored.headers.items() if name.casefold() not in named}
    return others | {name: value for name, value in changes.items() if value is not None}


def _renamed(connection: WriteConnection, account: Account, name: str) -> dict[str, str]:
    if name == account.file_name:
        return {}
    taken = accounts.by_file_name(connection, [name.casefold()]).get(name.casefold())
    if taken is not None and taken.account.key != account.key:
        raise Conflict("file_name_taken", file_name=name, auth_index=taken.account.auth_index)
    return {"file_name": name, "file_name_folded": name.casefold()}


def _shown(
    account: Account, fields: Mapping[str, Any], columns: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after for the audit; of a secret field only that it changed."""
    current = {**asdict(account.settings), "label": account.label, "refresh_by": account.refresh_by.value}
    before = {field: "***" if field in SECRET_FIELDS else current[field] for field in fields}
    after = {field: "***" if field in SECRET_FIELDS else columns[field] for field in fields}
    if "file_name" in columns:
        before["file_name"], after["file_name"] = account.file_name, columns["file_name"]
    return before, after
