"""What websockets tell of the accounts that serve them: as much as the same answers by POST."""

import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from authdeck.event import FailureKind
from authdeck.operations import edit_accounts
from fakes.people import ANN
from gateway.conftest import House
from gateway.test_observed import entry
from gateway.test_sockets import answer, connect, create, events, two


async def asked(house: House) -> list[dict[str, Any]]:
    """One turn on a new websocket."""
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        return await answer(socket)


async def test_limits_told_in_a_message_are_the_accounts(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com", plan="pro")
    [index] = await house.take_in(ann, websockets=True)
    await house.acknowledge()
    ann.quota.primary, ann.quota.secondary = 42, 17
    assert (await asked(house))[0]["type"] == "codex.rate_limits"
    await house.observer.flush()
    found = {window.window: window for window in entry(house, index).windows}
    assert {name: window.used_percent for name, window in found.items()} == {"five_hour": 42, "weekly": 17}
    assert found["five_hour"].resets_at == ann.quota.primary_resets_at.replace(microsecond=0)
    assert {window.source for window in found.values()} == {"header"}


async def test_headers_inside_an_error_event_count_like_an_answers(house: House) -> None:
    """The body names no time, and no word that a limit was met: the headers do."""
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann, websockets=True)
    await house.acknowledge()
    until_then = house.desk.now() + timedelta(hours=2)
    house.simulator.fail(
        model="gpt-5.5", status=429, body=b'{"error": {"message": "too much"}}',
        headers={
            "x-codex-rate-limit-reached-type": "primary", "x-codex-primary-used-percent": "100",
            "x-codex-primary-window-minutes": "300", "x-codex-primary-reset-at": str(int(until_then.timestamp())),
        },
    )  # fmt: skip
    assert (await asked(house))[-1]["type"] == "error"
    [event] = await events(house, 1)
    assert event.failure is not None
    assert (event.status, event.failure.kind, event.failure.code) == (429, FailureKind.QUOTA, "usage_limit_reached")
    await house.observer.flush()
    found = entry(house, index)
    [hold] = found.holds
    assert hold.until is not None
    assert abs(hold.until - until_then) <= timedelta(seconds=1)
    [window] = found.windows
    assert (window.window, window.used_percent, window.limit_reached) == ("five_hour", 100, True)


@pytest.mark.parametrize("by_post", [True, False])
async def test_an_error_inside_an_answer_says_of_the_account_what_it_says_by_post(house: House, by_post: bool) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann, websockets=True)
    await house.acknowledge()
    house.simulator.fail(model="gpt-5.5", fails_inside="usage_limit_reached")
    if by_post:
        async with house.post("/v1/responses", {"model": "gpt-5.5", "input": "hello", "stream": True}) as answered:
            assert b"response.failed" in await answered.read()
    else:
        assert (await asked(house))[-1]["type"] == "response.failed"
    [event] = await events(house, 1)
    assert event.failure is not None
    assert (event.failure.kind, event.failure.code) == (FailureKind.UPSTREAM, "usage_limit_reached")
    await house.observer.flush()
    found = entry(house, index)
    assert [(hold.owner, hold.code) for hold in found.holds] == [("cooldown", "usage_limit_reached")]


@pytest.mark.parametrize(
    ("action", "last", "then"),
    [
        ("stop", "error", "ann"),
        ("stop-and-cooldown", "error", "bob"),
        ("continue", "response.completed", "ann"),
        ("continue-and-cooldown", "response.completed", "bob"),
    ],
)
async def test_an_accounts_rules_about_errors_count(house: House, action: str, last: str, then: str) -> None:
    ann, bob = await two(house)
    rules = [{"status": 400, "match": ["invalid"], "action": action}]
    await edit_accounts.edit(house.desk, ann, ANN, {"priority": 5, "request_scoped_errors": rules}, version=None)
    house.simulator.fail(model="gpt-5.5", status=400, body=b'{"error": {"message": "this is INVALID here"}}')
    assert (await asked(house))[-1]["type"] == last
    assert (await asked(house))[-1]["type"] == "response.completed"
    assert (await events(house, 2))[1].auth_index == {"ann": ann, "bob": bob}[then]


@pytest.mark.parametrize("environment", [{"AUTHDECK_GATEWAY__TOTAL_TIMEOUT": "3"}])
async def test_a_turn_that_lasts_too_long_ends_though_one_before_it_did_not(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        assert (await answer(socket))[-1]["type"] == "response.completed"
        house.simulator.fail(model="gpt-5.5", stall_after_events=0)
        await socket.send_str(json.dumps(create(previous_response_id="resp_1")))
        while (await socket.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 1011
    event = (await events(house, 2))[1]
    assert event.failure is not None
    assert (event.failure.kind, event.failure.code) == (FailureKind.TIMEOUT, "request_timed_out")
