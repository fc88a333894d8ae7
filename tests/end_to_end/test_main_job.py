"""The whole job: import auth files, make a key, acknowledge the terms, serve real clients, see what happened."""

import pytest
from openai import PermissionDeniedError

HELLO = "Hello from simulated {} account {}"


def test_it_works(deck, simulator):
    ann = simulator.account("codex", "ann@example.com", plan="pro")
    (auth_index,) = deck.add(ann, note="Ann, everyday work", priority=7)
    deck.acknowledge(["codex"])
    key = deck.new_key("ann's laptop")

    with deck.openai(key) as sdk, sdk.responses.stream(model="gpt-5.5", input="hello") as stream:
        list(stream)
        answer = stream.get_final_response()

    assert answer.output_text == HELLO.format("codex", "ann")
    said = simulator.seen("/codex/responses")[0].said
    (event,) = deck.requests()
    assert event["auth_index"] == auth_index
    assert event["provider"] == "codex"
    assert event["model"] == "gpt-5.5"
    assert event["client_key"] == "ann's laptop"
    assert event["status"] == 200
    assert event["streamed"] is True
    assert event["failure"] is None
    assert event["tokens"] == {
        "input": said.input,
        "output": said.output,
        "cached": said.cached,
        "reasoning": said.reasoning,
    }
    assert [attempt["auth_index"] for attempt in event["attempts"]] == [auth_index]
    shown = deck.account(auth_index)
    assert (shown["email"], shown["plan"], shown["note"], shown["priority"]) == (
        "ann@example.com",
        "pro",
        "Ann, everyday work",
        7,
    )


def test_nothing_is_served_before_the_terms_are_acknowledged(deck, simulator):
    ann = simulator.account("codex", "ann@example.com")
    deck.add(ann)
    with deck.openai(deck.new_key()) as sdk:
        with pytest.raises(PermissionDeniedError) as caught:
            sdk.responses.create(model="gpt-5.5", input="hello")
        assert caught.value.code == "terms_not_acknowledged"
        assert not simulator.seen()

        deck.acknowledge(["codex"])

        assert sdk.responses.create(model="gpt-5.5", input="hello").output_text == HELLO.format("codex", "ann")


def test_keys_need_no_terms(deck, simulator):
    deck.add(simulator.account("codex", "ann@example.com", kind="api_key"))

    with deck.openai(deck.new_key()) as sdk:
        assert sdk.responses.create(model="gpt-5.5", input="hello").output_text == HELLO.format("codex", "ann")


def test_the_answer_names_its_request_and_its_account(open_deck, simulator):
    (auth_index,) = open_deck.add(simulator.account("codex", "ann@example.com"))

    with open_deck.client(open_deck.new_key()) as client:
        answer = client.post("/v1/responses", json={"model": "gpt-5.5", "input": "hello", "stream": True})

    assert answer.headers["x-authdeck-account"] == auth_index
    assert open_deck.request(answer.headers["x-authdeck-request-id"])["auth_index"] == auth_index


def test_the_client_key_never_reaches_the_provider(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com"))
    key = open_deck.new_key()

    with open_deck.client(key) as client:
        client.post("/v1/responses", json={"model": "m", "input": "hello"}, headers={"cookie": "session=FAKE"})

    (seen,) = simulator.seen("/codex/responses")
    assert key not in str(seen.asked.headers)
    assert "cookie" not in seen.asked.headers


def test_the_body_passes_untouched(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com"))
    body = b'{"model":  "gpt-5.5", "input":"h\\u00e9llo", "unknown": [1.0, 1e3], "stream": true}'

    with open_deck.client(open_deck.new_key()) as client:
        client.post("/v1/responses", content=body, headers={"content-type": "application/json"})

    assert simulator.seen("/codex/responses")[0].asked.body == body


def test_a_wrong_key_is_refused(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com"))

    with open_deck.client("adk_FAKE") as client:
        answer = client.post("/v1/responses", json={"model": "m", "input": "hello"})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "client_key_invalid"
    assert not simulator.seen()


def test_a_model_that_no_list_knows_is_served(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com"))

    with open_deck.openai(open_deck.new_key()) as sdk:
        assert sdk.responses.create(model="gpt-99-preview", input="hello").model == "gpt-99-preview"


def test_a_prefix_reaches_its_accounts_only(open_deck, simulator):
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    open_deck.add(ann)
    open_deck.add(bob, prefix="team")
    key = open_deck.new_key()

    with open_deck.openai(key, "/p/team") as sdk, open_deck.openai(key) as bare:
        by_path = sdk.responses.create(model="gpt-5.5", input="hello")
        by_model = bare.responses.create(model="team/gpt-5.5", input="hello")

    assert by_path.output_text == by_model.output_text == HELLO.format("codex", "bob")
    assert {seen.asked.model for seen in simulator.seen("/codex/responses")} == {"gpt-5.5"}


def test_a_disabled_account_does_not_serve(open_deck, simulator):
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    (first, _) = open_deck.add(ann, bob)
    open_deck.ask("PUT", f"/accounts/{first}/disablement", json={"reason": "on holiday"})

    with open_deck.openai(open_deck.new_key()) as sdk:
        texts = {sdk.responses.create(model="gpt-5.5", input="hello").output_text for _ in range(4)}

    assert texts == {HELLO.format("codex", "bob")}
    assert open_deck.account(first)["enabled"] is False
