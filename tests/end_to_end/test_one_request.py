"""One small request through exactly one account, because a person asked."""

import pytest

PROVIDERS = {
    "codex": "",
    "claude": "",
    "gemini": "gemini-2.5-flash",
    "kimi": "",
    "xai": "",
    "vertex": "gemini-2.5-flash",
    "antigravity": "gemini-3-pro",
}
"""By name, the model to ask; empty: the one authdeck takes."""


def sent(deck, auth_index, status=200, **wish):
    return deck.ask("POST", f"/accounts/{auth_index}/request", status=status, json=wish)


def test_it_works(open_deck, simulator):
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    _, of_bob = open_deck.add(ann, bob)

    event = open_deck.request(sent(open_deck, of_bob)["id"])

    assert (event["auth_index"], event["status"], event["client_key"]) == (of_bob, 200, "authdeck console")
    assert event["tokens"]["output"] is not None
    act = open_deck.ask("GET", "/audit", params={"target": of_bob})["items"][0]
    assert (act["what"], act["target"], act["after"]) == ("account:request:sent", of_bob, {"model": event["model"]})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_answers_it(open_deck, simulator, provider):
    kind = {"gemini": "api_key", "vertex": "service_account"}.get(provider, "oauth")
    (index,) = open_deck.add(simulator.account(provider, "ann@example.com", kind=kind))
    event = open_deck.request(sent(open_deck, index, model=PROVIDERS[provider])["id"])
    assert (event["auth_index"], event["status"], event["failure"]) == (index, 200, None)


def test_a_hold_does_not_stop_it_and_no_other_account_serves_it(open_deck, simulator):
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    of_ann, _ = open_deck.add(ann, bob)
    open_deck.ask("PUT", f"/accounts/{of_ann}/disablement", json={"reason": "audit"})
    event = open_deck.request(sent(open_deck, of_ann, model="gpt-5.5")["id"])
    assert [attempt["auth_index"] for attempt in event["attempts"]] == [of_ann]
    assert event["status"] == 200


def test_terms_stop_it(deck, simulator):
    (index,) = deck.add(simulator.account("codex", "ann@example.com"))
    event = deck.request(sent(deck, index)["id"])
    assert (event["status"], event["failure"]["code"]) == (403, "terms_not_acknowledged")
    assert not simulator.seen()


def test_a_model_is_needed_where_none_is_known(open_deck, simulator):
    (index,) = open_deck.add(simulator.account("gemini", "ann@example.com", kind="api_key"))
    assert sent(open_deck, index, status=422)["error"]["code"] == "model_needed"


def test_a_client_cannot_send_one(open_deck, simulator):
    """The way is in the process alone: nothing that a client sends opens it."""
    open_deck.add(simulator.account("codex", "ann@example.com"))
    headers = {"authdeck.errand": "1", "x-authdeck-errand": "1"}
    with open_deck.client("adk_FAKE") as client:
        answer = client.post("/v1/responses", json={"model": "gpt-5.5", "input": "hello"}, headers=headers)
    assert answer.status_code == 401
