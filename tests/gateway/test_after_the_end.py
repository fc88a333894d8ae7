"""Once the event that ends an answer has passed, the request was served, whatever becomes of the connections."""

import asyncio

import pytest

from gateway.conftest import House, Raw

CHAT = {"model": "m", "messages": [], "stream": True}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"data: [DONE]\n\n"


async def test_a_client_that_leaves_then_was_served(house: House, raw: Raw) -> None:
    over = asyncio.Event()

    async def never_ends(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"%x\r\n%b\r\n" % (len(END), END))
        await over.wait()

    await raw(never_ends)
    async with house.post("/v1/chat/completions", CHAT) as answer:
        assert await answer.content.readexactly(len(END)) == END
        answer.close()
    async with asyncio.timeout(20):
        while not house.gateway.counts.client_closed:  # noqa: ASYNC110 - each turn brings it nearer
            await asyncio.sleep(0)
    over.set()
    [event] = await house.events()
    assert (event.status, event.failure) == (200, None)
    assert [(seen.status, seen.failure) for seen in house.seen] == [(200, None)]


@pytest.mark.parametrize("ending", ["cut", "broken framing"])
async def test_a_provider_that_breaks_off_then_has_answered(house: House, raw: Raw, ending: str) -> None:
    async def breaks(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"%x\r\n%b\r\n" % (len(END), END) + (b"zz\r\n" if ending == "broken framing" else b""))
        raise ConnectionError

    await raw(breaks)
    async with house.post("/v1/chat/completions", CHAT) as answer:
        assert (answer.status, await answer.read()) == (200, END)
    [event] = await house.events()
    assert (event.status, event.failure) == (200, None)
