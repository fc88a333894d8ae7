"""Compressed answers pass as they came, while a copy is read; compressed requests within limits."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import brotli
import pytest
import zstandard

from authdeck.event import Tokens
from gateway.conftest import Answer, House, Raw

CHAT = {"model": "m", "messages": [], "stream": True}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 3}}
WHOLE = json.dumps({"id": "c1", "choices": [{"message": {"content": "hello"}}], "usage": USAGE}).encode()
STREAM = (
    b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n'
    b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n"
    b"data: [DONE]\n\n"
)
KNOWN = (11, 7, 3)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
READ = {"gzip": KNOWN, "deflate": KNOWN, "br": KNOWN, "zstd": (None, None, None)}


@dataclass
class Provider:
    """Answers with these bytes, split into pieces of that size; ``asked`` are the heads of requests."""

    body: bytes
    coding: str
    kind: str = "application/json"
    status: int = 200
    size: int = 1 << 20
    asked: list[bytes] = field(default_factory=list)

    async def answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.asked.append(head.lower())
        writer.write(
            f"HTTP/1.1 {self.status} X\r\ncontent-type: {self.kind}\r\ncontent-encoding: {self.coding}\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        for at in range(0, len(self.body), self.size):
            piece = self.body[at : at + self.size]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")


def streamed(coding: str, body: bytes = STREAM, size: int = 5) -> Provider:
    return Provider(PACKED[coding](body), coding, "text/event-stream", size=size)


async def passed(house: House, raw: Raw, provider: Provider, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    """The answer, and its bytes as they came."""
    answer: Answer = provider.answer
    await raw(answer)
    async with house.post("/v1/chat/completions", CHAT, **headers) as found:
        return found, await found.read()


def counted(tokens: Tokens) -> tuple[int | None, int | None, int | None]:
    return tokens.input, tokens.output, tokens.cached


@pytest.mark.parametrize("coding", PACKED)
async def test_a_whole_answer_passes_untouched_and_is_counted(house: House, raw: Raw, coding: str) -> None:
    provider = Provider(PACKED[coding](WHOLE), coding, size=7)
    answer, body = await passed(house, raw, provider)
    assert (answer.status, body) == (200, provider.body)
    assert answer.headers["content-encoding"] == coding
    [event] = await house.events()
    assert (counted(event.tokens), event.failure) == (READ[coding], None)


@pytest.mark.parametrize("coding", PACKED)
async def test_a_stream_passes_untouched_and_is_counted(house: House, raw: Raw, coding: str) -> None:
    provider = streamed(coding)
    answer, body = await passed(house, raw, provider)
    assert (answer.status, body) == (200, provider.body)
    assert answer.headers["content-encoding"] == coding
    [event] = await house.events()
    assert (counted(event.tokens), event.failure, event.streamed) == (READ[coding], None, True)


@pytest.mark.parametrize("coding", PACKED)
async def test_an_error_inside_a_stream_is_seen(house: House, raw: Raw, coding: str) -> None:
    error = b'data: {"error":{"message":"no more","code":"server_overloaded"}}\n\ndata: [DONE]\n\n'
    provider = streamed(coding, error)  # packed once: gzip writes down when that was
    _, body = await passed(house, raw, provider)
    assert body == provider.body
    [event] = await house.events()
    assert (event.failure and event.failure.code) == (None if coding == "zstd" else "server_overloaded")


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_refusal_passes_untouched_and_is_understood(house: House, coding: str) -> None:
    """What a 429 means stands in its body: a limit that is reached is told from too many requests at once."""
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    error = {"error": {"type": "usage_limit_reached", "message": "used up", "resets_in_seconds": 60}}
    packed = PACKED[coding](json.dumps(error).encode())
    said = {"content-encoding": coding, "content-type": "application/json"}
    house.simulator.fail(status=429, body=packed, headers=said)
    async with house.post("/v1/responses", {"model": "gpt-5.5", "input": "hello"}) as answer:
        assert (answer.status, await answer.read()) == (429, packed)
        assert answer.headers["content-encoding"] == coding
    [event] = await house.events()
    assert event.failure is not None
    assert event.failure.code == "usage_limit_reached"


@pytest.mark.parametrize("streams", [False, True])
async def test_what_is_not_of_its_coding_passes_and_nothing_is_known(house: House, raw: Raw, streams: bool) -> None:
    kind = "text/event-stream" if streams else "application/json"
    _, body = await passed(house, raw, Provider(STREAM if streams else WHOLE, "gzip", kind, size=9))
    assert body == (STREAM if streams else WHOLE)
    [event] = await house.events()
    assert (counted(event.tokens), event.failure, event.status) == ((None, None, None), None, 200)


async def test_what_grows_beyond_all_bounds_passes_and_nothing_is_known(house: House, raw: Raw) -> None:
    """Only a bounded copy is read; tokens that stand behind the bound are not."""
    large = b"data: " + b"x" * (66 * 1024 * 1024) + b"\n\n" + STREAM
    provider = streamed("gzip", large, size=4096)
    _, body = await passed(house, raw, provider)
    assert body == provider.body
    [event] = await house.events()
    assert (counted(event.tokens), event.failure) == ((None, None, None), None)


@pytest.mark.parametrize(("asked", "sent"), [("gzip, br;q=0.9, zstd", b"gzip, br;q=0.9"), ("zstd", None)])
async def test_only_what_can_be_read_is_asked_for(house: House, raw: Raw, asked: str, sent: bytes | None) -> None:
    provider = Provider(gzip.compress(WHOLE), "gzip")
    await passed(house, raw, provider, accept_encoding=asked)
    [head] = provider.asked
    lines = [line for line in head.split(b"\r\n") if line.startswith(b"accept-encoding:")]
    assert lines == ([b"accept-encoding: " + sent] if sent else [])


# ---- requests ----

PLAIN = {"model": "gpt-5.5", "input": "hello", "stream": True}


async def refused(house: House, body: bytes, coding: str) -> tuple[int, str]:
    async with house.post("/v1/responses", body, content_encoding=coding, content_type="application/json") as answer:
        return answer.status, (await answer.json())["error"]["code"]


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "gzip, gzip"])
async def test_unknown_codings_and_several_are_refused(house: House, coding: str) -> None:
    assert await refused(house, b"anything", coding) == (415, "body_encoding_unknown")
    assert house.simulator.seen("/responses") == []


async def test_what_cant_be_opened_is_refused(house: House) -> None:
    assert await refused(house, b"\xff plain text", "br") == (400, "body_undecodable")


@pytest.mark.parametrize("environment", [{"AUTHDECK_GATEWAY__BODY_LIMIT": "200000"}])
@pytest.mark.parametrize("coding", ["", "gzip", "br", "zstd"])
async def test_bodies_are_bounded_by_what_they_hold(house: House, coding: str) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    pack = PACKED.get(coding, bytes)
    head = json.dumps(PLAIN).encode()
    fits = head + b" " * (200_000 - len(head))
    async with house.post("/v1/responses", pack(fits), content_encoding=coding) as answer:
        assert answer.status == 200
        await answer.read()
    assert await refused(house, pack(fits + b" "), coding) == (413, "body_too_large")
    assert len(house.simulator.seen("/responses")) == 1


@pytest.mark.parametrize("environment", [{"AUTHDECK_GATEWAY__BODY_LIMIT": "1000"}])
async def test_a_body_of_unknown_length_is_bounded(house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield b" " * 65_536

    sent = {"authorization": f"Bearer {house.key}"}
    async with house.client.post(f"{house.url}/v1/responses", data=pieces(), headers=sent) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("environment", [{"AUTHDECK_GATEWAY__RATIO_LIMIT": "2"}])
async def test_how_far_a_body_may_grow_is_a_setting(house: House) -> None:
    packed = brotli.compress(json.dumps({**PLAIN, "input": "x" * 300_000}).encode())
    assert await refused(house, packed, "br") == (413, "body_too_large")
