"""What happens when accounts, providers, connections or clients fail."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from authdeck.event import FailureKind
from authdeck.operations import edit_accounts
from authdeck.operations.disable import disable
from fakes.people import ANN
from gateway.conftest import House

RESPONSES = {"model": "gpt-5.5", "input": "hello", "stream": True}


async def asked(house: House, body: dict | None = None) -> tuple[int, Any, bytes]:
    async with house.post("/v1/responses", body or RESPONSES) as answer:
        return answer.status, answer.headers, await answer.read()


async def two(house: House) -> tuple[str, str]:
    accounts = [house.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob")]
    ann, bob = await house.take_in(*accounts)
    await house.acknowledge()
    return ann, bob


async def test_a_full_account_is_passed_over(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    await house.take_in(ann, house.simulator.account("codex", "bob@example.com"))
    await house.acknowledge()
    house.simulator.use_up(ann)
    for _ in range(3):
        status, _, _ = await asked(house)
        assert status == 200
    assert len(house.simulator.seen("/responses", ann)) == 1
    tried_twice = [event for event in await house.events() if len(event.attempts) == 2]
    assert [attempt.status for attempt in tried_twice[0].attempts] == [429, 200]


async def test_when_all_are_full_the_client_learns_until_when(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    await house.take_in(ann)
    await house.acknowledge()
    house.simulator.use_up(ann, for_=timedelta(minutes=10))
    first, _, body = await asked(house)
    assert first == 429
    assert b"usage_limit_reached" in body  # the provider's own words
    status, headers, body = await asked(house)
    assert status == 429
    assert json.loads(body)["error"]["code"] == "no_account_available"
    # Some clients wait as long as they are told: so they are told less, and not to try again by themselves.
    assert (headers["retry-after"], headers["x-should-retry"]) == ("120", "false")
    [second, _] = await house.events()
    assert second.failure is not None
    assert second.failure.kind is FailureKind.QUOTA


async def test_a_disabled_account_is_no_account(house: House) -> None:
    [index] = await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    await disable(house.desk, index, ANN)
    status, _, body = await asked(house)
    assert status == 503
    assert json.loads(body)["error"]["code"] == "no_account_available"


async def test_a_server_error_is_tried_elsewhere(house: House) -> None:
    await two(house)
    house.simulator.fail(status=500)
    status, _, _ = await asked(house)
    assert status == 200


async def test_the_only_account_is_tried_again_after_a_server_error(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    house.simulator.fail(status=500)
    assert (await asked(house))[0] == 500
    assert (await asked(house))[0] == 200


async def test_the_clients_own_fault_is_not_tried_elsewhere(house: House) -> None:
    await two(house)
    house.simulator.fail(status=400, times=None)
    status, _, _ = await asked(house)
    assert status == 400
    assert len(house.simulator.seen("/responses")) == 1


async def test_a_token_that_is_not_accepted_is_refreshed_once(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    await house.take_in(ann)
    await house.acknowledge()
    house.simulator.expire(ann)
    status, _, _ = await asked(house)
    assert status == 200
    assert len(house.simulator.seen("/oauth/token")) == 1


@pytest.mark.parametrize("house", [{"AUTHDECK_REFRESH__REQUEST_WAIT": "0.5"}], indirect=True)
async def test_all_waits_for_tokens_together_last_no_longer_than_the_setting(house: House) -> None:
    gone = timedelta(minutes=-5)
    people = [house.simulator.account("codex", f"{name}@example.com", expires_in=gone) for name in ("ann", "bob", "cy")]
    await house.take_in(*people)
    await house.acknowledge()
    house.simulator.fail(path="/oauth/token", stall_after_events=0, times=None)
    status, _, body = await asked(house)
    house.simulator.heal()
    house.simulator.release()
    assert (status, json.loads(body)["error"]["code"]) == (503, "refresh_running")
    [event] = await house.events()
    first, *others = [attempt.ms for attempt in event.attempts]
    assert first >= 500
    assert others
    assert all(ms < 500 for ms in others)


async def test_a_sign_in_that_is_over_is_none_of_the_clients(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    [index] = await house.take_in(ann)
    await house.acknowledge()
    house.simulator.revoke(ann)
    status, _, body = await asked(house)
    assert status == 503
    assert json.loads(body)["error"]["code"] == "no_account_available"
    entry = house.desk.directory.get(index)
    assert entry is not None
    assert [hold.code for hold in entry.holds] == ["refresh_refused"]


async def test_an_answer_that_breaks_off_breaks_off_at_the_client(house: House) -> None:
    await two(house)
    house.simulator.fail(cut_after_events=3)
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    [event] = await house.events()
    assert event.failure is not None
    assert event.failure.code == "upstream_reset"
    assert len(house.simulator.seen("/responses")) == 1


async def test_a_request_that_may_have_been_carried_out_is_not_sent_again(house: House) -> None:
    await two(house)
    house.simulator.fail(cut_after_events=0)
    status, _, body = await asked(house)
    assert (status, json.loads(body)["error"]["code"]) == (502, "upstream_reset")
    assert len(house.simulator.seen("/responses")) == 1
    assert (await asked(house))[0] == 200


async def test_a_client_that_leaves_ends_the_providers_work(house: House) -> None:
    await two(house)
    house.simulator.fail(stall_after_events=2)
    answer = await house.post("/v1/responses", RESPONSES)
    await answer.content.readany()
    answer.close()
    await asyncio.to_thread(house.simulator.wait_until, lambda: house.simulator.requests[-1].client_left)
    while not (events := await house.events()):  # noqa: ASYNC110 - each turn asks the database
        await asyncio.sleep(0)
    assert events[0].status == 499
    assert events[0].failure is not None
    assert events[0].failure.kind is FailureKind.CLIENT_CLOSED
    assert house.gateway.counts.client_closed == 1


async def test_events_of_a_stream_leave_when_they_arrive(house: House) -> None:
    """Nothing buffers: what was sent before the provider paused is with the client while it pauses."""
    await two(house)
    house.simulator.fail(stall_after_events=2)
    async with house.post("/v1/responses", RESPONSES) as answer:
        arrived = b""
        while arrived.count(b"\n\n") < 2:
            arrived += await answer.content.readany()
        assert b"response.completed" not in arrived
        house.simulator.release()
        assert b"response.completed" in await answer.read()


async def test_a_sealed_file_that_cant_be_opened_is_a_visible_state(house: House) -> None:
    ann, bob = await two(house)
    await house.desk.write(lambda c: c.execute(_damage(ann)))  # type: ignore[func-returns-value]
    for _ in range(2):
        status, headers, _ = await asked(house)
        assert (status, headers["x-authdeck-account"]) == (200, bob)
    entry = house.desk.directory.get(ann)
    assert entry is not None
    assert entry.account.unreadable is not None


def _damage(auth_index: str):
    from sqlalchemy import select, update  # noqa: PLC0415 - the damage only

    from authdeck.storage.tables import accounts, revisions  # noqa: PLC0415

    key = select(accounts.c.key).where(accounts.c.auth_index == auth_index).scalar_subquery()
    return update(revisions).where(revisions.c.account == key).values(sealed=b"damaged")


RULE = {"status": 400, "match": ["invalid"], "action": "continue"}


async def with_rule(house: House, action: str) -> tuple[str, str]:
    """Ann's account has the rule and is asked first."""
    ann, bob = await two(house)
    rules = [{**RULE, "action": action}]
    await edit_accounts.edit(house.desk, ann, ANN, {"priority": 5, "request_scoped_errors": rules}, version=None)
    house.simulator.fail(status=400, body=b'{"error": {"message": "this is INVALID here"}}')
    return ann, bob


@pytest.mark.parametrize(
    ("action", "first", "second"),
    [
        ("stop", 400, "ann"),
        ("stop-and-cooldown", 400, "bob"),
        ("continue", 200, "ann"),
        ("continue-and-cooldown", 200, "bob"),
    ],
)
async def test_a_rule_says_whether_others_are_tried_and_whether_the_account_rests(
    house: House, action: str, first: int, second: str
) -> None:
    ann, bob = await with_rule(house, action)
    status, _, _ = await asked(house)
    assert status == first
    status, headers, _ = await asked(house)
    assert (status, headers["x-authdeck-account"]) == (200, {"ann": ann, "bob": bob}[second])


async def test_a_refusal_whose_body_is_cut_is_tried_elsewhere(house: House) -> None:
    """It was answered. Where nobody else is left, half of its words are not passed on as if they were all."""
    await two(house)
    house.simulator.fail(status=429, cut_after_events=1)
    assert (await asked(house))[0] == 200
    [event] = await house.events()
    assert [attempt.status for attempt in event.attempts] == [429, 200]
    house.simulator.fail(status=500, cut_after_events=1, times=2)
    status, _, body = await asked(house)
    assert (status, json.loads(body)["error"]["code"]) == (502, "upstream_reset")


async def test_a_cut_refusal_of_the_request_itself_is_not_tried_elsewhere(house: House) -> None:
    await two(house)
    house.simulator.fail(status=400, cut_after_events=1)
    status, _, body = await asked(house)
    assert (status, json.loads(body)["error"]["code"]) == (502, "upstream_reset")
    assert len(house.simulator.seen("/responses")) == 1
