"""kill -9 in the midst of batches: what is left goes on, here or in another process, and each row is done once."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from authdeck.simulator import Simulator
from authdeck.vault.keys import MasterKey
from fakes.auth_files import codex
from fakes.deck import Deck

PEOPLE = 1_400
"""More than are done before the call returns."""


def many(deck: Deck) -> None:
    files = [
        (f"p{n}.json", codex(f"p{n}@example.com", f"acc-{n}", f"user-{n}", access_token=f"at_FAKE_{n}"))
        for n in range(PEOPLE)
    ]
    for start in range(0, PEOPLE, 700):
        assert {row["outcome"] for row in deck.upload(*files[start : start + 700])} == {"new"}


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


def test_a_killed_server_goes_on_where_it_was(deck: Deck) -> None:
    many(deck)
    chance = random.Random(7)
    batch_id = begun(deck, selection={"search": ""}, change={"priority": 5, "note": "batch"})
    wait_for(deck, batch_id, chance.randrange(PEOPLE // 2))
    deck.kill()
    deck.start()
    assert wait_for(deck, batch_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(deck, batch_id) == list(range(PEOPLE))
    assert Counter((one["version"], one["priority"]) for one in all_accounts(deck)) == {(2, 5): PEOPLE}
    undo_id = begun(deck, f"/batches/{batch_id}/undo")
    wait_for(deck, undo_id, chance.randrange(PEOPLE // 2))
    deck.kill()
    deck.start()
    assert wait_for(deck, undo_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert Counter((one["version"], one["priority"]) for one in all_accounts(deck)) == {(3, 0): PEOPLE}


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


def test_another_process_takes_a_killed_ones_batch_over(pair: list[Deck]) -> None:
    one, two = pair
    many(one)
    batch_id = begun(one, selection={"search": ""}, change={"priority": 5, "disable": {"reason": "moving"}})
    wait_for(one, batch_id, 100)
    one.kill()
    assert wait_for(two, batch_id, PEOPLE)["counts"]["done"] == PEOPLE
    assert rows_of(two, batch_id) == list(range(PEOPLE))
    counted = Counter((found["version"], found["priority"], found["enabled"]) for found in all_accounts(two))
    assert counted == {(2, 5, False): PEOPLE}
