"""Backup, restore and the master key as people use them, with and without a server, and killed half-way."""

import json
import os
import signal
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from authdeck.clock import SystemClock
from authdeck.operations import keyring, seals
from authdeck.settings import Settings
from authdeck.storage import opening
from authdeck.storage.reading import sealed
from authdeck.vault.keys import MasterKey
from cli.conftest import Shell
from fakes import process
from fakes.auth_files import codex
from fakes.postgresql import Server

KILLED = -signal.SIGKILL


def exported(shell: Shell, to: Path) -> Path:
    shell.ok("master-key", "export", "--output", to)
    return to


def test_a_backup_goes_to_another_home(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("import", folder)
    file, other = tmp_path / "deck.backup", Shell(tmp_path / "other")
    said = shell.ok("backup", file)
    assert "ann.json" in said.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell.run("backup", file).err.rstrip().endswith("(file_exists)")
    made = shell.ok("backup", file, "--force", "--with-monitoring", "--json").json
    assert [one["file_name"] for one in made["rotating"]] == ["ann.json", "bob.json"]
    key = exported(shell, tmp_path / "key")
    assert "Nothing was touched" in other.ok("restore", file, "--drill", "--master-key-file", key).out
    assert not other.home.exists()
    assert other.run("restore", file).err.rstrip().endswith("(master_key_missing)")
    assert "ann.json" in other.ok("restore", file, "--master-key-file", key).out
    there = {row["auth_index"]: row for row in other.ok("accounts", "list", "--json").json["items"]}
    here = {row["auth_index"] for row in shell.ok("accounts", "list", "--json").json["items"]}
    assert set(there) == here
    assert {row["health"] for row in there.values()} == {"needs_review"}
    assert other.ok("accounts", "confirm", "ann.json", "--json").json["reasons"][0]["owner"] == "terms"
    assert other.run("restore", file).err.rstrip().endswith("(home_has_data)")
    assert "former data" in other.ok("restore", file, "--replace").out
    other.ok("doctor")


def test_a_backup_moves_from_sqlite_to_postgresql(
    alone: Shell, folder: Path, tmp_path: Path, postgresql: Server
) -> None:
    alone.run("import", folder)
    file = tmp_path / "deck.backup"
    alone.ok("backup", file)
    key = exported(alone, tmp_path / "key").read_text().strip()
    other = Shell(tmp_path / "other")
    given = {
        "AUTHDECK_DATABASE_URL": postgresql.url(postgresql.new_database()),
        "AUTHDECK_MASTER_KEY": key,
    }
    restored = other.run("restore", file, **given)
    assert restored.code == 0, restored.err
    assert other.run("migrate", **given).code == 0
    listed = json.loads(other.run("accounts", "list", "--json", **given).out)
    assert [row["file_name"] for row in listed["items"]] == ["ann.json", "bob.json"]
    again = other.run("restore", file, "--replace", **given)
    assert again.code == 0, again.err
    new = tmp_path / "new.key"
    assert other.run("master-key", "rotate", **given).err.rstrip().endswith("(master_key_given_needed)")
    assert other.run("master-key", "rotate", "--output", new, **given).code == 0
    assert other.run("accounts", "list", **given).err.rstrip().endswith("(master_key_wrong)")
    assert other.run("accounts", "list", **(given | {"AUTHDECK_MASTER_KEY": new.read_text().strip()})).code == 0


def test_a_restore_wants_no_server_beside_it(alone: Shell, tmp_path: Path) -> None:
    alone.ok("backup", tmp_path / "deck.backup")
    with alone.serving():
        refused = alone.run("restore", tmp_path / "deck.backup", "--replace")
        assert refused.err.rstrip().endswith("(home_in_use)")
        alone.ok("restore", tmp_path / "deck.backup", "--drill")


def test_the_master_key_is_copied_replaced_and_the_ring_renewed(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("import", folder)
    assert shell.run("master-key", "export").err.rstrip().endswith("(not_a_terminal)")
    assert "master-key export" in shell.ok("doctor").out
    first = exported(shell, tmp_path / "first")
    assert first.stat().st_mode & 0o777 == 0o600
    assert "master-key export" not in shell.ok("doctor").out
    assert "2 of 2 secrets are sealed under term 2" in shell.ok("master-key", "new-term").out
    assert "before-" in shell.ok("master-key", "rotate").out
    assert exported(shell, tmp_path / "second").read_text() != first.read_text()
    ring = shell.ok("master-key", "terms", "--json").json
    assert [(term["number"], term["rows"]) for term in ring["terms"]] == [(2, 2), (1, 0)]
    assert "Term" in shell.ok("master-key", "terms").out
    shell.ok("doctor")


def test_a_new_key_is_one(alone: Shell, tmp_path: Path) -> None:
    MasterKey.parse(alone.ok("master-key", "new").out)
    alone.ok("master-key", "new", "--output", tmp_path / "key")
    MasterKey.parse((tmp_path / "key").read_text())
    assert alone.run("master-key", "new", "--output", tmp_path / "key").err.rstrip().endswith("(file_exists)")


# ---- killed at every step that changes a file ----


def killed_at(shell: Shell, nth: int, what: str, *words: str | Path) -> int:
    done = process.run(list(map(str, words)), shell.environment(), first=partial(process.die_at, nth, what))
    assert done.returncode in {0, KILLED}, done.stderr
    return done.returncode


def opened(home: Path) -> int:
    """How many auth files open, as a start finds them."""
    settings, clock = Settings(home=home), SystemClock()
    database = opening.control(settings, clock)
    vault = keyring.open_vault(database, settings, clock)
    found = database.read_now(lambda c: list(sealed.page(c, "revisions", None, 10)))
    database.close()
    return len([vault.open(row.sealed, seals.place_of(row)) for row in found])


@pytest.mark.timeout(300)
def test_a_rotation_may_be_killed_at_any_step(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    nth, ended = 0, KILLED
    while ended == KILLED:
        nth += 1
        ended = killed_at(alone, nth, "master.key", "master-key", "rotate")
        assert opened(alone.home) == 2
    assert nth > 4  # it was killed that often


@pytest.mark.timeout(300)
def test_a_restoration_may_be_killed_at_any_step(alone: Shell, folder: Path, tmp_path: Path) -> None:
    alone.run("import", folder)
    alone.ok("backup", tmp_path / "deck.backup")
    (tmp_path / "eve.json").write_bytes(codex("eve2@example.org", "acc-eve2", "user-eve2"))
    alone.ok("import", tmp_path / "eve.json")
    nth, ended = 0, KILLED
    while ended == KILLED:
        nth += 1
        ended = killed_at(alone, nth, "authdeck.db", "restore", tmp_path / "deck.backup", "--replace")
        count = opened(alone.home)
        assert count in {2, 3}
    assert count == 2
    assert nth > 2


def test_a_backup_that_is_killed_leaves_no_file(alone: Shell, folder: Path, tmp_path: Path) -> None:
    alone.run("import", folder)
    file = tmp_path / "deck.backup"
    for nth in (1, 2):
        assert killed_at(alone, nth, "deck.backup", "backup", file) == KILLED
        assert not file.exists()
    assert killed_at(alone, 1, ".unfinished", "backup", file) == KILLED
    alone.ok("backup", file)
    alone.ok("restore", file, "--drill")


def test_resealing_that_is_killed_goes_on_at_the_next_start(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    with alone.serving() as server:
        alone.ok("master-key", "new-term", "--no-wait")
        server.kill()
        server.wait(30)
    with alone.serving():
        ring = alone.ok("master-key", "terms", "--json").json
        while ring["resealing"]["running"]:
            ring = alone.ok("master-key", "terms", "--json").json
    assert ring["resealing"]["done"] == ring["resealing"]["total"] == 2
    with sqlite3.connect(alone.home / "authdeck.db") as connection:
        terms = connection.execute("SELECT DISTINCT hex(substr(sealed, 3, 4)) FROM revisions").fetchall()
    connection.close()
    assert terms == [("00000002",)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_can_not_be_written_to(alone: Shell, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert alone.run("backup", tmp_path / "closed" / "b").err.rstrip().endswith("(file_not_written)")
