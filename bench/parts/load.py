"""Kept-alive connections that ask, and what they saw."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import httptools

from parts.upstream import EVENTS

OK = 200
BODY = json.dumps({"model": "m-1", "stream": False, "messages": [{"role": "user", "content": "x" * 1950}]}).encode()


@dataclass(frozen=True)
class Target:
    """Where to ask, as whom, and whose CPU time counts (``None``: nobody's)."""

    name: str
    port: int
    key: str
    pid: int | None = None


class Client(asyncio.Protocol):
    """One kept-alive connection. ``ask`` resolves with the seconds that the whole answer took."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.delays: list[float] = []
        self.last_delays: list[float] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        now = time.monotonic()
        for line in body.split(b"\n"):
            if line.startswith(b'data: {"at"'):
                self.delays.append(now - float(line[12 : line.index(b",")]))
            elif line.startswith(b": "):
                self.last_delays.append(now - float(line[2:]))

    def on_message_complete(self) -> None:
        if (status := self.parser.get_status_code()) == OK:
            self.answered.set_result(time.monotonic() - self.began)
        else:
            self.answered.set_exception(AssertionError(f"answered {status}"))

    def ask(self, request: bytes) -> "asyncio.Future[float]":
        self.answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.began = time.monotonic()
        self.transport.write(request)
        return self.answered

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "answered") and not self.answered.done():
            self.answered.set_exception(exc or ConnectionError("closed"))


@dataclass
class Delays:
    """Seconds from an event's making to its arrival. The last piece waits for a commit, so it is told apart."""

    events: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)

    def __iadd__(self, other: "Delays") -> Self:
        self.events += other.events
        self.last += other.last
        return self


def written(key: str, *, stream: bool = False) -> bytes:
    body = BODY.replace(b'"stream": false', b'"stream": true') if stream else BODY
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nuser-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def connected(port: int, count: int) -> list[Client]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(count)]


async def flat_out(target: Target, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Requests a second with every connection always busy, and the latencies."""
    clients, request = await connected(target.port, connections), written(target.key)
    until = time.monotonic() + seconds
    took: list[float] = []

    async def busy(client: Client) -> None:
        while time.monotonic() < until:
            took.append(await client.ask(request))

    began = time.monotonic()
    await asyncio.gather(*(busy(client) for client in clients))
    rate = len(took) / (time.monotonic() - began)
    close(clients)
    return rate, took


async def steady(target: Target, rate: float, seconds: float) -> list[float]:
    """Latencies at an even rate, far below what can be done. A busy connection is never asked twice."""
    clients, request = await connected(target.port, 200), written(target.key)
    idle, took = list(clients), []
    waiting: set[asyncio.Future[float]] = set()

    def ended(client: Client, done: "asyncio.Future[float]") -> None:
        took.append(done.result())
        idle.append(client)
        waiting.discard(done)

    began = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        while not idle:  # noqa: ASYNC110 - rare: all connections are busy
            await asyncio.sleep(0.001)
        client = idle.pop()
        answer = client.ask(request)
        waiting.add(answer)
        answer.add_done_callback(partial(ended, client))
    if waiting:
        await asyncio.wait(waiting)
    close(clients)
    return took


async def paced(target: Target, streams: int, *, over: float = 0.0, times: int = 1) -> Delays:
    """How promptly the events of streams arrive that are all open at once.

    They begin within ``over`` seconds, evenly one after the other; when one has ended its client asks again, so that
    each has ``times`` of them.
    """
    clients, request = await connected(target.port, streams), written(target.key, stream=True)

    async def asking(number: int, client: Client) -> None:
        await asyncio.sleep(over * number / streams)
        for _ in range(times):
            await client.ask(request)

    await asyncio.gather(*(asking(number, client) for number, client in enumerate(clients)))
    found = Delays([d for client in clients for d in client.delays], [d for c in clients for d in c.last_delays])
    assert (len(found.events), len(found.last)) == (streams * times * EVENTS, streams * times)
    close(clients)
    return found


def close(clients: list[Client]) -> None:
    for client in clients:
        client.transport.close()


def at(values: list[float], part: float) -> float:
    """Milliseconds that ``part`` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000
