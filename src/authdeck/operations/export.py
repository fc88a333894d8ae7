"""Auth files out: in the form another program reads, or many in an encrypted archive, however many they are.

What a form can't carry is said before anything is handed out. Exporting is an act on each account and audited so,
before the bytes leave. A rotating sign-in goes to two programs then: the caller may hand it over instead.

Accounts are read, opened and written a chunk at a time, into a ``Spool``: memory holds a chunk, and whatever is wrong
shows before the first byte leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from authdeck import formats, health, tasks
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.change_rows import Taking, carry_out, hand_over, plan, stand
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.operations.export_file import ExportFile, Taken
from authdeck.operations.export_forms import ExportRow, Form, Held, written
from authdeck.operations.find_accounts import matching_accounts
from authdeck.operations.records import record_each
from authdeck.operations.spool import Spool, off_the_loop
from authdeck.search import AccountSearch
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import revisions
from authdeck.storage.reading.revisions import StoredRevision, StoredSecrets
from authdeck.vault import age

CHUNK: Final = 100
"""Accounts in memory at a time, and in one transaction of the audit."""

SHOWN: Final = 1_000
"""Rows of a preview; more are counted."""

NAMED: Final = 50
"""Files named in a refusal."""


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


@dataclass(slots=True)
class Preview:
    """What an export would hold: how many accounts, of which so many ``refused``, ``rotating``, losing something.

    ``rows`` are the first ``SHOWN`` of them, without their content.
    """

    total: int = 0
    refused: int = 0
    rotating: int = 0
    lossy: int = 0
    rows: list[ExportRow] = field(default_factory=list)

    def take(self, row: ExportRow) -> None:
        self.total += 1
        self.refused += row.refused is not None
        self.rotating += row.stale_after is not None
        self.lossy += bool(row.lost)
        if len(self.rows) < SHOWN:
            self.rows.append(row.without_content())


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand out, of ``count`` accounts. ``close`` the content when it is out, or is not wanted any more."""

    file_name: str
    media_type: str
    content: Spool
    count: int


@dataclass(frozen=True, slots=True)
class _Done:
    """What is remembered of an account that is in the file."""

    auth_index: str
    revision: int
    rotates: bool


async def preview(desk: Desk, wish: Wish) -> Preview:
    """What the export would hold and what it would lose. Nothing is handed out, changed or audited.

    Raises ``export_empty`` and what ``entries.by_name`` raises.
    """
    found = Preview()
    async for rows in _rows(desk, wish):
        for row, _ in rows:
            found.take(row)
    return found


async def export(desk: Desk, wish: Wish, actor: Actor) -> Exported:
    """The file, when its audit entries are committed.

    Raises ``export_empty``, ``export_refused`` naming the accounts that the form can't hold, ``export_not_written``,
    ``archive_key_missing`` and what ``vault.age`` raises.
    """
    require_key(wish)
    content = Spool(desk.settings.home / "run")
    try:
        made, done = await _packed(desk, wish, content)
        # Accounts handed over by halves would be refreshed by two programs.
        await tasks.to_its_end(tasks.start(_note_all(desk, wish, actor, done), name="note an export"))
    except BaseException:
        content.close()
        raise
    return made


async def _note_all(desk: Desk, wish: Wish, actor: Actor, done: Sequence[_Done]) -> None:
    for start in range(0, len(done), CHUNK):
        await desk.write(partial(_note, desk, wish, actor, done[start : start + CHUNK]), patient=True)


# ---- what is wanted ----


def require_key(wish: Wish) -> None:
    """Raises ``archive_key_missing``, ``archive_key_unused`` and what ``age.check`` raises."""
    is_keyed = bool(wish.recipients) or wish.passphrase is not None
    if wish.form is Form.ARCHIVE and not is_keyed:
        raise DeckError("archive_key_missing", status=422)
    if wish.form is not Form.ARCHIVE and is_keyed:
        raise DeckError("archive_key_unused", status=422, format=wish.form.value)
    age.check(wish.recipients, wish.passphrase)


async def _wanted(desk: Desk, wish: Wish) -> list[str]:
    """Each account once, in the order named, or in the search's."""
    if not wish.names and wish.search is not None:
        found = await matching_accounts(desk, wish.search)
    else:
        named: dict[str, None] = {}
        for number, name in enumerate(wish.names):
            named[by_name(desk, name).account.auth_index] = None
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        found = list(named)
    if not found:
        raise DeckError("export_empty", status=422)
    return found


async def _rows(desk: Desk, wish: Wish) -> AsyncIterator[list[tuple[ExportRow, Held | None]]]:
    """A chunk at a time. Accounts that went into the trash since the selection was made are left out."""
    wanted = await _wanted(desk, wish)
    for start in range(0, len(wanted), CHUNK):
        found = map(desk.directory.get, wanted[start : start + CHUNK])
        some = [entry for entry in found if entry is not None]
        sealed = await desk.read(partial(_sealed, keys=[entry.account.key for entry in some]))
        yield await off_the_loop(partial(_opened, desk, wish.form, some, sealed))


_Sealed = tuple[Mapping[int, StoredRevision], Mapping[int, StoredSecrets]]


def _sealed(connection: ReadConnection, keys: Sequence[int]) -> _Sealed:
    return revisions.current_of(connection, keys), revisions.secret_settings_of(connection, keys)


def _opened(desk: Desk, form: Form, entries: Sequence[Entry], sealed: _Sealed) -> list[tuple[ExportRow, Held | None]]:
    files, secrets = sealed
    rows: list[tuple[ExportRow, Held | None]] = []
    for entry in entries:
        key = entry.account.key
        try:
            held = _open(desk, entry, files.get(key), secrets.get(key, StoredSecrets()))
            rows.append((written(form, held), held))
        except DeckError as error:
            rows.append((ExportRow(entry.account, refused=(error.code, error.params)), None))
    return rows


def _open(desk: Desk, entry: Entry, revision: StoredRevision | None, secrets: StoredSecrets) -> Held:
    if revision is None:
        raise DeckError("account_not_found", name=entry.account.auth_index)
    content = seals.open_file(desk.vault, revision)
    sends = seals.open_settings(desk.vault, entry.account.auth_index, secrets)
    off = not health.is_enabled(entry.holds, desk.now())
    return Held(entry, content, formats.opened(content), sends, revision.number, off)


# ---- the file ----


async def _packed(desk: Desk, wish: Wish, content: Spool) -> tuple[Exported, list[_Done]]:
    """The file, whole, and what is in it. Once one account is refused, the others are only asked about."""
    file = ExportFile(desk, wish.form, (wish.recipients, wish.passphrase), content)
    done: list[_Done] = []
    refused: list[str] = []
    try:
        async for rows in _rows(desk, wish):
            kept = [(row, held) for row, held in rows if held is not None]
            if not wish.partial:
                refused += [row.account.file_name for row, _ in rows if row.refused]
            if not refused:
                await off_the_loop(partial(file.add, kept))
                done += map(_done, kept)
        _require(wish, refused, len(done))
        name, media_type = await off_the_loop(file.end)
    except BaseException:
        with suppress(DeckError):
            file.abandon()
        raise
    content.end()
    return Exported(name, media_type, content, len(done)), done


def _require(wish: Wish, refused: Sequence[str], count: int) -> None:
    if refused:
        form, named = wish.form.value, refused[:NAMED]
        raise DeckError("export_refused", status=422, format=form, file_names=named, count=len(refused))
    if not count:
        raise DeckError("export_empty", status=422)


def _done(taken: Taken) -> _Done:
    row, held = taken
    return _Done(row.account.auth_index, held.revision, row.stale_after is not None)


def _note(desk: Desk, wish: Wish, actor: Actor, some: Sequence[_Done], connection: WriteConnection) -> None:
    """Audit a chunk, and hand over where that is wanted."""
    noted = {one.auth_index: {"format": wish.form.value, "revision": one.revision} for one in some}
    record_each(desk, connection, actor, Act.FILE_EXPORTED, noted)
    if wish.hand_over:
        _hand_over(desk, connection, actor, [one.auth_index for one in some if one.rotates])


def _hand_over(desk: Desk, connection: WriteConnection, actor: Actor, indexes: Sequence[str]) -> None:
    if not indexes:
        return
    rows = stand(desk, connection, indexes)
    live = {index: row for index, row in rows.items() if row.account.trashed_at is None}
    taking = Taking(desk, connection, actor.name, desk.now())
    plans = [plan(taking, row, hand_over(row, actor.name, taking.now)) for row in live.values()]
    carry_out(taking, connection, plans)
    record_each(desk, connection, actor, Act.ACCOUNT_HANDED_OVER, dict.fromkeys(live))
