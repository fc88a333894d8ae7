"""Codex's websockets: off unless enabled, then one account for the conversation and one event for each turn."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from authdeck import tasks
from authdeck.event import FailureKind
from authdeck.operations.disable import disable
from fakes.people import ANN
from gateway.conftest import House

PATHS = ["/v1/responses", "/backend-api/codex/responses"]


def create(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "model": "gpt-5.5", "input": text, **fields}


async def two(house: House, **extra: Any) -> list[str]:
    accounts = [house.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob")]
    indexes = await house.take_in(*accounts, **({"websockets": True} | extra))
    await house.acknowledge()
    return indexes


def connect(house: House, path: str = "/v1/responses", **headers: str) -> Any:
    sent = {"authorization": f"Bearer {house.key}", **headers}
    return house.client.ws_connect(house.url + path, headers=sent)


async def answer(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """The messages of one turn."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["type"] not in {"response.completed", "response.failed", "error"}:
        messages.append(json.loads(await socket.receive_str(timeout=10)))
    return messages


async def events(house: House, number: int) -> list[Any]:
    """Oldest first."""
    async with asyncio.timeout(10):
        while len(found := await house.events()) < number:  # noqa: ASYNC110 - each turn asks the database
            await asyncio.sleep(0)
    return found[::-1]


@pytest.mark.parametrize("path", PATHS)
async def test_it_works(house: House, path: str) -> None:
    await two(house)
    async with connect(house, path) as socket:
        await socket.send_str(json.dumps(create()))
        messages = await answer(socket)
    assert messages[-1]["type"] == "response.completed"
    [event] = await events(house, 1)
    said = house.simulator.requests[-1].said
    assert said is not None
    assert (event.tokens.input, event.tokens.output) == (said.input, said.output)
    assert (event.endpoint, event.model, event.status, event.failure) == (path, "gpt-5.5", 200, None)
    assert event.streamed
    assert event.ttfb_ms is not None
    asked = house.simulator.requests[-1].asked.headers
    assert "authorization" in asked
    assert house.key not in asked["authorization"]


async def test_each_turn_bears_the_clients_trace(house: House) -> None:
    await two(house)
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with connect(house, traceparent=f"00-{trace}-b7ad6b7169203331-01") as socket:
        for _ in range(2):
            await socket.send_str(json.dumps(create()))
            await answer(socket)
    assert [event.trace for event in await events(house, 2)] == [trace, trace]


async def test_each_turn_is_an_event_and_all_stay_on_one_account(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        for number in range(3):
            await socket.send_str(json.dumps(create(f"turn {number}", previous_response_id=f"resp_{number}")))
            await answer(socket)
    found = await events(house, 3)
    assert len({event.id for event in found}) == 3
    assert len({event.auth_index for event in found}) == 1
    upgrades = [seen for seen in house.simulator.requests if seen.status == 101]
    assert len(upgrades) == 1


async def test_not_enabled_is_answered_so_that_codex_goes_on_by_post(house: House) -> None:
    await two(house, websockets=None)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(house):
            pass
    assert refused.value.status == 426


async def test_only_accounts_that_have_it_enabled_are_asked(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    [bob] = await house.take_in(house.simulator.account("codex", "bob@example.com"), websockets=True)
    await house.acknowledge()
    for _ in range(3):
        async with connect(house) as socket:
            await socket.send_str(json.dumps(create()))
            await answer(socket)
    assert {event.auth_index for event in await events(house, 3)} == {bob}


async def test_without_a_client_key_there_is_no_handshake(house: House) -> None:
    await two(house)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with house.client.ws_connect(house.url + "/v1/responses"):
            pass
    assert refused.value.status == 401


async def test_other_paths_take_no_websocket(house: House) -> None:
    await two(house)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(house, "/v1/messages"):
            pass
    assert refused.value.status == 404


async def test_before_anything_was_passed_on_another_account_takes_over(house: House) -> None:
    full = house.simulator.account("codex", "ann@example.com")
    ann, bob = await house.take_in(full, house.simulator.account("codex", "bob@example.com"), websockets=True)
    await house.acknowledge()
    house.simulator.use_up(full)
    seen = set()
    for _ in range(2):
        async with connect(house) as socket:
            await socket.send_str(json.dumps(create()))
            messages = await answer(socket)
            seen.add(messages[-1]["type"])
    assert seen == {"response.completed"}
    found = await events(house, 2)
    assert {event.auth_index for event in found} == {bob}
    assert {event.status for event in found} == {200}
    assert [ann, bob] in [[attempt.auth_index for attempt in event.attempts] for event in found]


async def test_a_refused_handshake_leads_to_another_account(house: House) -> None:
    await two(house)
    house.simulator.fail(path="#handshake", status=500)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        assert (await answer(socket))[-1]["type"] == "response.completed"
    [event] = await events(house, 1)
    assert [attempt.status for attempt in event.attempts] == [500, 101]


async def test_what_refers_to_the_connection_is_not_moved(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await answer(socket)
        [first] = await events(house, 1)
        account = house.simulator.requests[-1].account
        assert account is not None
        house.simulator.use_up(account)
        await socket.send_str(json.dumps(create(previous_response_id="resp_1")))
        refused = (await answer(socket))[-1]
    assert refused["type"] == "error"
    assert refused["status_code"] == 429
    assert "status" not in refused
    second = (await events(house, 2))[1]
    assert (second.auth_index, second.status) == (first.auth_index, 429)
    assert second.failure is not None
    assert second.failure.kind is FailureKind.QUOTA


async def test_a_turn_under_way_ends_by_itself_before_the_process_does(house: House) -> None:
    await two(house)
    house.simulator.fail(model="gpt-5.5", stall_after_events=2)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        messages = [json.loads(await socket.receive_str(timeout=10)) for _ in range(2)]
        ending = tasks.start(house.gateway.talks.end(), name="the end")
        await socket.send_str(json.dumps(create("another one")))  # comes too late
        house.simulator.release()
        messages += await answer(socket)
        assert messages[-1]["type"] == "response.completed"
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1012
    await ending
    [event] = await events(house, 1)
    assert (event.status, event.failure) == (200, None)


async def test_a_conversation_between_two_turns_ends_at_once(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await answer(socket)
        async with asyncio.timeout(10):
            await asyncio.gather(house.gateway.talks.end(), socket.receive())
    assert socket.close_code == 1012
    assert len(await events(house, 1)) == 1


async def test_a_token_that_ends_during_a_conversation_takes_no_account_away(house: House) -> None:
    """It could be renewed, which happens at the next handshake."""
    index, *_ = await house.take_in(ann := house.simulator.account("codex", "ann@example.com"), websockets=True)
    await house.acknowledge()
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await answer(socket)
        house.simulator.expire(ann)
        await socket.send_str(json.dumps(create(previous_response_id="resp_1")))
        assert (await answer(socket))[-1]["status_code"] == 401
    await house.observer.flush()
    found = house.desk.directory.get(index)
    assert found is not None
    assert (found.holds, found.candidates) == ((), ())


async def test_no_account_left_is_an_error_event_with_one_status(house: House) -> None:
    """With ``status`` beside ``status_code`` Codex ignores the event and waits."""
    for index in await two(house):
        await disable(house.desk, index, ANN)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        [refused] = await answer(socket)
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
    assert refused["type"] == "error"
    assert refused["status_code"] == 503
    assert "status" not in refused
    assert refused["error"]["code"] == "no_account_available"
    [event] = await events(house, 1)
    assert (event.status, event.failure.kind) == (503, FailureKind.NO_ACCOUNT)


async def test_a_break_in_the_midst_of_a_turn_breaks_off_at_the_client(house: House) -> None:
    await two(house)
    house.simulator.fail(model="gpt-5.5", cut_after_events=3)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        kinds = [(await socket.receive(timeout=10)).type for _ in range(5)]
        assert kinds[-1] is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1011
    [event] = await events(house, 1)
    assert event.failure is not None
    assert event.failure.code == "upstream_reset"


async def test_a_client_that_leaves_in_the_midst_of_a_turn(house: House) -> None:
    await two(house)
    house.simulator.fail(model="gpt-5.5", stall_after_events=2)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await socket.receive_str(timeout=10)
    [event] = await events(house, 1)
    assert (event.status, event.failure.kind) == (499, FailureKind.CLIENT_CLOSED)


async def test_an_account_that_was_put_away_serves_no_further_turn(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await answer(socket)
        [event] = await events(house, 1)
        assert event.auth_index is not None
        await disable(house.desk, event.auth_index, ANN)
        await socket.send_str(json.dumps(create(previous_response_id="resp_1")))
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1012


async def test_what_is_no_question_passes_as_it_is(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        await answer(socket)
        await socket.send_str('{"type":"something.new"}')
        await socket.send_str(json.dumps(create()))
        await answer(socket)
    assert len(await events(house, 2)) == 2


async def test_a_question_that_is_not_json_is_told_so(house: House) -> None:
    await two(house)
    async with connect(house) as socket:
        await socket.send_str(json.dumps({**create(), "model": 5}))
        [refused] = await answer(socket)
    assert (refused["status_code"], refused["error"]["code"]) == (400, "body_invalid")
