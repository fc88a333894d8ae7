"""Inspections of a real server: kill -9 in the midst of one, and what clients of the API rely on."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck

PEOPLE = 120


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    with Simulator().running() as simulator:
        made = Deck(tmp_path / "home", simulator, AUTHDECK_QUOTA__PACE="0.03").start()
        try:
            yield made
        finally:
            made.stop()
            made.close()


def recorded(deck: Deck) -> set[str]:
    """Whom the database has a result of."""
    asked = "SELECT a.auth_index FROM inspection_results r JOIN accounts a ON a.key = r.account"
    with sqlite3.connect(f"file:{deck.home / 'authdeck.db'}?mode=ro", uri=True) as connection:
        found = {row[0] for row in connection.execute(asked)}
    connection.close()
    return found


def asked(deck: Deck) -> Counter[str]:
    """How often each account's provider was asked, by e-mail."""
    return Counter(seen.account.identity for seen in deck.simulator.seen("/wham/usage") if seen.account is not None)


def test_a_run_that_is_killed_goes_on(deck: Deck) -> None:
    people = [deck.simulator.account("codex", f"p{number}@example.com") for number in range(PEOPLE)]
    indexes = dict(zip(deck.add(*people), (person.identity for person in people), strict=True))
    run = deck.ask("POST", "/inspections", status=202, json={"provider": "codex"})["id"]
    deck.wait_until(lambda: len(recorded(deck)) >= PEOPLE // 4)
    deck.kill()
    before, once = recorded(deck), asked(deck)
    assert PEOPLE // 4 <= len(before) < PEOPLE
    deck.start()
    deck.wait_until(lambda: deck.ask("GET", f"/inspections/{run}")["status"] == "completed")
    found = deck.ask("GET", f"/inspections/{run}")
    assert (found["done"], sum(found["counts"].values())) == (PEOPLE, PEOPLE)
    rows = deck.ask("GET", f"/inspections/{run}/results", params={"page_size": 1000})["items"]
    assert Counter(row["auth_index"] for row in rows) == Counter(indexes.keys())
    after = asked(deck)
    assert {indexes[index]: after[indexes[index]] for index in before} == {indexes[i]: once[indexes[i]] for i in before}
    assert all(after[email] >= 1 for email in indexes.values())
    assert sum(after.values()) <= PEOPLE + 64  # what was answered and not yet written down is asked once more


def test_what_clients_rely_on(deck: Deck) -> None:
    ann, bob = deck.simulator.account("codex", "ann@example.com"), deck.simulator.account("codex", "bob@example.com")
    indexes = deck.add(ann, bob)
    deck.simulator.fail(
        path="/wham/usage", account=bob, times=None, status=402, body=b'{"detail":{"code":"deactivated_workspace"}}'
    )
    begun = deck.ask("POST", "/inspections", status=202, json={"auth_indexes": indexes, "dry_run": True})
    assert begun["status"] in {"queued", "running", "completed"}
    path = f"/inspections/{begun['id']}"
    deck.wait_until(lambda: deck.ask("GET", path)["status"] == "completed")
    rows = {row["auth_index"]: row for row in deck.ask("GET", f"{path}/results")["items"]}
    assert rows[indexes[0]]["action"] == "keep"
    assert (rows[indexes[1]]["action"], rows[indexes[1]]["reason"]["code"]) == ("delete", "workspace_deactivated")
    events = deck.management.get(f"{path}/events").text
    assert '"status":"completed"' in events
    lines = deck.management.get(f"{path}/export", params={"format": "csv"}).text.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("auth_index,file_name,provider,action,code")
    batch = deck.ask("POST", f"{path}/actions", params={"preview": True}, json={"action": "delete"})
    assert (batch["preview"], batch["counts"]["done"]) == (True, 1)
    assert deck.ask("GET", f"/accounts/{indexes[1]}/inspection")["result"]["action"] == "delete"
    assert "FAKE" not in deck.management.get(f"{path}/export").text
