"""Request bodies that come slowly, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from authdeck import tasks
from authdeck.gateway.request import WATCH_AFTER, Message, Request
from fakes.clock import SetClock
from gateway.conftest import House

BODY = b'{"model": "gpt-5.5", "input": "hello"}'
ANSWER_WITHIN = 20


async def sent(house: House, begun: bytes) -> bytes:
    """What is answered to a request of which no more than this much of the body comes; the connection ends by it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
    head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nx-api-key: {house.key}\r\ncontent-length: {len(BODY)}\r\n\r\n"
    writer.write(head.encode() + begun)
    try:
        return await asyncio.wait_for(reader.read(), ANSWER_WITHIN)
    finally:
        writer.close()


@pytest.mark.parametrize("house", [{"AUTHDECK_GATEWAY__IDLE_TIMEOUT": "0.2"}], indirect=True)
async def test_a_body_that_stalls_is_given_up(house: House) -> None:
    for begun in (b"", BODY[:5]):
        answered = await sent(house, begun)
        assert answered.startswith(b"HTTP/1.1 408")
        assert b"body_stalled" in answered
    event, _ = await house.events()
    assert event.failure is not None
    assert (event.status, event.failure.code, event.endpoint) == (408, "body_stalled", "/v1/responses")
    assert house.gateway.counts.in_flight == 0


# ---- a request alone, with a clock that is set: only how timers follow each other counts, not how long they take ----

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def served(clock: SetClock, receive: Receive, *, idle: float, total: float = 60) -> tuple[Request, bytes | None]:
    """The request once it is given up, and its body where it came whole."""
    scope = {"method": "POST", "path": "/v1/responses", "query_string": b"", "headers": []}
    request, body = Request(scope, receive, unheard, clock), None

    async def serve() -> None:
        nonlocal body
        request.watch(idle, total)
        body = await request.body(1024)
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await tasks.start(serve(), name="serving")
    request.unwatch()
    return request, body


async def unheard(_: Message) -> None:
    raise AssertionError


async def until_it_was_looked() -> None:
    """A timer that is due after the one that looks whether the body still comes."""
    due = asyncio.Event()
    asyncio.get_running_loop().call_later(WATCH_AFTER * 1.5, due.set)
    await due.wait()


async def test_each_piece_is_waited_for_anew_and_then_the_client_is_watched() -> None:
    """Three pieces, each within the idle time and all together beyond it; then the client leaves."""
    clock, idle, coming = SetClock(), WATCH_AFTER, [b"c", b"b", b"a"]

    async def receive() -> Message:
        if not coming:
            return {"type": "http.disconnect"}
        clock.move(seconds=idle * 0.9)
        await until_it_was_looked()
        return {"type": "http.request", "body": coming.pop(), "more_body": bool(coming)}

    request, body = await served(clock, receive, idle=idle)
    assert (body, request.is_gone, request.is_stalled) == (b"abc", True, False)


async def test_a_piece_that_comes_too_late_is_not_waited_for() -> None:
    clock, coming = SetClock(), [b"b", b"a"]

    async def receive() -> Message:
        clock.move(seconds=WATCH_AFTER * (0.9 if len(coming) > 1 else 1.1))
        await until_it_was_looked()
        return {"type": "http.request", "body": coming.pop(), "more_body": True}

    request, body = await served(clock, receive, idle=WATCH_AFTER)
    assert (body, coming, request.is_stalled) == (None, [b"b"], True)


async def test_the_total_time_counts_from_the_requests_beginning() -> None:
    async def trickle() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    request, body = await served(SetClock(), trickle, idle=60, total=WATCH_AFTER)
    assert (body, request.is_late, request.is_stalled) == (None, True, False)
