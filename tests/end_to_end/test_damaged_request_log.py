"""The request log's file is destroyed while requests are served."""

from pathlib import Path

import httpx2

from fakes.deck import Deck, answered


def destroy(file: Path) -> None:
    """Under the running server, as a failing disk would."""
    for each in (file, file.with_name(f"{file.name}-wal")):
        with each.open("r+b") as raw:
            raw.write(b"overwritten by Eve " * (each.stat().st_size // 19 + 1))


def is_set_aside(deck: Deck) -> bool:
    return any(deck.home.glob("monitoring.db.damaged-*"))


def test_a_destroyed_file_is_set_aside_and_the_gateway_never_stops(open_deck: Deck) -> None:
    open_deck.add(open_deck.simulator.account("codex", "ann@example.com"))
    file = open_deck.home / "monitoring.db"
    with open_deck.client(open_deck.new_key()) as client:
        before = [answered(client) for _ in range(3)]
        destroy(file)
        open_deck.wait_until(lambda: answered(client) and is_set_aside(open_deck))  # nobody else looks into the file
        asked = [answered(client) for _ in range(3)]
    open_deck.wait_until(lambda: open_deck.management.get(f"/requests/{asked[-1]}").status_code == 200)
    assert httpx2.get(f"{open_deck.url}/readyz", trust_env=False).status_code == 200
    assert not {row["id"] for row in open_deck.requests(page_size=200)} & set(before)
    (aside,) = open_deck.home.glob("monitoring.db.damaged-*Z")
    assert b"overwritten by Eve" in aside.read_bytes()
    gaps = open_deck.ask("GET", "/requests/summary")["gaps"]
    assert [gap["why"] for gap in gaps] == ["damaged"]
