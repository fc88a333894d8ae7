"""Auth files out: in the form another program reads, or many in one encrypted archive.

What a form can't carry is said before anything is handed out. Exporting is an act on each account and audited so,
before the bytes leave. A rotating sign-in goes to two programs then: the caller may hand it over instead.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from authdeck import formats, health
from authdeck.access import Actor
from authdeck.account import Account, AccountSettings, Kind, Provider, RefreshBy, SecretSettings
from authdeck.acts import Act
from authdeck.credential import Tokens
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.formats import cliproxyapi, codex_cli, sub2api, zipped
from authdeck.operations import seals
from authdeck.operations.change_rows import Taking, carry_out, hand_over, plan, stand
from authdeck.operations.desk import Desk
from authdeck.operations.documents import own_label, with_settings
from authdeck.operations.entries import by_name
from authdeck.operations.records import record
from authdeck.providers import PROVIDERS
from authdeck.search import AccountSearch
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import revisions
from authdeck.storage.reading.revisions import StoredRevision, StoredSecrets
from authdeck.vault import age

LIMIT: Final = 1_000
"""Accounts of one export in clear."""

ARCHIVE_LIMIT: Final = zipped.MAX_MEMBERS
_CHUNK: Final = 100

Note = tuple[str, Mapping[str, Any]]


class Form(StrEnum):
    """What an export may look like."""

    CLIPROXYAPI = "cliproxyapi"
    CODEX_CLI = "codex_cli"
    SUB2API = "sub2api"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants. Accounts by ``names`` (any alias) or by ``search``.

    ``partial`` leaves out what the form can't hold instead of refusing. ``hand_over`` places the hold ``handed_over``
    on every rotating account and leaves its refreshing to the other program. An archive is for ``recipients`` (age)
    or for whoever knows ``passphrase``.
    """

    form: Form
    names: Sequence[str] = ()
    search: AccountSearch | None = None
    partial: bool = False
    hand_over: bool = False
    recipients: Sequence[str] = ()
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One account of an export. ``lost`` names what the form has no place for; ``refused`` why it can't be in it.

    ``stale_after`` is ``rotating`` where the copy is worthless once either program refreshed the sign-in.
    """

    account: Account
    lost: tuple[str, ...] = ()
    stale_after: str | None = None
    refused: Note | None = None
    notes: tuple[Note, ...] = ()
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand out."""

    file_name: str
    media_type: str
    content: bytes = field(repr=False)
    rows: Sequence[ExportRow]


@dataclass(frozen=True, slots=True)
class _Held:
    """An account with what is sealed of it, opened."""

    entry: Entry
    content: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    sends: SecretSettings
    revision: int
    off: bool

    @property
    def account(self) -> Account:
        return self.entry.account

    @property
    def tokens(self) -> Tokens:
        return PROVIDERS[self.account.provider].tokens(self.document)


async def preview(desk: Desk, wish: Wish) -> list[ExportRow]:
    """What the export would hold and what it would lose. Nothing is handed out, changed or audited."""
    return [row for row, _ in await _rows(desk, wish)]


async def export(desk: Desk, wish: Wish, actor: Actor) -> Exported:
    """The file, when its audit entries are committed.

    Raises ``export_empty``, ``export_too_many``, ``export_refused`` naming the accounts that the form can't hold,
    ``archive_key_missing`` and what ``vault.age`` raises.
    """
    require_key(wish)
    found = await _rows(desk, wish)
    refused = [row for row, _ in found if row.refused]
    if refused and not wish.partial:
        names = [row.account.file_name for row in refused]
        raise DeckError("export_refused", status=422, format=wish.form.value, file_names=names[:50], count=len(names))
    kept = [(row, held) for row, held in found if held is not None and not row.refused]
    if not kept:
        raise DeckError("export_empty", status=422)
    made = await asyncio.to_thread(_packed, desk, wish, kept)
    for start in range(0, len(kept), _CHUNK):
        some = [(row, held) for row, held in kept[start : start + _CHUNK]]
        await desk.write(_writing(desk, wish, actor, some))
    return made


def _writing(
    desk: Desk, wish: Wish, actor: Actor, some: Sequence[tuple[ExportRow, _Held]]
) -> Callable[[WriteConnection], None]:
    def work(connection: WriteConnection) -> None:
        for row, held in some:
            after = {"format": wish.form.value, "revision": held.revision}
            record(desk, connection, actor, Act.FILE_EXPORTED, row.account.auth_index, after=after)
            if wish.hand_over and row.stale_after:
                _hand_over(desk, connection, actor, row.account.auth_index)

    return work


def _hand_over(desk: Desk, connection: WriteConnection, actor: Actor, auth_index: str) -> None:
    row = stand(desk, connection, [auth_index]).get(auth_index)
    if row is None:
        return
    taking = Taking(desk, connection, actor.name, desk.now())
    carry_out(taking, connection, [plan(taking, row, hand_over(row, actor.name, taking.now))])
    record(desk, connection, actor, Act.ACCOUNT_HANDED_OVER, auth_index)


# ---- what is wanted ----


def require_key(wish: Wish) -> None:
    """Raises ``archive_key_missing`` and ``archive_key_unused``."""
    is_keyed = bool(wish.recipients) or wish.passphrase is not None
    if wish.form is Form.ARCHIVE and not is_keyed:
        raise DeckError("archive_key_missing", status=422)
    if wish.form is not Form.ARCHIVE and is_keyed:
        raise DeckError("archive_key_unused", status=422, format=wish.form.value)


def _wanted(desk: Desk, wish: Wish) -> list[Entry]:
    """Each account once, in the order named, or in the search's."""
    limit = ARCHIVE_LIMIT if wish.form is Form.ARCHIVE else LIMIT
    entries = {entry.account.auth_index: entry for entry in (by_name(desk, name) for name in wish.names)}
    total = len(entries)
    if not wish.names and wish.search is not None:
        found = desk.directory.matching(wish.search, desk.now())
        entries, total = {index: by_name(desk, index) for index in found[:limit]}, len(found)
    if not entries:
        raise DeckError("export_empty", status=422)
    if total > limit:
        raise DeckError("export_too_many", status=422, count=total, limit=limit)
    return list(entries.values())


async def _rows(desk: Desk, wish: Wish) -> list[tuple[ExportRow, _Held | None]]:
    rows: list[tuple[ExportRow, _Held | None]] = []
    wanted = _wanted(desk, wish)
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        sealed = await desk.read(_reading([entry.account.auth_index for entry in some]))
        rows += await asyncio.to_thread(_opened, desk, wish, some, sealed)
    return rows


_Sealed = Mapping[str, tuple[StoredRevision, StoredSecrets]]


def _reading(indexes: Sequence[str]) -> Callable[[ReadConnection], _Sealed]:
    def work(connection: ReadConnection) -> _Sealed:
        return {
            index: (revisions.current(connection, index), revisions.secret_settings(connection, index))
            for index in indexes
        }

    return work


def _opened(desk: Desk, wish: Wish, entries: Sequence[Entry], sealed: _Sealed) -> list[tuple[ExportRow, _Held | None]]:
    rows: list[tuple[ExportRow, _Held | None]] = []
    for entry in entries:
        try:
            held = _open(desk, entry, *sealed[entry.account.auth_index])
            rows.append((_row(wish, held), held))
        except DeckError as error:
            rows.append((ExportRow(entry.account, refused=(error.code, error.params)), None))
    return rows


def _open(desk: Desk, entry: Entry, revision: StoredRevision, secrets: StoredSecrets) -> _Held:
    content = seals.open_file(desk.vault, revision)
    sends = seals.open_settings(desk.vault, entry.account.auth_index, secrets)
    off = not health.is_enabled(entry.holds, desk.now())
    return _Held(entry, content, formats.opened(content), sends, revision.number, off)


# ---- what each form holds ----


def _row(wish: Wish, held: _Held) -> ExportRow:
    """Raises ``export_unsupported`` and ``export_lacks_token`` for an account that the form can't hold."""
    account = held.account
    content, lost, notes = _FORMS[wish.form](held)
    rotates = PROVIDERS[account.provider].ABOUT.rotates and held.tokens.refresh_token is not None
    if rotates:
        notes = (*notes, ("export_shared", {}))
    if held.tokens.expires_at is not None and held.tokens.refresh_token is None:
        notes = (*notes, ("export_ends", {"at": held.tokens.expires_at}))
    return ExportRow(account, tuple(sorted(lost)), "rotating" if rotates else None, None, notes, content)


_Formed = tuple[bytes, set[str], tuple[Note, ...]]


def _as_cliproxyapi(held: _Held) -> _Formed:
    account = held.account
    content = with_settings(account, held.content, held.sends, off=held.off)
    lost = {name for name, has in _ours(account) if has}
    is_its_own = cliproxyapi.recognises(held.document) and account.kind is not Kind.API_KEY
    return content, lost, () if is_its_own else (("export_keys_elsewhere", {}),)


def _as_codex_cli(held: _Held) -> _Formed:
    _require_codex(held, Form.CODEX_CLI, {Kind.OAUTH, Kind.API_KEY})
    lost = _lost(held, codex_cli.CARRIED) | ({"disabled"} if held.off else set())
    return codex_cli.write(held.document), lost, ()


def _as_sub2api(held: _Held) -> _Formed:
    _require_codex(held, Form.SUB2API, {Kind.OAUTH})
    return b"", _lost(held, sub2api.CARRIED), ()


def _require_codex(held: _Held, form: Form, kinds: set[Kind]) -> None:
    account = held.account
    if account.provider is not Provider.CODEX or account.kind not in kinds:
        raise DeckError(
            "export_unsupported", provider=account.provider.value, kind=account.kind.value, format=form.value
        )


_FORMS: Final[Mapping[Form, Callable[[_Held], _Formed]]] = {
    Form.CLIPROXYAPI: _as_cliproxyapi,
    Form.ARCHIVE: _as_cliproxyapi,
    Form.CODEX_CLI: _as_codex_cli,
    Form.SUB2API: _as_sub2api,
}


def _lost(held: _Held, carried: frozenset[str]) -> set[str]:
    """Settings that say something, and fields of the auth file, that the form has no place for."""
    account, plain = held.account, AccountSettings()
    settings = set(AccountSettings.__dataclass_fields__)
    lost = {name for name in settings if getattr(account.settings, name) != getattr(plain, name)}
    lost |= {name for name, has in _ours(account) if has}
    lost |= {"proxy_url"} if held.sends.proxy_url else set()
    lost |= {"headers"} if held.sends.headers else set()
    lost |= {"label"} if own_label(account, held.document) else set()
    known = settings | carried | {"proxy_url", "headers", "label", "disabled", "expired"}
    return lost | {
        name for name, value in held.document.items() if name not in known and value not in (None, "", [], {})
    }


def _ours(account: Account) -> Iterator[tuple[str, bool]]:
    """What no other program knows."""
    yield "refresh_by", account.refresh_by is RefreshBy.OTHER
    yield "locked", account.locked


# ---- the file ----


def _packed(desk: Desk, wish: Wish, kept: Sequence[tuple[ExportRow, _Held]]) -> Exported:
    rows = [row for row, _ in kept]
    if wish.form is Form.SUB2API:
        documents, off = [held.document for _, held in kept], [held.off for _, held in kept]
        return Exported("sub2api.json", "application/json", sub2api.write(documents, off, desk.now()), rows)
    files = {row.account.file_name: row.content for row in rows}
    if wish.form is Form.ARCHIVE:
        manifest = [_listed(row, held) for row, held in kept]
        return Exported("authdeck.age", "application/octet-stream", _sealed(wish, zipped.write(files, manifest)), rows)
    if len(rows) > 1:
        return Exported(f"authdeck-{wish.form.value}.zip", "application/zip", zipped.write(files), rows)
    name = "auth.json" if wish.form is Form.CODEX_CLI else rows[0].account.file_name
    return Exported(name, "application/json", rows[0].content, rows)


def _listed(row: ExportRow, held: _Held) -> dict[str, Any]:
    """The manifest's line: what is needed to know each file again."""
    account = row.account
    return {
        "auth_index": account.auth_index,
        "file_name": account.file_name,
        "provider": account.provider.value,
        "revision": held.revision,
        "sha256": zipped.digest(row.content),
    }


def _sealed(wish: Wish, content: bytes) -> bytes:
    if wish.recipients:
        return age.for_recipients(content, wish.recipients)
    assert wish.passphrase is not None
    return age.for_passphrase(content, wish.passphrase)
