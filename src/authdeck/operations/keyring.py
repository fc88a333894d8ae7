"""Opening the vault at start: the master key from the settings or its file, the terms from the database.

A key is generated in one case only: an empty SQLite database. Data without its key is a refusal to start.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.clock import Clock, rfc3339
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.private_file import write_private
from authdeck.settings import Settings
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredInstallation
from authdeck.storage.writing import access as writing
from authdeck.vault.keys import MasterKey, create_key_file, read_key_file
from authdeck.vault.vault import SEAL, Term, Vault, is_master_of

KEY_FILE: Final = "master.key"
EXPORTED: Final = "master_key_exported"
"""The setting that says when a person took a copy of the key."""
CHANGE: Final = "vault"
"""The kind of change that says: the key ring is another."""

_log = structlog.get_logger(__name__)


def open_vault(database: Database, settings: Settings, clock: Clock) -> Vault:
    """The vault of this database, which must be migrated.

    Raises ``master_key_missing``, ``master_key_wrong``, ``installation_missing`` and what ``vault.keys`` raises of a
    key that is none. Nothing is written on any of these.
    """
    stored, has_data = database.read_now(lambda c: (access.stored_installation(c), access.holds_data(c)))
    if stored is not None:
        _finish_rotation(settings, stored, clock)
    key = given_key(settings)
    if stored is None:
        if has_data:
            raise DeckError("installation_missing", status=500)
        return _set_up(database, clock, key or _new_key(database, settings))
    if key is None:
        raise DeckError("master_key_missing", status=500, path=str(key_file(settings)))
    return stored_vault(key, stored)


def given_key(settings: Settings) -> MasterKey | None:
    """The key of the settings, which wins, or of the home's file."""
    if settings.master_key is not None:
        return MasterKey.parse(settings.master_key.get_secret_value())
    return read_key_file(key_file(settings))


def key_file(settings: Settings) -> Path:
    return settings.home / KEY_FILE


async def add_term(desk: Desk, actor: Actor) -> int:
    """A new seal term for all writes from now on; stored before anything is sealed with it. Returns its number.

    Raises ``master_key_wrong`` where another process rotated the master key: this one needs the new key first.
    """

    def work(connection: WriteConnection) -> Term:
        term = _as_stored(desk, connection).new_term()
        writing.add_term(connection, number=term.number, purpose=term.purpose, wrapped=term.wrapped, at=desk.now())
        record(desk, connection, actor, Act.TERM_ADDED, str(term.number))
        changed(desk, connection, CHANGE, f"term {term.number}")
        return term

    term = await desk.write(work)
    desk.vault.adopt(term)
    return term.number


async def take_in_terms(desk: Desk, _subject: str = "") -> None:
    """Take terms into the ring that another process added. Subscribe it to changes of the kind ``CHANGE``.

    After another process rotated the master key new terms can't be opened: this process goes on with the ones it has
    (nothing may stop a rotated token from being stored) and says so in its log.
    """
    stored = await desk.read(access.stored_installation)
    for number, purpose, wrapped in stored.terms if stored else ():
        if purpose != SEAL or not wrapped or number in desk.vault.terms:
            continue
        try:
            desk.vault.adopt(Term(number, purpose, wrapped))
        except DeckError:
            _log.error("key term not opened: restart with the new master key", term=number)


async def rotate_master(desk: Desk, new: MasterKey, actor: Actor) -> None:
    """Wrap every stored term under ``new``, in one transaction; nothing sealed changes. Keep ``new`` on disk before."""

    def work(connection: WriteConnection) -> None:
        key_check, terms = _as_stored(desk, connection).wrapped_under(new)
        writing.set_key_check(connection, key_check)
        for term in terms:
            writing.rewrap_term(connection, number=term.number, purpose=term.purpose, wrapped=term.wrapped)
        writing.forget(connection, EXPORTED)
        record(desk, connection, actor, Act.MASTER_ROTATED, desk.vault.installation_id)
        changed(desk, connection, CHANGE, "master key")

    await desk.write(work)
    desk.vault.use_master(new)


async def rotate(desk: Desk, actor: Actor, given: MasterKey | None = None) -> Path | None:
    """A new master key for this installation. Where the home keeps the key, it keeps the new one and the former beside.

    The new key is on disk (``master.key.new``) before the database knows it, and takes the file's place after; a start
    in between finishes what was begun. Returns where the former key lies, which opens backups made before; ``None``
    where the key comes from the settings, in which case the caller brings the new one and has kept it.

    Raises ``master_key_given_needed`` and ``rotation_running``.
    """
    if desk.settings.master_key is not None:
        if given is None:
            raise DeckError("master_key_given_needed")
        await rotate_master(desk, given, actor)
        return None
    with _alone(desk.settings):
        new = given or MasterKey.new()
        write_private(next_key_file(desk.settings), new.reveal() + "\n")
        await rotate_master(desk, new, actor)
        return promote(desk.settings, desk.now())


def parse(text: str) -> MasterKey:
    """Raises ``master_key_…`` codes that say what else the text is."""
    return MasterKey.parse(text)


async def exported(desk: Desk) -> str | None:
    """When somebody took a copy of this master key."""
    found = await desk.read(lambda connection: access.setting(connection, EXPORTED))
    return str(found["at"]) if found else None


async def note_export(desk: Desk, actor: Actor) -> None:
    """Somebody has a copy of the master key now: the check-up need not remind any more."""

    def work(connection: WriteConnection) -> None:
        now = desk.now()
        writing.remember(connection, EXPORTED, {"at": rfc3339(now), "by": actor.name}, by=actor.name, at=now)
        record(desk, connection, actor, Act.MASTER_EXPORTED, desk.vault.installation_id)

    await desk.write(work)


def promote(settings: Settings, now: datetime) -> Path | None:
    """Let ``master.key.new`` take the key file's place. Returns where the former key lies; ``None``: there was none."""
    current, new = key_file(settings), next_key_file(settings)
    former = None
    if current.exists():
        former = current.with_name(f"{KEY_FILE}.before-{now:%Y%m%dT%H%M%S%fZ}")
        write_private(former, current.read_text())
    with suppress(FileNotFoundError):  # another process of this home was quicker
        new.replace(current)
    return former


def next_key_file(settings: Settings) -> Path:
    return settings.home / f"{KEY_FILE}.new"


def next_key_waits(settings: Settings, key: MasterKey) -> bool:
    """Whether this very key is to take the key file's place."""
    waiting = None if settings.master_key is not None else read_key_file(next_key_file(settings))
    return waiting is not None and waiting.reveal() == key.reveal()


def stored_vault(key: MasterKey, stored: StoredInstallation) -> Vault:
    """Raises ``master_key_wrong``."""
    return Vault.unlock(key, stored.id, stored.key_check, [Term(*term) for term in stored.terms])


def _as_stored(desk: Desk, connection: WriteConnection) -> Vault:
    """The ring as it is stored, while nobody else may change it."""
    writing.lock_installation(connection)
    stored = access.stored_installation(connection)
    if stored is None:
        raise DeckError("installation_missing", status=500)
    return desk.vault.reopened(stored.key_check, [Term(*term) for term in stored.terms])


def _finish_rotation(settings: Settings, stored: StoredInstallation, clock: Clock) -> None:
    """A crash between the database's change of key and the file's leaves the new key beside the former."""
    if settings.master_key is not None:
        return
    new = read_key_file(next_key_file(settings))
    if new is not None and is_master_of(new, stored.id, stored.key_check):
        promote(settings, clock.now())


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One rotation at a time for a home, whatever processes share it."""
    run = settings.home / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(run / "rotation.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DeckError("rotation_running", status=409) from None
    else:
        yield
    finally:
        os.close(lock)


def _new_key(database: Database, settings: Settings) -> MasterKey:
    """On disk before the database knows of it: a crash in between leaves a key without data, not the reverse."""
    if not database.is_sqlite:
        raise DeckError("master_key_missing", status=500, path=str(key_file(settings)))
    return create_key_file(key_file(settings))


def _set_up(database: Database, clock: Clock, key: MasterKey) -> Vault:
    created = Vault.create(key)

    def work(connection: WriteConnection) -> StoredInstallation | None:
        writing.lock_installation(connection)
        if (other := access.stored_installation(connection)) is not None:
            return other
        now = clock.now()
        writing.add_installation(connection, id_=created.installation_id, key_check=created.key_check, at=now)
        for term in created.terms:
            writing.add_term(connection, number=term.number, purpose=term.purpose, wrapped=term.wrapped, at=now)
        return None

    other = database.write_now(work)
    return created.vault if other is None else stored_vault(key, other)
