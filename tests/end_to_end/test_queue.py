"""A sign-in that its provider revokes, on a real server: asked for, told by webhook, ended by a new one."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck

STREAM = {"model": "gpt-5.5", "input": "hello", "stream": True}


@dataclass
class Inbox:
    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found = Inbox()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_said: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/FAKE_hook"
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_revoked_sign_in_is_asked_for_told_and_ended(open_deck: Deck, simulator: Simulator, inbox: Inbox) -> None:
    deck = open_deck
    ann = simulator.account("codex", "ann@example.com")
    (index,) = deck.add(ann)
    channel = deck.ask(
        "POST", "/notifications/channels", status=201,
        json={"name": "On call", "kind": "webhook", "url": inbox.url, "private": True},
    )  # fmt: skip
    rule = {"name": "sign-ins", "channel": channel["id"], "kinds": ["state_changed"], "states": ["needs_reauth"]}
    deck.ask("POST", "/notifications/rules", status=201, json=rule)
    with deck.client(deck.new_key()) as client:
        assert client.post("/v1/responses", json=STREAM).status_code == 200
        simulator.revoke(ann)
        assert client.post("/v1/responses", json=STREAM).status_code in {401, 503}
        deck.wait_until(lambda: deck.ask("GET", "/candidates")["total"] > 0)

        rows = deck.ask("GET", "/candidates")["items"]
        assert {(row["auth_index"], row["suggested_action"], row["status"]) for row in rows} == {
            (index, "reauth", "pending")
        }
        deck.wait_until(lambda: bool(inbox.got))
        headers, body = inbox.got[0]
        signed = headers["x-authdeck-timestamp"].encode() + b"." + body
        mine = hmac.new(channel["secret"].encode(), signed, hashlib.sha256).hexdigest()
        assert headers["x-authdeck-signature"] == f"v1={mine}"
        told = json.loads(body)
        assert [event["to"] for event in told["events"]] == ["needs_reauth"]
        assert "ann@example.com" not in body.decode()

        simulator.sign_in(ann)
        (row,) = deck.upload(simulator.auth_file(ann))
        assert row["outcome"] == "updated"
        deck.wait_until(lambda: deck.ask("GET", "/candidates")["total"] == 0)
        closed = deck.ask("GET", "/candidates", params={"status": ["resolved", "done"]})["items"]
        assert {each["resolution"] for each in closed} == {"new_sign_in"}
        assert client.post("/v1/responses", json=STREAM).status_code == 200

    deck.restart()
    assert deck.ask("GET", "/notifications/deliveries")["items"][-1]["status"] == "delivered"
    assert deck.run("queue", "list", "--json").returncode == 0
    assert not any(secret in deck.log.read_text() for secret in (channel["secret"], "FAKE_hook"))


def test_what_automation_may_switch_off_it_does_and_asks_before_it_is_switched_on_again(
    open_deck: Deck, simulator: Simulator
) -> None:
    deck, ann = open_deck, simulator.account("codex", "ann@example.com")
    (index,) = deck.add(ann)
    deck.ask("PATCH", "/settings", json={"automation.disable": True})
    simulator.revoke(ann)
    with deck.client(deck.new_key()) as client:
        assert client.post("/v1/responses", json=STREAM).status_code in {401, 503}
    deck.wait_until(lambda: deck.account(index)["health"] == "disabled")
    owners = {reason["owner"]: reason["code"] for reason in deck.account(index)["reasons"]}
    assert owners["inspection"] == "disabled_automatically"
    simulator.sign_in(ann)
    deck.upload(simulator.auth_file(ann))
    deck.wait_until(lambda: deck.ask("GET", "/candidates", params={"action": "enable"})["total"] == 1)
    assert deck.account(index)["health"] == "disabled"  # a person's to end
    (row,) = deck.ask("GET", "/candidates", params={"action": "enable"})["items"]
    done = deck.ask("POST", "/candidates/batch", json={"ids": [row["id"]], "act": "enable"})
    assert done["counts"]["done"] == 1
    assert deck.account(index)["enabled"]
