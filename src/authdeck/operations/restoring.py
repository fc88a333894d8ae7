"""Restoring a backup: into a database made anew beside the former, which it replaces in one step when all is right.

Everything is checked on the way: that each piece is whole, that the rows are those that were counted and hashed, that
references lead somewhere, and which sealed secrets open. A drill does the same in a folder of its own that is gone
afterwards. Nothing here needs a server, and none may run.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from authdeck import ids, providers
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.clock import Clock
from authdeck.errors import Conflict, DeckError
from authdeck.operations import keyring, seals, verify_restored
from authdeck.operations.backup_file import Header, read_header, read_lines
from authdeck.private_file import write_private
from authdeck.settings import Settings
from authdeck.storage import copying, opening
from authdeck.storage.copying import Layout, Line, Tally
from authdeck.storage.database import Database
from authdeck.storage.migrations import Branch, is_known, newest
from authdeck.storage.reading import access, sealed
from authdeck.storage.reading.rotating import Rotating, rotating
from authdeck.storage.rebuilding import Rebuild, rebuilding
from authdeck.storage.writing import audit
from authdeck.vault.keys import MasterKey, read_key_file
from authdeck.vault.vault import Vault

_ENDS: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Unopened:
    """A sealed secret that its key does not open: it was so when the backup was made."""

    kind: str
    row: str
    code: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the backup holds. ``opened`` counts its sealed secrets; ``former`` says where the former data lie."""

    backup: str
    installation: str
    created_at: str
    schema: str
    rows: Mapping[str, int]
    opened: int
    unopened: tuple[Unopened, ...]
    rotating: tuple[Rotating, ...]
    with_monitoring: bool
    former: tuple[str, ...] = ()


@dataclass(slots=True)
class _Content:
    """The backup, read from its beginning to its end: head, sections, manifest."""

    header: Header
    head: Mapping[str, Any]
    lines: Iterator[Any]
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schemas(self) -> dict[Branch, str]:
        return {Branch(name): str(schema) for name, schema in self.head["schemas"].items()}

    def sections(self) -> Iterator[tuple[Branch, Layout, Iterator[Line]]]:
        """Each table with its rows, which are to be read before the next."""
        while (line := next(self.lines, None)) is not None:
            if "manifest" in line:
                self.manifest = line["manifest"]
                continue
            layout = Layout(
                line["table"],
                tuple((name, kind) for name, kind in line["columns"]),
                tuple(line["key"]),
                tuple(line["later"]),
            )
            yield Branch(line["database"]), layout, self._rows()

    def _rows(self) -> Iterator[Line]:
        for line in self.lines:
            if isinstance(line, dict):  # the next section's beginning: given back
                self.lines = chain([line], self.lines)
                return
            yield line


def drill(path: Path, key: MasterKey, clock: Clock, actor: Actor) -> Report:
    """Restore into a folder that is gone afterwards. Touches nothing else. Raises as ``restore`` does."""
    with _content(path, key) as content, tempfile.TemporaryDirectory(prefix="authdeck-drill-") as folder:
        targets = {branch: Database(f"sqlite:///{folder}/{branch.value}.db") for branch in content.schemas}
        return _rebuilt(content, targets, key, clock, actor, aside="", about_to_commit=lambda: None)


def restore(path: Path, settings: Settings, key: MasterKey, clock: Clock, actor: Actor, *, to_replace: bool) -> Report:
    """The installation of the backup, in this home or its PostgreSQL database; the caller holds the home's lock.

    Rotating accounts wait for a person or a success: see ``verify_restored``. With ``to_replace`` the former database
    stays beside. Raises ``home_has_data`` without, ``master_key_differs`` where the settings give another key,
    ``backup_…`` codes that say what is wrong with the file, and ``database_in_use``. Nothing is changed on any.
    """
    if settings.master_key is not None and settings.master_key.get_secret_value().strip() != key.reveal():
        raise DeckError("master_key_differs")
    now = clock.now()
    aside = f"before_restore_{now:%Y%m%dt%H%M%S}"
    with _content(path, key) as content:
        if not to_replace and (found := _data(settings, content.schemas)):
            raise Conflict("home_has_data", where=", ".join(found))
        with ExitStack() as stack:
            places = {branch: stack.enter_context(_place(settings, branch, aside)) for branch in content.schemas}
            targets = {branch: place.database for branch, place in places.items()}
            keep_key = partial(_keep_key, settings, key)
            report = _rebuilt(content, targets, key, clock, actor, aside=aside, about_to_commit=keep_key)
            former = [kept for place in places.values() if (kept := place.take_over())]
    if keyring.next_key_waits(settings, key):
        keyring.promote(settings, now)
    return replace(report, former=tuple(former))


@contextmanager
def _content(path: Path, key: MasterKey) -> Iterator[_Content]:
    try:
        with path.open("rb") as file:
            header = read_header(file)
            lines = read_lines(file, header, key)
            if not isinstance(head := next(lines, None), dict):
                raise DeckError("backup_damaged", piece=0)
            for branch, schema in head["schemas"].items():
                if not is_known(Branch(branch), schema):
                    raise DeckError("backup_schema_newer", found=schema, known=newest(Branch(branch)))
            yield _Content(header, head, lines)
    except OSError as error:
        raise DeckError("backup_unreadable", path=str(path), problem=error.strerror or "unreadable") from None


# ---- rows into databases ----


def _rebuilt(
    content: _Content,
    targets: Mapping[Branch, Database],
    key: MasterKey,
    clock: Clock,
    actor: Actor,
    *,
    aside: str,
    about_to_commit: Callable[[], None],
) -> Report:
    """All of it in one transaction a database, committed when everything was found right."""
    try:
        with ExitStack() as stack:
            rebuilds = {
                branch: stack.enter_context(rebuilding(targets[branch], branch, schema, _aside(aside, branch)))
                for branch, schema in content.schemas.items()
            }
            tallies = _filled(content, rebuilds)
            _require_as_counted(content.manifest, tallies)
            for rebuild in rebuilds.values():
                rebuild.bring_up_to_date()
            report = _finished(content, rebuilds[Branch.CONTROL], tallies, key, clock, actor)
            about_to_commit()
            return report
    finally:
        for database in targets.values():
            database.close()


_Tallies = dict[tuple[str, str], Tally]


def _filled(content: _Content, rebuilds: Mapping[Branch, Rebuild]) -> _Tallies:
    """Counted as they lie in the new database, not as they were read."""
    tallies: _Tallies = {}
    for branch, layout, lines in content.sections():
        connection = rebuilds[branch].connection
        copying.fill(connection, layout, lines)
        tallies[branch.value, layout.name] = copying.tally(connection, layout)
    return tallies


def _require_as_counted(manifest: Mapping[str, Any], tallies: _Tallies) -> None:
    counted = {(part["database"], part["table"]): (part["rows"], part["hash"]) for part in manifest.get("tables", ())}
    for (database, table), tally in tallies.items():
        if counted.pop((database, table), None) != (tally.rows, tally.hash):
            raise DeckError("backup_broken", table=table)
    if counted or not tallies:
        raise DeckError("backup_broken", table=", ".join(table for _, table in counted))


def _finished(
    content: _Content, rebuild: Rebuild, tallies: _Tallies, key: MasterKey, clock: Clock, actor: Actor
) -> Report:
    connection = rebuild.connection
    stored = access.stored_installation(connection)
    if stored is None or stored.id != content.header.installation:
        raise DeckError("backup_broken", table="installation")
    vault = keyring.stored_vault(key, stored)
    opened, unopened = 0, []
    for row in sealed.every(connection):
        opened += 1
        try:
            vault.open(row.sealed, seals.place_of(row))
        except DeckError as error:
            unopened.append(Unopened(row.kind, row.row, error.code))
    stale = rotating(connection, providers.rotating())
    now = clock.now()
    for account in stale:
        verify_restored.place(connection, account.key, str(content.head["created_at"]), actor, now)
    _record(rebuild, vault, now, actor, content.header.backup)
    return Report(
        backup=content.header.backup,
        installation=content.header.installation,
        created_at=str(content.head["created_at"]),
        schema=content.schemas[Branch.CONTROL],
        rows={table: tally.rows for (_, table), tally in tallies.items()},
        opened=opened - len(unopened),
        unopened=tuple(unopened),
        rotating=tuple(stale),
        with_monitoring=Branch.MONITORING in content.schemas,
    )


def _record(rebuild: Rebuild, vault: Vault, now: datetime, actor: Actor, backup: str) -> None:
    audit.append(
        rebuild.connection,
        partial(vault.keyed_hash, "audit"),
        writer=ids.new_id(),
        at=now,
        actor=actor.name,
        what=Act.BACKUP_RESTORED.value,
        target=backup,
    )


def _aside(name: str, branch: Branch) -> str:
    return name if branch is Branch.CONTROL else f"{name}_{branch.value}"


# ---- where the databases lie ----


@dataclass(slots=True)
class _Place:
    """``database`` is to be filled; ``take_over`` then makes it the installation's, and says where the former lies."""

    database: Database
    file: Path | None
    aside: str

    def take_over(self) -> str:
        """On PostgreSQL the commit has done it. A file takes the former's name in one step, after that has another."""
        if self.file is None:
            return ""
        kept = _kept_beside(self.file, self.aside)
        _sync(self.database.file)
        self.database.file.replace(self.file)
        _sync(self.file.parent)
        return kept


@contextmanager
def _place(settings: Settings, branch: Branch, aside: str) -> Iterator[_Place]:
    url = _url(settings, branch)
    if url.get_backend_name() == "postgresql":
        schema = opening.MONITORING_SCHEMA if branch is Branch.MONITORING else None
        yield _Place(Database(url, schema=schema), None, aside)
        return
    file = Path(str(url.database))
    new = file.with_name(f"{file.name}.restoring")
    _remove(new)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new.touch(mode=0o600)
    try:
        yield _Place(Database(url.set(database=str(new))), file, aside)
    finally:
        _remove(new)


def _kept_beside(file: Path, aside: str) -> str:
    """The former database under another name, the log with what it did not yet take in beside it; "" for none."""
    if not file.exists():
        return ""
    with suppress(DeckError, Exception):  # a damaged file, which is why somebody restores, is kept as it is
        former = Database(f"sqlite:///{file}")
        former.checkpoint()
        former.close()
    kept = file.with_name(f"{file.stem}.{aside}{file.suffix}")
    for end in _ENDS[1:]:
        if (part := Path(f"{file}{end}")).exists():
            part.replace(f"{kept}{end}")
    try:
        os.link(file, kept)
    except OSError:
        shutil.copy2(file, kept)
    return str(kept)


def _data(settings: Settings, schemas: Mapping[Branch, str]) -> list[str]:
    """Where data lie that a restoration would replace. What can't be read counts: it may be all there is."""
    found = []
    for branch in schemas:
        url = _url(settings, branch)
        if url.get_backend_name() == "sqlite":
            file = Path(str(url.database))
            if file.exists() and file.stat().st_size:
                found.append(str(file))
        elif branch is Branch.CONTROL and _holds_installation(Database(url)):
            found.append("PostgreSQL")
    return found


def _holds_installation(database: Database) -> bool:
    try:
        return database.read_now(access.stored_installation) is not None
    except Exception:  # noqa: BLE001 - no such table: an empty database
        return False
    finally:
        database.close()


def _keep_key(settings: Settings, key: MasterKey) -> None:
    """The key is on disk before the data that need it: beside another one until they are in place."""
    if settings.master_key is not None:
        return
    there = read_key_file(keyring.key_file(settings))
    if there is None:
        write_private(keyring.key_file(settings), key.reveal() + "\n")
    elif there.reveal() != key.reveal():
        write_private(keyring.next_key_file(settings), key.reveal() + "\n")


def _url(settings: Settings, branch: Branch) -> Any:
    return opening.control_url(settings) if branch is Branch.CONTROL else opening.monitoring_url(settings)


def _remove(file: Path) -> None:
    for end in _ENDS:
        Path(f"{file}{end}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
