"""Streams of a provider that cuts, stalls, resets, dawdles and splits its pieces anywhere; clients come and go.

Whatever happens: a client gets the whole stream, or a connection that breaks, never a clean end of half a stream; each
request is one event that says how it went; no connection and no task is left over.

``AUTHDECK_PROOF_SECONDS`` says how long it goes on; without it a sample. ``AUTHDECK_PROOF_SEED`` draws others.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import aiohttp
import pytest

from authdeck.event import RequestEvent
from gateway.conftest import House, Raw

SECONDS: Final = float(os.environ.get("AUTHDECK_PROOF_SECONDS", "0"))
SEED: Final = os.environ.get("AUTHDECK_PROOF_SEED", "chaos")
CLIENTS: Final = 24
SAMPLE: Final = 3
"""Streams of each client without a proof."""

END: Final = b"data: [DONE]\n\n"
CHAT: Final = {"model": "m", "messages": [], "stream": True}
STALLED: Final = {"AUTHDECK_GATEWAY__FIRST_BYTE_TIMEOUT": "3", "AUTHDECK_GATEWAY__IDLE_TIMEOUT": "3"}
"""Seconds until a stall is one: longer than a busy machine keeps its loop waiting."""


class Fate(StrEnum):
    """What becomes of a stream, at some byte on its way."""

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"
    STALL = "stall"
    LEFT = "left"  # the client leaves


class Framing(StrEnum):
    CHUNKED = "chunked"
    COUNTED = "counted"
    CLOSED = "closed"


@dataclass
class Plan:
    """One stream. ``at`` is the byte of the wire, its head included, where its fate meets it."""

    body: bytes
    framing: Framing
    fate: Fate
    wire: bytes
    at: int
    writes: list[bytes]

    @property
    def has_begun(self) -> bool:
        """Whether its head was sent."""
        return self.wire.find(b"\r\n\r\n") + 4 <= self.at

    @property
    def has_ended(self) -> bool:
        """Whether the event that ends the stream was sent; of one that ends with its connection, its words."""
        needed = END.rstrip() if self.is_closed else END
        return self.wire.find(END) + len(needed) <= self.at

    @property
    def is_closed(self) -> bool:
        """Whether the connection's end is the stream's: then line ends behind the last words make no difference."""
        return self.framing is Framing.CLOSED and self.fate in (Fate.CUT, Fate.RESET)


def planned(chance: random.Random) -> Plan:
    events = (
        b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % _text(chance) for _ in range(chance.randrange(30))
    )
    body = b"".join(events) + END
    framing = chance.choice(list(Framing))
    wire = _framed(chance, framing, body)
    fate = chance.choices(list(Fate), (6, 3, 3, 1, 2))[0]
    at = len(wire) if fate in (Fate.WHOLE, Fate.LEFT) else _somewhere(chance, wire)
    return Plan(body, framing, fate, wire, at, _split(chance, wire[:at]))


def _somewhere(chance: random.Random, wire: bytes) -> int:
    """Anywhere before its end; often in its last bytes, where the answer is whole and its framing is not."""
    return len(wire) - chance.randrange(1, 8) if chance.random() < 0.3 else chance.randrange(len(wire))


def _text(chance: random.Random) -> bytes:
    return b"x" * chance.choice((1, 10, 100, 1000, 100_000) if chance.random() < 0.1 else (1, 10, 100))


def _framed(chance: random.Random, framing: Framing, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    if framing is Framing.COUNTED:
        return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)
    if framing is Framing.CLOSED:
        return head + b"\r\n" + body
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*_split(chance, body[: -len(END)]), END))
    return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def _split(chance: random.Random, data: bytes) -> list[bytes]:
    """The same bytes in pieces cut anywhere."""
    if not data:
        return []
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(chance.randrange(12)))})
    return [data[one:other] for one, other in pairwise(cuts)]


class Provider:
    """Answers each request by the plan that its header names."""

    def __init__(self, chance: random.Random) -> None:
        self.plans: list[Plan] = []
        self.over: Final = asyncio.Event()
        self._chance: Final = chance

    async def answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        plan = self.plans[int(head.lower().partition(b"x-plan: ")[2].split(b"\r\n")[0])]
        for piece in plan.writes:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(self._chance.choice((0, 0, 0.001, 0.02)))
        if plan.fate is Fate.STALL:
            await self.over.wait()
        if plan.fate is Fate.RESET:
            writer.transport.abort()
        if plan.fate in (Fate.CUT, Fate.RESET) or plan.framing is Framing.CLOSED:
            raise ConnectionError


@dataclass
class Got:
    """What a client got of a plan. ``is_clean``: its connection ended the answer as one ends that is whole."""

    plan: Plan
    request_id: str
    status: int
    body: bytes = b""
    is_clean: bool = False


async def _ask(house: House, plan: Plan, number: int, chance: random.Random) -> Got:
    """As a client that reads as it likes, and leaves where that is the plan."""
    leaves_at = chance.randrange(len(plan.body)) if plan.fate is Fate.LEFT else len(plan.body) + 1
    step = chance.choice((7, 1000, 1 << 20)) if len(plan.body) < 10_000 else 1 << 20
    async with house.post("/v1/chat/completions", CHAT, x_plan=str(number)) as answer:
        got = Got(plan, answer.headers["x-authdeck-request-id"], answer.status)
        try:
            while piece := await answer.content.read(step):
                got.body += piece
                if len(got.body) > leaves_at:
                    answer.close()
                    return got
            got.is_clean = True
        except aiohttp.ClientError:
            pass
    return got


async def _client(house: House, provider: Provider, chance: random.Random, ends: float) -> list[Got]:
    found: list[Got] = []
    while len(found) < SAMPLE or time.monotonic() < ends:
        plan = planned(chance)
        provider.plans.append(plan)
        found.append(await _ask(house, plan, len(provider.plans) - 1, chance))
    return found


def _as_ended(body: bytes, plan: Plan) -> bytes:
    return body.rstrip() if plan.is_closed else body


def _judge(got: Got, event: RequestEvent) -> None:
    plan = got.plan
    told = f"{plan.fate} of a {plan.framing} stream at byte {plan.at} of {len(plan.wire)}: {got.status}, {event}"
    if got.status != 200:
        assert not plan.has_begun or plan.fate is Fate.RESET, told  # what was sent before a reset may be lost
        assert (got.status, event.status) in ((502, 502), (504, 504)), told
        assert event.failure is not None, told
        return
    assert plan.body.startswith(got.body), told
    if plan.fate is Fate.LEFT:
        assert (event.status, event.failure and event.failure.code) in ((200, None), (499, "client_closed")), told
        return
    assert got.is_clean == (_as_ended(got.body, plan) == _as_ended(plan.body, plan)), told
    assert got.is_clean == plan.has_ended or plan.fate is Fate.RESET, told
    assert plan.has_ended or not got.is_clean, told
    assert (event.failure is None) == got.is_clean, told
    assert event.status == 200, told


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("environment", [STALLED])
async def test_a_client_gets_the_whole_stream_or_a_broken_connection(house: House, raw: Raw) -> None:
    chance = random.Random(SEED)
    provider = Provider(chance)
    await raw(provider.answer)
    before = asyncio.all_tasks()

    ends = time.monotonic() + SECONDS
    clients = [_client(house, provider, random.Random(f"{SEED} {number}"), ends) for number in range(CLIENTS)]
    found = [got for each in await asyncio.gather(*clients) for got in each]

    async with asyncio.timeout(30):
        while house.gateway.counts.in_flight or house.recorder.waiting or len(house.seen) < len(found):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    events = {event.id.hex(): event for event in house.seen}
    assert len(house.seen) == len(events) == len(found)
    assert (house.recorder.counts.stored, house.recorder.counts.dropped) == (len(found), 0)
    for got in found:
        _judge(got, events[got.request_id])
    assert await _left_over(house, before) == []
    happened = Counter(got.plan.fate.value for got in found)
    assert all(happened[fate] for fate in Fate), happened
    sys.stdout.write(f"{len(found)} streams: {dict(happened)}\n")
    provider.over.set()


async def _left_over(house: House, before: set[asyncio.Task[object]]) -> list[str]:
    """Connections that wait for an answer, and tasks of the gateway, once there was time to end them."""
    left: list[str] = []
    for _ in range(500):
        busy = [str(each) for each in house.connections._places if each.answer is not None]
        begun = [task for task in asyncio.all_tasks() - before if task.get_coro().__name__ != "serving"]
        left = busy + [str(task) for task in begun]
        if not left:
            break
        await asyncio.sleep(0.01)
    return left
