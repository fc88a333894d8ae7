"""Logins of a real server that is killed in the middle."""

import urllib.request
from urllib.error import HTTPError

from authdeck.simulator import Simulator
from fakes.deck import Deck


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_asked: object) -> None:
        return None


def came_back(url: str) -> str:
    """Where the provider's page leads."""
    try:
        urllib.request.build_opener(_Stays).open(url, timeout=10)
    except HTTPError as answer:
        return answer.headers["location"]
    raise AssertionError("the page leads nowhere")


def test_a_pending_login_survives_a_kill(deck: Deck, simulator: Simulator) -> None:
    browser = deck.ask("POST", "/logins", status=201, json={"provider": "claude"})
    device = deck.ask("POST", "/logins", status=201, json={"provider": "codex", "way": "device"})
    deck.kill()
    deck.start()
    simulator.approve(simulator.account("claude", "ann@example.com"))
    simulator.approve(simulator.account("codex", "bob@example.com"))

    url = came_back(browser["url"])
    done = deck.ask("POST", f"/logins/{browser['id']}/callback", json={"url": url})
    deck.wait_until(lambda: deck.ask("GET", f"/logins/{device['id']}")["status"] != "pending")

    assert done["status"] == "done"
    assert deck.ask("GET", f"/logins/{device['id']}")["outcome"] == "new"
    log = deck.log.read_text()
    assert not any(secret in log for secret in (url, "code_FAKE", "rt_FAKE", "ort01-FAKE", "device_FAKE"))
