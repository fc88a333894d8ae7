"""Opening the vault: a key is made for an empty SQLite database and never otherwise."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from authdeck.errors import DeckError
from authdeck.operations import keyring
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.keyring import open_vault
from authdeck.private_file import write_private
from authdeck.settings import Settings
from authdeck.storage import tables
from authdeck.storage.database import Database
from authdeck.storage.reading import access
from authdeck.vault.keys import MasterKey, read_key_file
from authdeck.vault.vault import Place
from fakes.clock import SetClock
from fakes.people import ANN

ANNS = Place("revisions", "a" * 16, 1)


def given(home: Path, key: MasterKey) -> Settings:
    return Settings(home=home, master_key=SecretStr(key.reveal()))


def forget_installation(database: Database) -> None:
    database.write_now(lambda connection: connection.execute(delete(tables.installation)))


def test_it_works(database: Database, tmp_path: Path, clock: SetClock) -> None:
    settings = given(tmp_path, MasterKey.new())
    sealed = open_vault(database, settings, clock).seal(b"rt_FAKE_ann", ANNS)
    assert open_vault(database, settings, clock).open(sealed, ANNS) == b"rt_FAKE_ann"


def test_a_new_home_gets_a_key_file(database: Database, tmp_path: Path, clock: SetClock) -> None:
    if not database.is_sqlite:
        with pytest.raises(DeckError, match="master_key_missing"):
            open_vault(database, Settings(home=tmp_path), clock)
        assert not (tmp_path / "master.key").exists()
        return
    sealed = open_vault(database, Settings(home=tmp_path), clock).seal(b"rt_FAKE_ann", ANNS)
    assert open_vault(database, Settings(home=tmp_path), clock).open(sealed, ANNS) == b"rt_FAKE_ann"
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_given_key_needs_no_file(database: Database, tmp_path: Path, clock: SetClock) -> None:
    open_vault(database, given(tmp_path, MasterKey.new()), clock)
    assert not (tmp_path / "master.key").exists()


def test_data_without_their_key_is_a_refusal(database: Database, tmp_path: Path, clock: SetClock) -> None:
    open_vault(database, given(tmp_path, MasterKey.new()), clock)
    with pytest.raises(DeckError, match="master_key_missing"):
        open_vault(database, Settings(home=tmp_path), clock)
    assert not (tmp_path / "master.key").exists()


def test_another_key_is_a_refusal(database: Database, tmp_path: Path, clock: SetClock) -> None:
    open_vault(database, given(tmp_path, MasterKey.new()), clock)
    with pytest.raises(DeckError, match="master_key_wrong"):
        open_vault(database, given(tmp_path, MasterKey.new()), clock)


def test_a_passphrase_is_a_refusal(database: Database, tmp_path: Path, clock: SetClock) -> None:
    settings = Settings(home=tmp_path, master_key=SecretStr("correct horse battery staple"))
    with pytest.raises(DeckError, match="master_key_passphrase"):
        open_vault(database, settings, clock)
    assert database.read_now(access.stored_installation) is None


def test_data_without_an_installation_is_a_refusal(database: Database, tmp_path: Path, clock: SetClock) -> None:
    open_vault(database, given(tmp_path, MasterKey.new()), clock)
    forget_installation(database)
    with pytest.raises(DeckError, match="installation_missing"):
        open_vault(database, Settings(home=tmp_path), clock)
    assert not (tmp_path / "master.key").exists()


def test_a_key_file_without_data_is_used(database: Database, tmp_path: Path, clock: SetClock) -> None:
    """What a crash between writing the file and the first transaction leaves behind."""
    keyring.create_key_file(tmp_path / "master.key")
    written = (tmp_path / "master.key").read_text()
    open_vault(database, Settings(home=tmp_path), clock)
    assert (tmp_path / "master.key").read_text() == written


async def test_a_new_term_is_stored_before_it_seals(desk: Desk) -> None:
    old = desk.vault.seal(b"rt_FAKE_ann", ANNS)
    assert await keyring.add_term(desk, ANN) == 2
    new = desk.vault.seal(b"rt_FAKE_ann", ANNS)
    assert (desk.vault.term_of(old), desk.vault.term_of(new)) == (1, 2)
    assert desk.vault.open(old, ANNS) == desk.vault.open(new, ANNS)


async def test_rotating_the_master_key(database: Database, desk: Desk, tmp_path: Path, clock: SetClock) -> None:
    old, new = read_key_file(tmp_path / "master.key"), MasterKey.new()
    await keyring.add_term(desk, ANN)
    sealed, hashed = desk.vault.seal(b"rt_FAKE_ann", ANNS), desk.vault.keyed_hash("session", "cookie")
    await keyring.rotate_master(desk, new, ANN)
    again = open_vault(database, given(tmp_path, new), clock)
    assert (again.open(sealed, ANNS), again.keyed_hash("session", "cookie")) == (b"rt_FAKE_ann", hashed)
    with pytest.raises(DeckError, match="master_key_wrong"):
        open_vault(database, given(tmp_path, old), clock)
    await keyring.add_term(desk, ANN)
    assert open_vault(database, given(tmp_path, new), clock).newest_term == 3


async def test_a_rotation_puts_the_new_key_in_the_files_place(database: Database, desk: Desk, clock: SetClock) -> None:
    home = desk.settings.home
    former = (home / "master.key").read_text()
    kept = await keyring.rotate(desk, ANN)
    assert kept is not None
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (former, 0o600)
    assert (home / "master.key").read_text() != former
    assert not (home / "master.key.new").exists()
    open_vault(database, desk.settings, clock)


async def test_a_start_finishes_a_rotation_that_the_database_knows(
    database: Database, desk: Desk, clock: SetClock
) -> None:
    home, new = desk.settings.home, MasterKey.new()
    write_private(home / "master.key.new", new.reveal())
    await keyring.rotate_master(desk, new, ANN)
    open_vault(database, desk.settings, clock)
    assert (home / "master.key").read_text() == new.reveal()


async def test_a_start_leaves_a_key_alone_that_the_database_does_not_know(
    database: Database, desk: Desk, clock: SetClock
) -> None:
    home = desk.settings.home
    former = (home / "master.key").read_text()
    write_private(home / "master.key.new", MasterKey.new().reveal())
    open_vault(database, desk.settings, clock)
    assert (home / "master.key").read_text() == former
    await keyring.rotate(desk, ANN)
    open_vault(database, desk.settings, clock)


async def test_a_key_of_the_settings_is_replaced_by_one_that_is_given(
    database: Database, desk: Desk, tmp_path: Path, clock: SetClock
) -> None:
    held = replace(desk, settings=given(tmp_path, read_key_file(tmp_path / "master.key")))
    with pytest.raises(DeckError, match="master_key_given_needed"):
        await keyring.rotate(held, ANN)
    new = MasterKey.new()
    assert await keyring.rotate(held, ANN, new) is None
    open_vault(database, given(tmp_path, new), clock)


async def test_terms_that_another_process_added_survive_a_rotation(
    database: Database, desk: Desk, tmp_path: Path, clock: SetClock
) -> None:
    other = replace(desk, vault=open_vault(database, desk.settings, clock), feed=ChangeFeed(), boot="c" * 32)
    await keyring.add_term(other, ANN)
    sealed = other.vault.seal(b"rt_FAKE_ann", ANNS)
    new = MasterKey.new()
    await keyring.rotate_master(desk, new, ANN)
    assert open_vault(database, given(tmp_path, new), clock).open(sealed, ANNS) == b"rt_FAKE_ann"
    await keyring.take_in_terms(desk)
    assert desk.vault.open(sealed, ANNS) == b"rt_FAKE_ann"


async def test_a_process_with_the_former_key_adds_no_term(database: Database, desk: Desk, clock: SetClock) -> None:
    other = replace(desk, vault=open_vault(database, desk.settings, clock), feed=ChangeFeed(), boot="c" * 32)
    await keyring.rotate_master(other, MasterKey.new(), ANN)
    with pytest.raises(DeckError, match="master_key_wrong"):
        await keyring.add_term(desk, ANN)
    await keyring.take_in_terms(desk)  # says so in the log and goes on
    assert desk.vault.open(desk.vault.seal(b"rt_FAKE_ann", ANNS), ANNS) == b"rt_FAKE_ann"


async def test_a_copy_of_the_key_is_remembered_until_there_is_another_key(desk: Desk) -> None:
    assert await keyring.exported(desk) is None
    await keyring.note_export(desk, ANN)
    assert await keyring.exported(desk) is not None
    await keyring.rotate(desk, ANN)
    assert await keyring.exported(desk) is None
