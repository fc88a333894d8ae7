"""Asking for limits on a running server, at simulated providers: API, command line, cooldown, a restart in between."""

import json
from datetime import timedelta
from typing import Any

from authdeck.simulator import Account, Simulator
from fakes.deck import Deck


def ended(deck: Deck, batch: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def is_over() -> bool:
        found.update(deck.ask("GET", f"/batches/{batch['id']}"))
        return found["status"] != "running"

    deck.wait_until(is_over)
    return found


def people(simulator: Simulator) -> list[Account]:
    return [
        simulator.account(provider, f"{provider}@example.com", plan="pro") for provider in ("codex", "claude", "kimi")
    ]


def test_many_are_asked_in_the_background(deck: Deck, simulator: Simulator) -> None:
    indexes = deck.add(*people(simulator), simulator.account("gemini", "key@example.com"))
    assert deck.ask("GET", "/quota")["items"] == []
    batch = deck.ask("POST", "/quota/queries", json={"selection": {"search": ""}}, status=202)
    found = ended(deck, batch)
    assert (found["status"], found["counts"]["done"], found["counts"]["skipped"]) == ("completed", 3, 1)
    windows = deck.ask("GET", "/quota")["items"]
    assert {window["auth_index"] for window in windows} == set(indexes[:3])
    assert {window["source"] for window in windows} == {"quota_query"}
    capacity = deck.ask("GET", "/quota/capacity")
    assert (capacity["total"], capacity["backs"]) == (4, [])
    (codex,) = [item for item in capacity["items"] if item["provider"] == "codex"]
    assert codex["left_percent"] == 66
    said = json.loads(deck.run("quota", "--search", "claude", "--json").stdout)
    assert {window["auth_index"] for window in said["items"]} == {indexes[1]}


def test_a_full_account_rests_across_a_restart_and_serves_when_it_is_told_to_be_free(
    open_deck: Deck, simulator: Simulator
) -> None:
    ann = simulator.account("codex", "ann@example.com")
    (index,) = open_deck.add(ann)
    simulator.use_up(ann, for_=timedelta(hours=2))
    told = open_deck.ask("POST", f"/accounts/{index}/quota/queries", json={})
    assert told["answer"]["outcome"] == "told"
    assert open_deck.account(index)["health"] == "exhausted"
    open_deck.kill()
    open_deck.start()
    assert open_deck.account(index)["health"] == "exhausted"
    assert open_deck.ask("GET", "/quota/capacity")["backs"][0]["count"] == 1
    ann.quota.primary = 10
    open_deck.ask("POST", f"/accounts/{index}/quota/queries", json={})
    assert open_deck.account(index)["reasons"] == []


def test_a_reset_credit_is_used_once_confirmed_and_audited(deck: Deck, simulator: Simulator) -> None:
    ann = simulator.account("codex", "ann@example.com")
    ann.reset_credits.append(simulator.world.clock.now() + timedelta(days=20))
    simulator.use_up(ann)
    (index,) = deck.add(ann)
    path, name = f"/accounts/{index}/quota/reset-credit-uses", deck.account(index)["file_name"]
    refused = deck.ask("POST", path, json={"confirmation": "yes"}, status=422)
    assert refused["error"]["code"] == "reset_credit_unconfirmed"
    assert simulator.seen("/consume") == []
    told = deck.ask("POST", path, json={"confirmation": name})
    assert (told["answer"]["outcome"], told["extras"]["reset_credits"]) == ("told", {"count": 0, "ends": []})
    assert {window["used_percent"] for window in told["windows"]} == {0}
    assert deck.account(index)["health"] == "unknown"
    (entry,) = [row for row in deck.ask("GET", "/audit")["items"] if row["what"] == "account:reset_credit:used"]
    assert entry["target"] == index
    none = deck.ask("POST", path, json={"confirmation": name}, status=409)
    assert none["error"]["code"] == "reset_credit_none"
    assert len(simulator.seen("/consume")) == 1


def test_a_lost_answer_to_a_reset_credit_is_not_sent_again(deck: Deck, simulator: Simulator) -> None:
    ann = simulator.account("codex", "ann@example.com")
    ann.reset_credits.append(simulator.world.clock.now() + timedelta(days=20))
    (index,) = deck.add(ann)
    simulator.fail(path="/consume", cut_after_events=0, times=2)
    path, name = f"/accounts/{index}/quota/reset-credit-uses", deck.account(index)["file_name"]
    assert deck.ask("POST", path, json={"confirmation": name}, status=502)["error"]["code"] == "reset_credit_unknown"
    assert len(simulator.seen("/consume")) == 1


def test_the_command_line_asks_and_shows(deck: Deck, simulator: Simulator) -> None:
    (index,) = deck.add(simulator.account("claude", "bob@example.com", plan="max"))
    said = json.loads(deck.run("quota", "query", index, "--json").stdout)
    assert (said["answer"]["outcome"], said["answer"]["plan"]) == ("told", "max")
    assert {window["scope"] for window in said["windows"]} == {None, "opus"}
    shown = deck.run("quota", "show", index).stdout
    assert "opus" in shown
    assert "quota_query" in shown
    listed = deck.run("quota", "--refresh").stdout
    assert "Asked: 1 done." in listed
    history = deck.ask("GET", "/quota/history", params={"auth_index": index})
    assert history["total"] == 3


def test_what_answers_say_in_passing_is_shown_on_the_command_line(deck: Deck, simulator: Simulator) -> None:
    (index,) = deck.add(simulator.account("codex", "ann@example.com"))
    deck.acknowledge()
    with deck.client(deck.new_key()) as client:
        assert client.post("/v1/responses", json={"model": "gpt-5.5", "input": "Say hello"}).status_code == 200
    deck.wait_until(lambda: deck.ask("GET", f"/accounts/{index}/seen-headers")["items"] != [])
    shown = deck.run("quota", "show", index).stdout
    assert "Credits: none, seen in headers 2" in shown
    assert "Limit that counts: codex, seen 2" in shown
    headers = deck.run("accounts", "show", index, "--headers").stdout
    assert "x-codex-primary-used-percent" in headers
    assert deck.requests()[0]["id"] in headers


def test_looking_asks_nobody(deck: Deck, simulator: Simulator) -> None:
    (index,) = deck.add(simulator.account("codex", "ann@example.com"))
    before = len(simulator.requests)
    for path in ("/quota", "/quota/capacity", f"/accounts/{index}/quota", f"/quota/history?auth_index={index}"):
        deck.ask("GET", path)
    assert len(simulator.requests) == before
