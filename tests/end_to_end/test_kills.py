"""kill -9 in the midst of imports: what was reported is there, what was not is there whole or not at all."""

import json
import os
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from fakes import process
from fakes.auth_files import codex

FILES = 300


def environment(home: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AUTHDECK_")}
    return {**ours, "AUTHDECK_HOME": str(home), "AUTHDECK_ADMIN_KEY": "admin_FAKE_key_of_the_end_to_end_tests"}


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return process.run(list(words), environment(home), 100)


def rows(home: Path, asked: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{home / 'authdeck.db'}?mode=ro", uri=True) as connection:
        found = connection.execute(asked).fetchall()
    connection.close()
    return found


def watch(home: Path, at_least: int, importing: process.Command) -> None:
    """Returns when so many accounts are committed, or the import is over."""
    while importing.lasts(0.002):
        try:
            if rows(home, "SELECT count(*) FROM accounts")[0][0] >= at_least:
                return
        except sqlite3.OperationalError:
            pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "files"
    found.mkdir()
    for number in range(FILES):
        (found / f"{number:04}.json").write_bytes(
            codex(f"person{number}@example.com", f"acc-fake-{number}", padding="x" * 2_000)
        )
    return found


@pytest.mark.parametrize("after", [1, 150])
def test_a_killed_import_leaves_nothing_half_done(tmp_path: Path, folder: Path, after: int) -> None:
    home = tmp_path / "home"
    assert run(home, "accounts", "list").returncode == 0
    killed = process.Command(["import", str(folder)], environment(home), tmp_path / "out", tmp_path / "out")
    watch(home, after, killed)
    killed.kill()
    killed.wait(30)
    assert rows(home, "PRAGMA integrity_check") == [("ok",)]
    halves = """
        SELECT a.auth_index FROM accounts a
        LEFT JOIN revisions r ON r.account = a.key AND r.number = a.current_revision
        LEFT JOIN fingerprints f ON f.account = a.key
        WHERE r.number IS NULL OR f.hash IS NULL
    """
    assert rows(home, halves) == []
    unfinished = "SELECT b.cursor, count(i.row) FROM batches b LEFT JOIN batch_items i ON i.batch = b.id GROUP BY b.id"
    assert all(cursor == done for cursor, done in rows(home, unfinished))
    kept = {index for (index,) in rows(home, "SELECT auth_index FROM accounts")}
    again = run(home, "import", str(folder), "--json")
    assert again.returncode == 0, again.stderr
    assert len(rows(home, "SELECT key FROM accounts")) == FILES
    assert kept <= {index for (index,) in rows(home, "SELECT auth_index FROM accounts")}
    assert run(home, "doctor").returncode == 0


def test_what_a_killed_server_reported_is_there(deck) -> None:
    reported: list[str] = []
    enough = threading.Event()

    def upload() -> None:
        for number in range(FILES):
            try:
                (row,) = deck.upload((f"{number}.json", codex(f"person{number}@example.com", f"acc-fake-{number}")))
            except Exception:  # noqa: BLE001 - the server is gone
                return
            reported.append(row["auth_index"])
            if len(reported) == 25:
                enough.set()

    uploading = threading.Thread(target=upload)
    uploading.start()
    assert enough.wait(30)
    deck.kill()
    uploading.join(60)
    deck.start()
    there = {account["auth_index"] for account in deck.ask("GET", "/accounts", params={"page_size": 200})["items"]}
    assert set(reported) <= there
    assert len(there) <= len(reported) + 1
    for index in reported[:5]:
        document = deck.ask("GET", f"/accounts/{index}/document", params={"reveal": "true"})
        assert json.loads(codex())["type"] == document["type"]
