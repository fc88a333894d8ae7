"""kill -9 in the midst of batches: what is left goes on, here or in another process, and each row is done once.

The database itself holds the server up at a row that the test names, so that a batch is surely under way when its
process dies.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from authdeck.operations.batch_runner import CHUNK
from authdeck.simulator import Simulator
from authdeck.vault.keys import MasterKey
from fakes.auth_files import codex
from fakes.deck import PATIENCE, Deck
from fakes.process import Command

PEOPLE = 1_400
"""More than are done before the call returns."""


def many(deck: Deck) -> list[str]:
    """Their auth_indexes."""
    files = [
        (f"p{n}.json", codex(f"p{n}@example.com", f"acc-{n}", f"user-{n}", access_token=f"at_FAKE_{n}"))
        for n in range(PEOPLE)
    ]
    rows = [row for start in range(0, PEOPLE, 700) for row in deck.upload(*files[start : start + 700])]
    assert {row["outcome"] for row in rows} == {"new"}
    return [row["auth_index"] for row in rows]


def begun(deck: Deck, path: str = "/batches", **body: Any) -> str:
    batch = deck.ask("POST", path, status=202, json=body or None)
    assert batch["status"] == "running"
    return str(batch["id"])


def wait_for(deck: Deck, batch_id: str, rows: int) -> dict[str, Any]:
    """The batch when so many rows are done, or it is over."""
    found: dict[str, Any] = {}

    def far_enough() -> bool:
        found.update(deck.ask("GET", f"/batches/{batch_id}", params={"page_size": 1}))
        return found["status"] != "running" or found["counts"]["done"] >= rows

    deck.wait_until(far_enough)
    return found


def killed_at(row: int, deck: Deck, batch_id: str) -> None:
    """The server dies in the midst of the chunk with this row; those before it are done, and no other."""
    before = row // CHUNK * CHUNK
    found = wait_for(deck, batch_id, before)
    assert (found["status"], found["counts"]["done"], found["counts"]["left"]) == ("running", before, PEOPLE - before)
    deck.kill()


def all_accounts(deck: Deck) -> list[dict[str, Any]]:
    items, cursor = [], None
    while True:
        page = deck.ask("GET", "/accounts", params={"page_size": 200, **({"cursor": cursor} if cursor else {})})
        items += page["items"]
        if (cursor := page["next"]) is None:
            return items


def rows_of(deck: Deck, batch_id: str) -> list[int]:
    items, cursor = [], None
    while True:
        params = {"page_size": 1000, **({"cursor": cursor} if cursor else {})}
        page = deck.ask("GET", f"/batches/{batch_id}", params=params)
        items += [item["row"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            return items


@contextmanager
def held_at(deck: Deck, auth_index: str) -> Iterator[None]:
    """From here on to the end, changing this account takes SQLite a minute."""

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(deck.home / "authdeck.db", timeout=PATIENCE)) as connection:
            connection.execute(statement)

    execute(f"""
        CREATE TRIGGER held AFTER UPDATE ON accounts WHEN new.auth_index = '{auth_index}'
        BEGIN SELECT count(*) FROM accounts a, accounts b, accounts c; END
    """)
    try:
        yield
    finally:
        execute("DROP TRIGGER held")


def test_a_killed_server_goes_on_where_it_was(deck: Deck) -> None:
    indexes = many(deck)
    with held_at(deck, indexes[700]):
        change = {"priority": 5, "note": "batch"}
        batch_id = begun(deck, selection={"auth_indexes": indexes}, change=change)
        killed_at(700, deck, batch_id)
    deck.start()
    assert wait_for(deck, batch_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(deck, batch_id) == list(range(PEOPLE))
    assert Counter((one["version"], one["priority"]) for one in all_accounts(deck)) == {(2, 5): PEOPLE}
    with held_at(deck, indexes[300]):
        undo_id = begun(deck, f"/batches/{batch_id}/undo")
        killed_at(300, deck, undo_id)
    deck.start()
    assert wait_for(deck, undo_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(deck, undo_id) == list(range(PEOPLE))
    assert Counter((one["version"], one["priority"], one["note"]) for one in all_accounts(deck)) == {(3, 0, ""): PEOPLE}


def test_a_stopped_one_says_so_and_a_kill_leaves_no_row_under_way(
    deck: Deck, simulator: Simulator, tmp_path: Path
) -> None:
    """Somebody waits for 20 answers that do not come; another stops it, with 16 questions under way."""
    deck.add(*(simulator.account("codex", f"p{number}@example.com") for number in range(20)))
    simulator.fail(times=None, stall_after_events=0)
    out, err = tmp_path / "out", tmp_path / "err"
    waiting = Command(["batch", "--search", "", "--query-quota"], deck.environment, out, err)
    simulator.wait_until(lambda: bool(simulator.seen("/wham/usage")), PATIENCE)
    batch = deck.ask("GET", "/batches")["items"][0]
    assert (batch["status"], batch["counts"]["begun"], batch["counts"]["left"]) == ("running", 16, 4)
    told = deck.run("batch", "cancel", batch["id"]).stdout
    assert waiting.wait(PATIENCE) == 1
    for said in (told, out.read_text()):
        assert "Cancelled: " in said
        assert "4 not done." in said
    deck.kill()
    deck.start()
    deck.wait_until(lambda: deck.ask("GET", f"/batches/{batch['id']}")["counts"]["failed"] == 16)
    shown = deck.run("batch", "show", batch["id"], ok=False)
    assert shown.returncode == 1
    assert "Cancelled: 16 failed, 4 not done." in shown.stdout


@pytest.fixture
def pair(tmp_path: Path, simulator: Simulator, postgresql_url: str) -> Any:
    """Two servers on one PostgreSQL."""
    given = {
        "AUTHDECK_DATABASE_URL": postgresql_url,
        "AUTHDECK_MONITORING_URL": postgresql_url,
        "AUTHDECK_MASTER_KEY": MasterKey.new().reveal(),
    }
    decks = [Deck(tmp_path / name, simulator, **given) for name in ("one", "two")]
    try:
        yield [deck.start() for deck in decks]
    finally:
        for deck in decks:
            deck.close()


@contextmanager
def locked(url: str, auth_index: str) -> Iterator[None]:
    """From here on to the end, nobody else can change this account."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT key FROM accounts WHERE auth_index = %s FOR UPDATE", [auth_index])
        yield


def test_another_process_takes_a_killed_ones_batch_over_and_its_undo(pair: list[Deck], postgresql_url: str) -> None:
    one, two = pair
    indexes = many(one)
    with locked(postgresql_url, indexes[700]):
        change = {"priority": 5, "disable": {"reason": "moving"}}
        batch_id = begun(one, selection={"auth_indexes": indexes}, change=change)
        killed_at(700, one, batch_id)
    assert wait_for(two, batch_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(two, batch_id) == list(range(PEOPLE))
    counted = Counter((found["version"], found["priority"], found["enabled"]) for found in all_accounts(two))
    assert counted == {(2, 5, False): PEOPLE}
    one.start()
    with locked(postgresql_url, indexes[300]):
        undo_id = begun(two, f"/batches/{batch_id}/undo")
        killed_at(300, two, undo_id)
    assert wait_for(one, undo_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(one, undo_id) == list(range(PEOPLE))
    counted = Counter((found["version"], found["priority"], found["enabled"]) for found in all_accounts(one))
    assert counted == {(3, 0, True): PEOPLE}
