"""Failures come as ordered, to whom they were ordered for, and connections really break."""

from contextlib import closing
from http.client import IncompleteRead, RemoteDisconnected

import pytest

from authdeck.simulator.failures import CHALLENGE
from fakes.wire import codex_headers


@pytest.fixture
def ann(simulator):
    return simulator.account("codex", "ann@example.com")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 529])
def test_a_status_fails_the_next_request_only(simulator, client, ann, status):
    simulator.fail(status=status)

    assert [client.codex(ann).status for _ in range(2)] == [status, 200]
    assert "error" in client.codex(ann, model=f"fail-{status}").document


def test_a_rule_may_last(simulator, client, ann):
    simulator.fail(status=503, times=None)
    assert [client.codex(ann).status for _ in range(3)] == [503] * 3

    simulator.heal()
    assert client.codex(ann).status == 200


def test_a_rule_is_for_one_account(simulator, client, ann):
    bob = simulator.account("codex", "bob@example.com")
    simulator.fail(account=bob, status=500)

    assert client.codex(ann).status == 200
    assert client.codex(bob).status == 500


def test_a_rule_is_for_one_path(simulator, client, ann):
    simulator.fail(path="/oauth/token", status=503)

    assert client.codex(ann).status == 200
    assert client.refresh("/codex-auth/oauth/token", ann.refresh_token).status == 503


def test_a_refused_refresh_does_not_rotate(simulator, client, ann):
    token = ann.refresh_token
    simulator.fail(path="/oauth/token", status=500)

    client.refresh("/codex-auth/oauth/token", token)

    assert ann.refresh_token == token


def test_a_lost_answer_has_rotated(simulator, client, ann):
    token = ann.refresh_token
    simulator.fail(path="/oauth/token", cut_after_events=0)

    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        client.refresh("/codex-auth/oauth/token", token)

    assert ann.refresh_token != token


def test_the_providers_own_words(simulator, client, ann):
    simulator.fail(status=429, kind="insufficient_quota", headers={"x-canary": "yes"})

    answer = client.codex(ann)

    assert answer.document["error"]["type"] == "insufficient_quota"
    assert answer.headers["x-canary"] == "yes"


def test_a_challenge_page(simulator, client, ann):
    simulator.fail(status=403, kind="challenge")

    answer = client.codex(ann)

    assert (answer.status, answer.body) == (403, CHALLENGE)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_body_of_ones_own(simulator, client, ann):
    simulator.fail(status=502, body=b"not json")

    assert client.codex(ann).body == b"not json"


@pytest.mark.parametrize("dialect", ["claude", "gemini", "kimi", "xai", "openai_compatible"])
def test_each_provider_limits_in_its_own_shape(simulator, client, dialect):
    paths = {
        "claude": ("/claude/v1/messages", "x_api_key"),
        "gemini": ("/gemini/v1beta/models/m:generateContent", "x_goog_api_key"),
        "kimi": ("/kimi/v1/chat/completions", "x_api_key"),
        "xai": ("/xai/v1/chat/completions", "authorization"),
        "openai_compatible": ("/compatible/v1/chat/completions", "authorization"),
    }
    marks = {
        "claude": b"rate_limit_error",
        "gemini": b"RetryInfo",
        "kimi": b"exceeded_current_quota_error",
        "xai": b"subscription:free-usage-exhausted",
        "openai_compatible": b"rate_limit_exceeded",
    }
    eve = simulator.account(dialect, "eve@example.com", kind="api_key")
    path, header = paths[dialect]
    value = f"Bearer {eve.api_key}" if header == "authorization" else eve.api_key
    simulator.fail(status=429, account=eve)

    answer = client.ask("POST", path, {"model": "m"}, anthropic_version="2023-06-01", **{header: value})

    assert answer.status == 429
    assert marks[dialect] in answer.body


def test_a_stream_is_cut_after_the_pieces_that_were_sent(simulator, client, ann):
    simulator.fail(cut_after_events=3)

    with pytest.raises(IncompleteRead) as caught:
        client.codex(ann)

    assert caught.value.partial.count(b"event: ") == 3
    assert not simulator.seen("responses")[0].finished


def test_a_whole_answer_is_cut_in_its_middle(simulator, client, ann):
    simulator.fail(cut_after_events=1)

    with pytest.raises(IncompleteRead) as caught:
        client.codex(ann, stream=False)

    assert caught.value.partial


def test_a_connection_ends_before_any_answer(simulator, client, ann):
    simulator.fail(cut_after_events=0)

    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        client.codex(ann)


def test_a_stalled_stream_goes_on_when_released(simulator, client, ann):
    simulator.fail(stall_after_events=2)
    with closing(client.open("POST", "/backend-api/codex/responses", {"stream": True}, **codex_headers(ann))) as open_:
        stream = open_.getresponse()
        assert b"response.created" in stream.readline()

        simulator.release()

        assert b"response.completed" in stream.read()


def test_a_client_that_leaves_is_noticed(simulator, client, ann):
    simulator.fail(stall_after_events=2)
    connection = client.open("POST", "/backend-api/codex/responses", {"stream": True}, **codex_headers(ann))
    stream = connection.getresponse()
    stream.readline()

    stream.close()
    connection.close()

    simulator.wait_until(lambda: simulator.seen("responses")[0].client_left)


def test_a_slow_answer(simulator, client, ann):
    simulator.fail(delay=0.01)

    assert client.codex(ann).status == 200
    assert client.codex(ann).status == 200


def test_waiting_in_vain_says_so(simulator):
    with pytest.raises(TimeoutError):
        simulator.wait_until(lambda: False, seconds=0.01)
