"""The piece that ends an answer waits until its event is stored, for a while; all others leave at once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import aiohttp
import pytest

from authdeck.operations.record import WAIT
from gateway.conftest import House
from gateway.test_sockets import answer as turn
from gateway.test_sockets import connect, create

HELLO = [{"role": "user", "content": "hello"}]
STREAMS = {
    "codex": ("/v1/responses", {"model": "gpt-5.5", "input": "hello", "stream": True}, b"response.completed"),
    "claude": (
        "/v1/messages",
        {"model": "claude-opus-5", "max_tokens": 5, "messages": HELLO, "stream": True},
        b"message_stop",
    ),
    "kimi": ("/v1/chat/completions", {"model": "kimi-k3", "messages": HELLO, "stream": True}, b"[DONE]"),
}
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
ENDLESS = {
    "gemini": ("/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse", {"contents": CONTENTS}),
    "antigravity": (
        "/v1internal:streamGenerateContent?alt=sse",
        {"model": "gemini-3-pro", "project": "p", "request": {"contents": CONTENTS}},
    ),
}
"""Streams without a terminal event: their end is that nothing follows."""
LONG_ENOUGH = 0.3
"""Seconds in which what is not held back would have come many times over."""


@asynccontextmanager
async def held(house: House) -> AsyncIterator[Event]:
    """The store takes nothing until the event is set, or the block ends."""
    holds, let_go = Event(), Event()

    def hold(_connection: object) -> None:
        holds.set()
        assert let_go.wait(60)

    with ThreadPoolExecutor(1) as elsewhere:
        holding = elsewhere.submit(house.monitoring.write_now, hold)
        try:
            await asyncio.to_thread(holds.wait)
            yield let_go
        finally:
            let_go.set()
            await asyncio.wrap_future(holding)


async def taken_in(house: House, provider: str) -> None:
    await house.take_in(house.simulator.account(provider, "ann@example.com"))
    await house.acknowledge()


async def end_came(house: House) -> None:
    """Returns when the end has come and its event waits for the store."""
    while not house.recorder.waiting:  # noqa: ASYNC110 - each turn of the loop brings it nearer
        await asyncio.sleep(0)


async def came(answer: aiohttp.ClientResponse, events: int) -> bytes:
    """The next so many events of a stream."""
    arrived = b""
    while arrived.count(b"\n\n") < events:
        arrived += await answer.content.readany()
    return arrived


async def silent(answer: aiohttp.ClientResponse) -> bool:
    """Whether nothing comes for a while."""
    try:
        async with asyncio.timeout(LONG_ENOUGH):
            return not await answer.content.readany()
    except TimeoutError:
        return True


async def whole(house: House, path: str, body: Any) -> bytes:
    async with house.post(path, body) as answer:
        assert answer.status == 200, await answer.read()
        return await answer.read()


@pytest.mark.parametrize("provider", STREAMS)
async def test_only_the_last_piece_of_a_stream_waits(house: House, provider: str) -> None:
    path, body, last = STREAMS[provider]
    await taken_in(house, provider)
    events = (await whole(house, path, body)).count(b"\n\n")
    house.simulator.fail(stall_after_events=events - 1)
    async with held(house) as let_go, house.post(path, body) as answer:
        arrived = await came(answer, events - 1)
        assert last not in arrived
        assert house.recorder.waiting == 0  # its event is not even written yet
        house.simulator.release()
        await end_came(house)
        assert await silent(answer)
        assert house.recorder.counts.late == 0
        let_go.set()
        rest = await answer.read()
    assert last in rest
    assert (arrived + rest).count(b"\n\n") == events
    assert len(await house.events()) == 2


@pytest.mark.parametrize("provider", ENDLESS)
async def test_only_the_end_of_a_stream_without_a_last_event_waits(house: House, provider: str) -> None:
    path, body = ENDLESS[provider]
    await taken_in(house, provider)
    events = (await whole(house, path, body)).count(b"\n\n")
    house.simulator.fail(stall_after_events=events - 1)
    async with held(house) as let_go, house.post(path, body) as answer:
        arrived = await came(answer, events - 1)
        assert b"STOP" not in arrived
        house.simulator.release()
        assert b"STOP" in await came(answer, 1)  # the last one says why it stops, but more could follow
        await end_came(house)
        assert await silent(answer)
        assert not answer.content.at_eof()
        let_go.set()
        assert await answer.read() == b""
    assert len(await house.events()) == 2


async def test_only_the_last_message_of_a_websockets_turn_waits(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"), websockets=True)
    await house.acknowledge()
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        types = [message["type"] for message in await turn(socket)]
        events = sum(one.startswith("response.") for one in types)  # the others tell of limits, before them
        house.simulator.fail(stall_after_events=events - 1)
        async with held(house) as let_go:
            await socket.send_str(json.dumps(create()))
            arrived = [json.loads(await socket.receive_str(timeout=30)) for _ in types[:-1]]
            assert [message["type"] for message in arrived] == types[:-1]
            assert house.recorder.waiting == 0  # its event is not even written yet
            house.simulator.release()
            await end_came(house)
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=LONG_ENOUGH)
            assert house.recorder.counts.late == 0
            let_go.set()
            assert json.loads(await socket.receive_str(timeout=30))["type"] == types[-1] == "response.completed"
        assert len(await house.events()) == 2


async def test_the_headers_of_a_stream_do_not_wait(house: House) -> None:
    path, body, _ = STREAMS["codex"]
    await taken_in(house, "codex")
    house.simulator.fail(stall_after_events=0)
    async with held(house), house.post(path, body) as answer:
        assert answer.status == 200
        house.simulator.release()


async def test_a_whole_answer_waits(house: House) -> None:
    """It is one piece: the last byte that its length announced."""
    path, body, _ = STREAMS["codex"]
    await taken_in(house, "codex")
    async with held(house) as let_go:
        asked = asyncio.ensure_future(whole(house, path, {**body, "stream": False}))  # noqa: TID251 - looked at while under way
        done, _ = await asyncio.wait([asked], timeout=LONG_ENOUGH)
        assert not done
        await end_came(house)
        done, _ = await asyncio.wait([asked], timeout=LONG_ENOUGH)
        assert not done
        let_go.set()
        assert b'"status":"completed"' in (await asked).replace(b" ", b"")
    assert len(await house.events()) == 1


@pytest.mark.parametrize("patience", [WAIT])
async def test_it_is_let_go_after_a_quarter_of_a_second(house: House) -> None:
    """The answer comes while the store still takes nothing; its event is counted as late, and stored afterwards."""
    path, body, last = STREAMS["codex"]
    await taken_in(house, "codex")
    async with held(house):
        began = time.monotonic()
        assert last in await whole(house, path, body)
        assert time.monotonic() - began >= WAIT == 0.25
        assert (house.recorder.counts.late, house.recorder.counts.stored) == (1, 0)
    while not (events := await house.events()):  # noqa: ASYNC110 - each turn asks the database
        await asyncio.sleep(0)
    assert len(events) == 1
