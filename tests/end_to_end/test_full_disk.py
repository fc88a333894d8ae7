"""The disk under monitoring gets full while requests are served, and has room again later."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck, answered
from fakes.disks import small_disk

AT_MOST = 400
"""Requests until the log beside the database has filled what is left: some dozen are enough."""


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    with small_disk(tmp_path / "disk", "4m") as disk, Simulator().running() as simulator:
        made = Deck(tmp_path / "home", simulator, AUTHDECK_MONITORING_URL=f"sqlite:///{disk / 'monitoring.db'}").start()
        try:
            yield made
        finally:
            made.stop()
            made.close()


def test_the_gateway_goes_on_and_every_request_is_told_of_afterwards(deck: Deck, tmp_path: Path) -> None:
    deck.add(deck.simulator.account("codex", "ann@example.com"))
    deck.acknowledge()
    ballast = tmp_path / "disk" / "ballast"
    with deck.client(deck.new_key()) as client:
        asked = [answered(client)]
        fill(ballast)
        while not is_told(deck) and len(asked) < AT_MOST:
            asked.append(answered(client))
        assert is_told(deck), "the disk never got full"
        asked += [answered(client) for _ in range(3)]
        assert httpx2.get(f"{deck.url}/healthz", trust_env=False).status_code == 200
        ballast.unlink()
        deck.wait_until(lambda: deck.management.get(f"/requests/{asked[-1]}").status_code == 200)
        asked.append(answered(client))
    assert {row["id"] for row in deck.requests(page_size=200)} >= set(asked[-150:])
    assert all(deck.request(one)["status"] == 200 for one in asked[-5:])


def fill(ballast: Path) -> None:
    """Take the room that is left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def is_told(deck: Deck) -> bool:
    """Whether the server has said that it can't store requests."""
    return "storage_full" in deck.log.read_text()
