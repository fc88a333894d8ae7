"""When providers fail: the next account, an honest break, or the provider's own words."""

from datetime import timedelta

import httpx2
import openai
import pytest

STREAM = {"model": "gpt-5.5", "input": "hello", "stream": True}


@pytest.fixture
def two(open_deck, simulator):
    """Ann is asked first, Bob stands by. Their accounts and indexes."""
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    (first,) = open_deck.add(ann, priority=10)
    (second,) = open_deck.add(bob)
    return ann, bob, first, second


def test_a_used_up_account_gives_way_to_the_next(open_deck, simulator, two):
    ann, bob, first, second = two
    simulator.use_up(ann, for_=timedelta(hours=2))

    with open_deck.client(open_deck.new_key()) as client:
        answers = [client.post("/v1/responses", json=STREAM) for _ in range(2)]

    assert [answer.headers["x-authdeck-account"] for answer in answers] == [second, second]
    assert [seen.account for seen in simulator.seen("/codex/responses")] == [ann, bob, bob]
    event = open_deck.request(answers[0].headers["x-authdeck-request-id"])
    assert [(attempt["auth_index"], attempt["status"]) for attempt in event["attempts"]] == [
        (first, 429),
        (second, 200),
    ]
    assert (event["auth_index"], event["status"], event["failure"]) == (second, 200, None)


def test_a_used_up_account_is_passed_over(open_deck, simulator, two):
    ann, _bob, _first, second = two
    simulator.use_up(ann, for_=timedelta(hours=2))

    with open_deck.client(open_deck.new_key()) as client:
        answers = [client.post("/v1/responses", json=STREAM) for _ in range(3)]

    assert [answer.headers["x-authdeck-account"] for answer in answers] == [second] * 3
    assert len(simulator.seen("/codex/responses", ann)) == 1


def test_no_account_left(open_deck, simulator, two):
    ann, bob, _, _ = two
    simulator.use_up(ann)
    simulator.use_up(bob)

    with open_deck.openai(open_deck.new_key()) as sdk:
        with pytest.raises(openai.RateLimitError) as last:
            sdk.responses.create(model="gpt-5.5", input="hello")
        with pytest.raises(openai.RateLimitError) as later:
            sdk.responses.create(model="gpt-5.5", input="hello")

    assert last.value.type == "usage_limit_reached"  # the provider's own words while one was asked
    assert later.value.code == "no_account_available"
    assert 0 < int(later.value.response.headers["retry-after"]) <= 3600
    assert len(simulator.seen("/codex/responses")) == 2


@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_provider_is_tried_on_another_account(open_deck, simulator, two, status):
    ann, _bob, _first, second = two
    simulator.fail(account=ann, status=status)

    with open_deck.client(open_deck.new_key()) as client:
        answer = client.post("/v1/responses", json=STREAM)

    assert (answer.status_code, answer.headers["x-authdeck-account"]) == (200, second)


def test_a_request_that_is_wrong_is_not_tried_elsewhere(open_deck, simulator, two):
    _, _, first, _ = two
    with open_deck.client(open_deck.new_key()) as client:
        answer = client.post("/v1/responses", json={**STREAM, "model": "fail-400"})

    assert answer.status_code == 400
    assert len(simulator.seen("/codex/responses")) == 1
    assert not [reason for reason in open_deck.account(first)["reasons"] if reason["owner"] == "cooldown"]


def test_a_stream_that_breaks_breaks_for_the_client_too(open_deck, simulator, two):
    """Ending it cleanly would make SDKs return half an answer as success."""
    _, _, first, _ = two
    simulator.fail(cut_after_events=5)

    with open_deck.client(open_deck.new_key()) as client, client.stream("POST", "/v1/responses", json=STREAM) as answer:
        request_id = answer.headers["x-authdeck-request-id"]
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            answer.read()

    event = open_deck.request(request_id)
    assert event["auth_index"] == first
    assert event["failure"]["kind"] in {"network", "upstream"}
    assert len(simulator.seen("/codex/responses")) == 1


def test_a_connection_lost_before_the_answer_is_the_clients_to_repeat(open_deck, simulator, two):
    """The provider may have done what was asked for: only the client knows whether it may be repeated."""
    ann, bob, first, second = two
    simulator.fail(account=ann, cut_after_events=0)

    with open_deck.client(open_deck.new_key()) as client:
        lost, again = (client.post("/v1/responses", json=STREAM) for _ in range(2))

    assert (lost.status_code, lost.json()["error"]["code"]) == (502, "upstream_reset")
    assert (again.status_code, again.headers["x-authdeck-account"]) == (200, second)
    assert [seen.account for seen in simulator.seen("/codex/responses")] == [ann, bob]
    event = open_deck.request(lost.headers["x-authdeck-request-id"])
    assert [(attempt["auth_index"], attempt["status"]) for attempt in event["attempts"]] == [(first, None)]


@pytest.mark.usefixtures("two")
def test_a_client_that_leaves_ends_the_call_upstream(open_deck, simulator):
    simulator.fail(stall_after_events=5)

    with open_deck.client(open_deck.new_key()) as client, client.stream("POST", "/v1/responses", json=STREAM) as answer:
        request_id = answer.headers["x-authdeck-request-id"]
        next(answer.iter_raw())

    simulator.wait_until(lambda: simulator.seen("/codex/responses")[0].client_left)
    open_deck.wait_until(lambda: bool(open_deck.requests()))
    event = open_deck.request(request_id)
    assert event["failure"]["kind"] == "client_closed"
    assert not [reason for reason in open_deck.account(event["auth_index"])["reasons"] if reason["owner"] == "cooldown"]


def test_a_challenge_page_says_nothing_about_the_account(open_deck, simulator):
    (auth_index,) = open_deck.add(simulator.account("codex", "ann@example.com"))
    simulator.fail(status=403, kind="challenge")

    with open_deck.client(open_deck.new_key()) as client:
        answer = client.post("/v1/responses", json=STREAM)

    assert answer.status_code >= 400
    assert open_deck.account(auth_index)["health"] not in {"needs_reauth", "disabled"}
    assert open_deck.account(auth_index)["enabled"] is True


@pytest.mark.usefixtures("two")
def test_the_first_piece_arrives_while_the_provider_still_writes(open_deck, simulator):
    """Bytes are passed on as they come, not gathered."""
    simulator.fail(stall_after_events=3)

    with open_deck.client(open_deck.new_key()) as client, client.stream("POST", "/v1/responses", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert b"response.created" in next(pieces)
        assert not simulator.seen("/codex/responses")[0].finished
        simulator.release()
        assert b"response.completed" in b"".join(pieces)
