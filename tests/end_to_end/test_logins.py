"""Logins of a real server that is killed in the middle."""

from authdeck.simulator import Simulator
from fakes.deck import Deck
from fakes.sign_ins import came_back_to


def test_a_pending_login_survives_a_kill(deck: Deck, simulator: Simulator) -> None:
    browser = deck.ask("POST", "/logins", status=201, json={"provider": "claude"})
    device = deck.ask("POST", "/logins", status=201, json={"provider": "codex", "way": "device"})
    deck.kill()
    deck.start()
    simulator.approve(simulator.account("claude", "ann@example.com"))
    simulator.approve(simulator.account("codex", "bob@example.com"))

    url = came_back_to(browser["url"])
    done = deck.ask("POST", f"/logins/{browser['id']}/callback", json={"url": url})
    deck.wait_until(lambda: deck.ask("GET", f"/logins/{device['id']}")["status"] != "pending")

    assert done["status"] == "done"
    assert deck.ask("GET", f"/logins/{device['id']}")["outcome"] == "new"
    log = deck.log.read_text()
    assert not any(secret in log for secret in (url, "code_FAKE", "rt_FAKE", "ort01-FAKE", "device_FAKE"))
