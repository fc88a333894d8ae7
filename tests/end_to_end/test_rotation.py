"""Rotation is sacred: one refresh at a time, committed before use, and never lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

EXPIRED = timedelta(minutes=-5)
TOKEN = "/oauth/token"
PROVIDERS = {
    "codex": ("/v1/responses", {"model": "m", "input": "hello"}),
    "claude": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}),
    "kimi": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hello"}]}),
}


def served(deck, key, provider="codex"):
    path, document = PROVIDERS[provider]
    with deck.client(key) as client:
        return client.post(path, json=document, headers={"anthropic-version": "2023-06-01"})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_expired_token_is_refreshed_once_before_it_is_used(open_deck, simulator, provider):
    ann = simulator.account(provider, "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)

    answers = [served(open_deck, open_deck.new_key(), provider).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert [seen.status for seen in simulator.seen(TOKEN)] == [200]
    assert not [seen for seen in simulator.seen() if seen.status == 401]
    shown = open_deck.account(auth_index)
    assert (shown["revision"], shown["generation"], shown["version"]) == (2, 1, 1)


def test_many_requests_at_once_share_one_refresh(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com", expires_in=EXPIRED))
    key = open_deck.new_key()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: served(open_deck, key).status_code, range(16)))

    assert answers == [200] * 16
    assert len(simulator.seen(TOKEN)) == 1


def test_the_rotated_token_survives_a_kill(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)
    key = open_deck.new_key()
    assert served(open_deck, key).status_code == 200

    open_deck.kill()
    open_deck.start()
    simulator.expire(ann)

    assert served(open_deck, key).status_code == 200
    assert [seen.status for seen in simulator.seen(TOKEN)] == [200, 200]
    assert open_deck.account(auth_index)["revision"] == 3


def test_the_events_survive_a_kill(open_deck, simulator):
    open_deck.add(simulator.account("codex", "ann@example.com"))
    key = open_deck.new_key()
    ids = [served(open_deck, key).headers["x-authdeck-request-id"] for _ in range(5)]

    open_deck.kill()
    open_deck.start()

    assert {event["id"] for event in open_deck.requests()} == set(ids)


def test_a_token_that_the_provider_ended_early_is_refreshed_and_the_request_served(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com")
    open_deck.add(ann)
    key = open_deck.new_key()
    simulator.expire(ann)

    assert served(open_deck, key).status_code == 200
    assert [seen.status for seen in simulator.seen("/codex/responses")] == [401, 200]
    assert len(simulator.seen(TOKEN)) == 1


def test_a_refused_refresh_asks_for_a_new_sign_in(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)
    simulator.revoke(ann)
    key = open_deck.new_key()

    answers = [served(open_deck, key).status_code for _ in range(3)]

    assert set(answers) <= {401, 503}
    assert len(simulator.seen(TOKEN)) == 1
    assert open_deck.account(auth_index)["health"] == "needs_reauth"


def test_signing_in_again_heals_the_account(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)
    simulator.revoke(ann)
    key = open_deck.new_key()
    assert served(open_deck, key).status_code != 200

    simulator.sign_in(ann)
    (row,) = open_deck.upload(simulator.auth_file(ann))

    assert (row["outcome"], row["auth_index"]) == ("updated", auth_index)
    assert served(open_deck, key).status_code == 200
    assert open_deck.account(auth_index)["health"] != "needs_reauth"


def test_another_account_serves_while_one_cannot_refresh(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    bob = simulator.account("codex", "bob@example.com")
    open_deck.add(ann, priority=10)
    (second,) = open_deck.add(bob)
    simulator.revoke(ann)

    answer = served(open_deck, open_deck.new_key())

    assert (answer.status_code, answer.headers["x-authdeck-account"]) == (200, second)


def test_a_lost_answer_is_tried_once_more_and_not_again(open_deck, simulator):
    """The provider rotated, the connection broke: the old token is presented once more, then a person is asked."""
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)
    simulator.fail(path=TOKEN, cut_after_events=0)
    key = open_deck.new_key()

    assert served(open_deck, key).status_code == 503
    open_deck.wait_until(lambda: served(open_deck, key).status_code != 200 and len(simulator.seen(TOKEN)) == 2)
    open_deck.wait_until(lambda: open_deck.account(auth_index)["health"] == "needs_reauth")

    assert served(open_deck, key).status_code != 200
    presented = [seen.asked.document["refresh_token"] for seen in simulator.seen(TOKEN)]
    assert presented == ["rt_FAKE_ann_1"] * 2


def test_looking_refreshes_nothing(open_deck, simulator):
    """Not even a token that has run out: it is refreshed when somebody needs it."""
    ann = simulator.account("codex", "ann@example.com", expires_in=EXPIRED)
    (auth_index,) = open_deck.add(ann)

    for path in (f"/accounts/{auth_index}", f"/accounts/{auth_index}/reasons", "/accounts", "/requests"):
        open_deck.ask("GET", path)

    assert not simulator.seen()
    assert served(open_deck, open_deck.new_key()).status_code == 200
    assert len(simulator.seen(TOKEN)) == 1
