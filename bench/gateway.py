"""What the gateway costs on one core: requests a second, added latency, and how promptly stream events leave.

    python bench/gateway.py

Three processes: an upstream that answers at once (raw asyncio), the gateway with everything on (real databases, sealed
auth files, client key, monitoring event durable before each answer ends), and a load generator with kept-alive
connections. The gateway is pinned to the first core, the others share the last one. Ratios are to the same load sent
straight to the upstream in the same run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import httptools
import uvicorn
import uvloop

from authdeck import server, settings
from authdeck.access import AUTOMATION
from authdeck.clock import SystemClock
from authdeck.operations import client_keys, upstreams
from authdeck.operations.import_files import Source, import_files

BODY = json.dumps({"model": "m-1", "stream": False, "messages": [{"role": "user", "content": "x" * 1950}]}).encode()
USAGE = {"prompt_tokens": 500, "completion_tokens": 200}
ANSWER = json.dumps({"id": "1", "choices": [{"message": {"content": "y" * 1800}}], "usage": USAGE}).encode()
EVENTS = 100
PACE = 0.02


def pinned(core: int) -> None:
    os.sched_setaffinity(0, {core})


# ---- the upstream ----


class Upstream(asyncio.Protocol):
    """Answers each request at once; a request for ``/stream`` gets one event every ``PACE`` seconds with its time."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.streamed = False

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.streamed = False

    def on_body(self, body: bytes) -> None:
        self.streamed = self.streamed or b'"stream":true' in body.replace(b" ", b"")

    def on_message_complete(self) -> None:
        if self.streamed:
            self.task = asyncio.get_running_loop().create_task(self.stream())
            return
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
        self.transport.write(head.encode() + ANSWER)

    async def stream(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.transport.write(head)
        for _ in range(EVENTS):
            await asyncio.sleep(PACE)
            self.chunk(f'data: {{"at": {time.monotonic()}, "choices": []}}\n\n'.encode())
        self.chunk(b"data: [DONE]\n\n")
        self.transport.write(b"0\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.transport.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def upstream(listening: socket.socket, core: int) -> None:
    pinned(core)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Upstream, sock=listening)
        await server.serve_forever()

    uvloop.run(main())


# ---- the gateway ----


def gateway(listening: socket.socket, upstream_url: str, key: Any, core: int) -> None:
    """The whole server as ``authdeck serve`` wires it, with ten accounts."""
    pinned(core)
    sys.setswitchinterval(server.SWITCH_INTERVAL)
    home = Path(tempfile.mkdtemp(prefix="bench-"))

    async def main() -> None:
        built = await server.build(settings.load(environment={}, home=home), SystemClock())
        await built.start()
        desk = built.desk
        await upstreams.approve(desk, upstream_url, AUTOMATION, private=True)
        document = {"type": "openai_compatible", "base_url": f"{upstream_url}/v1"}
        documents = [json.dumps({**document, "api_key": f"sk_FAKE_{n}"}).encode() for n in range(10)]
        files = [Source(f"bench-{n}.json", content) for n, content in enumerate(documents)]
        report = await import_files(desk, files, AUTOMATION)
        assert all(row.auth_index for row in report.items), report
        made = await client_keys.create(desk, "bench", AUTOMATION)
        key.send(made.key.open())
        server.calm_collector()
        config = uvicorn.Config(
            built.app, log_level="error", access_log=False, lifespan="off",
            server_header=False, proxy_headers=False, ws="none",
        )  # fmt: skip
        await uvicorn.Server(config).serve(sockets=[listening])

    uvloop.run(main())


# ---- the load ----


class Client(asyncio.Protocol):
    """One kept-alive connection. ``ask`` resolves with the seconds that the whole answer took."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.delays: list[float] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        now = time.monotonic()
        for line in body.split(b"\n"):
            if line.startswith(b'data: {"at"'):
                self.delays.append(now - json.loads(line[6:])["at"])

    def on_message_complete(self) -> None:
        assert self.parser.get_status_code() == 200, self.parser.get_status_code()
        self.answered.set_result(time.monotonic() - self.began)

    def ask(self, request: bytes) -> "asyncio.Future[float]":
        self.answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.began = time.monotonic()
        self.transport.write(request)
        return self.answered

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "answered") and not self.answered.done():
            self.answered.set_exception(exc or ConnectionError("closed"))


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


async def flat_out(port: int, key: str, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Requests a second with every connection always busy, and the latencies."""
    clients, request = await connected(port, connections), written(key)
    until = time.monotonic() + seconds
    took: list[float] = []

    async def busy(client: Client) -> None:
        while time.monotonic() < until:
            took.append(await client.ask(request))

    began = time.monotonic()
    await asyncio.gather(*(busy(client) for client in clients))
    rate = len(took) / (time.monotonic() - began)
    for client in clients:
        client.transport.close()
    return rate, took


async def steady(port: int, key: str, rate: float, seconds: float) -> list[float]:
    """Latencies at an even rate, far below what can be done. A busy connection is never asked twice."""
    clients, request = await connected(port, 400), written(key)
    idle, took = list(clients), []
    waiting: set[asyncio.Future[float]] = set()

    def ended(client: Client, done: "asyncio.Future[float]") -> None:
        took.append(done.result())
        idle.append(client)

    began = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        client = idle.pop()
        answer = client.ask(request)
        answer.add_done_callback(partial(ended, client))
        waiting.add(answer)
    await asyncio.wait(waiting)
    for client in clients:
        client.transport.close()
    return took


async def paced(port: int, key: str, streams: int) -> list[float]:
    """How long after its making each event of paced streams arrived."""
    clients, request = await connected(port, streams), written(key, stream=True)
    await asyncio.gather(*(client.ask(request) for client in clients))
    delays = [delay for client in clients for delay in client.delays]
    assert len(delays) == streams * EVENTS
    for client in clients:
        client.transport.close()
    return delays


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000


async def measure(direct: int, through: int, key: str, seconds: float, cpu: Any) -> None:
    for port in (direct, through):
        await flat_out(port, key, 32, 1)
    plain, _ = await flat_out(direct, key, 32, seconds)
    used = cpu()
    rate, took = await flat_out(through, key, 32, seconds)
    used = cpu() - used
    print(f"32 connections, 2 KB JSON: {rate:,.0f} requests/s (direct {plain:,.0f}: {plain / rate:.1f} times)")
    print(f"  p50 {share(took, 0.5):.2f} ms, p99 {share(took, 0.99):.2f} ms, {used / len(took) * 1e6:.0f} us CPU each")
    base, slow = await steady(direct, key, 200, seconds), await steady(through, key, 200, seconds)
    plain, through_it = statistics.median(base), statistics.median(slow)
    print(
        f"200 requests/s: p50 added {(through_it - plain) * 1000:.2f} ms ({through_it / plain:.1f} times direct), "
        f"p99 {share(slow, 0.99):.2f} ms (direct {share(base, 0.99):.2f})"
    )
    for streams in (1, 64):
        base, slow = await paced(direct, key, streams), await paced(through, key, streams)
        print(
            f"{streams} paced streams: event delay p50 {share(slow, 0.5):.2f} ms, p99 {share(slow, 0.99):.2f} ms, "
            f"max {max(slow) * 1000:.2f} ms (direct p50 {share(base, 0.5):.2f}, max {max(base) * 1000:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    spawning = multiprocessing.get_context("fork")
    cores = sorted(os.sched_getaffinity(0))
    first, last = cores[0], cores[-1]
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    receiving, sending = spawning.Pipe(duplex=False)
    processes = [
        spawning.Process(target=upstream, args=(sockets[0], last), daemon=True),
        spawning.Process(
            target=gateway, args=(sockets[1], f"http://127.0.0.1:{ports[0]}", sending, first), daemon=True
        ),
    ]
    for process in processes:
        process.start()
    assert receiving.poll(60), "the gateway did not start"
    key = receiving.recv()
    pinned(last)

    def cpu() -> float:
        fields = Path(f"/proc/{processes[1].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    print(f"gateway on core {first}, upstream and load on core {last}; load average {os.getloadavg()[0]:.1f}")
    try:
        uvloop.run(measure(ports[0], ports[1], key, arguments.seconds, cpu))
    finally:
        for process in processes:
            process.terminate()
    print(f"peak memory of the load generator {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
