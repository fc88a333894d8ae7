"""Opening the vault at start: the master key from the settings or its file, the terms from the database.

A key is generated in one case only: an empty SQLite database. Data without its key is a refusal to start.
"""

from pathlib import Path
from typing import Final

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.settings import Settings
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredInstallation
from authdeck.storage.writing import access as writing
from authdeck.vault.keys import MasterKey, create_key_file, read_key_file
from authdeck.vault.vault import Term, Vault

KEY_FILE: Final = "master.key"


def open_vault(database: Database, settings: Settings, clock: Clock) -> Vault:
    """The vault of this database, which must be migrated.

    Raises ``master_key_missing``, ``master_key_wrong``, ``installation_missing`` and what ``vault.keys`` raises of a
    key that is none. Nothing is written on any of these.
    """
    stored, has_data = database.read_now(lambda c: (access.stored_installation(c), access.holds_data(c)))
    key = given_key(settings)
    if stored is None:
        if has_data:
            raise DeckError("installation_missing", status=500)
        return _set_up(database, clock, key or _new_key(database, settings))
    if key is None:
        raise DeckError("master_key_missing", status=500, path=str(key_file(settings)))
    return _unlock(key, stored)


def given_key(settings: Settings) -> MasterKey | None:
    """The key of the settings, which wins, or of the home's file."""
    if settings.master_key is not None:
        return MasterKey.parse(settings.master_key.get_secret_value())
    return read_key_file(key_file(settings))


def key_file(settings: Settings) -> Path:
    return settings.home / KEY_FILE


async def add_term(desk: Desk, actor: Actor) -> int:
    """A new seal term for all writes from now on; stored before anything is sealed with it. Returns its number."""
    term = desk.vault.new_term()

    def work(connection: WriteConnection) -> None:
        writing.add_term(connection, number=term.number, purpose=term.purpose, wrapped=term.wrapped, at=desk.now())
        record(desk, connection, actor, Act.TERM_ADDED, str(term.number))

    await desk.write(work)
    desk.vault.adopt(term)
    return term.number


async def rotate_master(desk: Desk, new: MasterKey, actor: Actor) -> None:
    """Wrap every term under ``new``, in one transaction; nothing sealed changes. Keep ``new`` on disk before."""
    key_check, terms = desk.vault.wrapped_under(new)

    def work(connection: WriteConnection) -> None:
        writing.set_key_check(connection, key_check)
        for term in terms:
            writing.rewrap_term(connection, number=term.number, purpose=term.purpose, wrapped=term.wrapped)
        record(desk, connection, actor, Act.MASTER_ROTATED, desk.vault.installation_id)

    await desk.write(work)
    desk.vault.use_master(new)


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
    return created.vault if other is None else _unlock(key, other)


def _unlock(key: MasterKey, stored: StoredInstallation) -> Vault:
    return Vault.unlock(key, stored.id, stored.key_check, [Term(*term) for term in stored.terms])
