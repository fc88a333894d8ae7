"""What the gateway costs on one core: CPU for each request and event, added latency, promptness, memory.

    python bench/gateway.py [--seconds 4] [--only json steady streams open busy litellm]

Processes: an upstream that answers at once (raw asyncio), ``authdeck serve`` with everything on (real databases, sealed
auth files, client key, monitoring event durable before each answer ends), nginx's proxy_pass where it is installed
(scripts/install-peers), and a load generator with kept-alive connections. Gateway and nginx have the first core in
turn, upstream and load share the last. CPU is user and system time of the whole process over what it served in the
same run; ratios are to nginx, or to the same load sent straight to the upstream. Requests are 2 KB, answers 2 KB; a
paced stream brings one event of 200 bytes every 20 ms.
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import httpx2
import uvloop

from parts import deck, litellm, nginx, upstream
from parts.load import Delays, Target, at, close, connected, flat_out, paced, steady, written
from parts.machine import cores, cpu_of, memory_mb
from parts.upstream import EVENTS, PACE

SETTLING: Final = 0.3
ROUNDS: Final = 5
AGAIN: Final = 3
"""Streams of a client, one after the other."""
BUSY_RATE: Final = 500
"""Requests a second beside a batch."""


@dataclass(frozen=True)
class Bench:
    direct: Target
    gateway: Target
    nginx: Target | None
    seconds: float
    litellm: Target | None = None

    @property
    def proxies(self) -> list[Target]:
        return [target for target in (self.nginx, self.gateway) if target is not None]


async def json_flat_out(bench: Bench) -> None:
    """Every connection always busy, gateway and nginx in turns. Goal: >= 3,000 requests/s, CPU <= 12 times nginx's."""
    plain, _ = await flat_out(bench.direct, 32, bench.seconds / 2)
    spent = {target.name: 0.0 for target in bench.proxies}
    took: dict[str, list[float]] = {target.name: [] for target in bench.proxies}
    for target in bench.proxies:
        await flat_out(target, 32, 1)
    for _ in range(ROUNDS):  # the machine's speed changes within seconds, and both are to meet the same
        for target in bench.proxies:
            with cpu_of(target.pid) as used:
                took[target.name] += (await flat_out(target, 32, bench.seconds / ROUNDS))[1]
            spent[target.name] += used.seconds
    cost = {name: spent[name] / len(took[name]) * 1e6 for name in spent}
    for target in bench.proxies:
        rate, all_of = len(took[target.name]) / bench.seconds, took[target.name]
        print(
            f"  {target.name:8} {rate:9,.0f} requests/s ({plain / rate:.1f} times less than direct),"
            f" p50 {at(all_of, 0.5):.2f} ms, p99 {at(all_of, 0.99):.2f} ms,"
            f" {cost[target.name]:.0f} us CPU a request{ratio(cost, target)}"
        )


async def steadily(bench: Bench) -> None:
    """An even rate far below what can be done. Goals: p50 added <= 1.5 ms at 200/s; <= 1 ms, p99 <= 10 ms at 500/s."""
    for rate in (200, 500):
        plain = await steady(bench.direct, rate, bench.seconds)
        for target in bench.proxies:
            with cpu_of(target.pid) as used:
                took = await steady(target, rate, bench.seconds)
            added = (statistics.median(took) - statistics.median(plain)) * 1000
            print(
                f"  {target.name:8} {rate}/s: p50 added {added:.2f} ms, p99 {at(took, 0.99):.2f} ms"
                f" (direct p50 {at(plain, 0.5):.2f}, p99 {at(plain, 0.99):.2f}),"
                f" {used.seconds / len(took) * 1e6:.0f} us CPU a request"
            )


async def streams(bench: Bench) -> None:
    """Events of open streams. Goals at 128: CPU <= 3 times nginx's; p50 <= 0.5, p99 <= 5 ms; last one 2 and 15 ms.

    Begun all at once, they end all at once too; begun one after the other, as by many people, they end so.
    """
    for count in (1, 64, 128):
        await open_together(bench, f"{count} streams at once", partial(paced, streams=count), ROUNDS, count)
    evenly = partial(paced, streams=128, over=PACE * EVENTS, times=AGAIN)
    await open_together(bench, "128 streams evenly", evenly, 2, 128 * AGAIN)


async def open_together(
    bench: Bench, name: str, ask: Callable[[Target], Coroutine[Any, Any, Delays]], rounds: int, streams: int
) -> None:
    print(f"  {'direct':8} {name}: {told(await ask(bench.direct))}")
    found = {target.name: Delays() for target in bench.proxies}
    spent = {target.name: 0.0 for target in bench.proxies}
    for _ in range(rounds):  # how many end at the very same time differs from one to the next
        for target in bench.proxies:
            with cpu_of(target.pid) as used:
                found[target.name] += await ask(target)
            spent[target.name] += used.seconds
    cost = {each: spent[each] / (rounds * streams * EVENTS) * 1e6 for each in spent}
    for target in bench.proxies:
        print(
            f"  {target.name:8} {name}: {told(found[target.name])},"
            f" {cost[target.name]:.0f} us CPU an event{ratio(cost, target)}"
        )


async def many_open(bench: Bench) -> None:
    """Goal: the process holds <= 150 MB with 1,000 streams open."""
    pid = bench.gateway.pid
    assert pid is not None
    before = memory_mb(pid)
    clients, request = await connected(bench.gateway.port, 1000), written(bench.gateway.key, stream=True)
    answers = [client.ask(request) for client in clients]
    while not all(client.delays for client in clients):  # noqa: ASYNC110 - looked at rarely, so as not to disturb
        await asyncio.sleep(0.05)
    print(f"  gateway  1,000 open streams: {memory_mb(pid):.0f} MB (before: {before:.0f} MB)")
    await asyncio.gather(*answers)
    close(clients)


async def beside_litellm(bench: Bench) -> None:
    """LiteLLM's proxy with one connection, where it is installed: it does more with a request."""
    if bench.litellm is None:
        print("  not installed: scripts/install-peers")
        return
    cost: dict[str, float] = {}
    for target in (*bench.proxies, bench.litellm):
        await flat_out(target, 1, 1)
        with cpu_of(target.pid) as used:
            rate, took = await flat_out(target, 1, bench.seconds)
        cost[target.name] = used.seconds / len(took) * 1e6
        print(
            f"  {target.name:8} {rate:9,.0f} requests/s, p50 {at(took, 0.5):.2f} ms,"
            f" {cost[target.name]:.0f} us CPU a request{ratio(cost, target)}"
        )


async def while_busy(bench: Bench) -> None:
    """An even rate while 10,000 auth files are imported, then changed by one batch, and list pages are read."""
    alone: dict[str, list[float]] = {}
    for target in (bench.direct, bench.gateway):
        alone[target.name] = await steady(target, BUSY_RATE, bench.seconds)
        print(f"  {target.name:8} {BUSY_RATE}/s: {spread(alone[target.name])}")
    _, last = cores()
    url = f"http://127.0.0.1:{bench.direct.port}"
    pages = asyncio.get_running_loop().create_task(read_pages(bench))
    for name, work in (
        ("import", partial(deck.take_in, bench.gateway.port, url, last)),
        ("batch", partial(deck.change, bench.gateway.port, last)),
    ):
        took, seconds = await meanwhile(bench, work)
        added = (statistics.median(took) - statistics.median(alone["gateway"])) * 1000
        print(
            f"  gateway  {BUSY_RATE}/s beside the {name} ({seconds} s): {spread(took)};"
            f" p50 {added:.2f} ms more than alone"
        )
    pages.cancel()


async def meanwhile(bench: Bench, work: Callable[[], None]) -> tuple[list[float], int]:
    """Latencies at an even rate while ``work`` is done in a process of its own, and for how many seconds."""
    working = multiprocessing.get_context("spawn").Process(target=work)
    working.start()
    took, seconds = [], 0
    while working.is_alive():
        took += await steady(bench.gateway, BUSY_RATE, 1)
        seconds += 1
    assert working.exitcode == 0
    return took, seconds


async def read_pages(bench: Bench) -> None:
    address = f"http://127.0.0.1:{bench.gateway.port}"
    async with httpx2.AsyncClient(base_url=address, headers=deck.admin(), trust_env=False) as client:
        while True:
            (await client.get("/api/v1/accounts", params={"page_size": 50})).raise_for_status()


PARTS: Final[dict[str, Callable[[Bench], Coroutine[Any, Any, None]]]] = {
    "json": json_flat_out,
    "steady": steadily,
    "streams": streams,
    "open": many_open,
    "busy": while_busy,
    "litellm": beside_litellm,
}


def ratio(cost: dict[str, float], target: Target) -> str:
    if target.name == "nginx" or not cost.get("nginx"):
        return ""
    return f" ({cost[target.name] / cost['nginx']:.1f} times nginx)"


def told(found: Delays) -> str:
    return f"event delay {spread(found.events)}; last piece {spread(found.last)}"


def spread(took: list[float]) -> str:
    return f"p50 {at(took, 0.5):.2f} ms, p99 {at(took, 0.99):.2f} ms, max {at(took, 1):.2f} ms"


async def measure(bench: Bench, wanted: list[str]) -> None:
    for name in wanted:
        print(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}")
        await asyncio.sleep(SETTLING)
        await PARTS[name](bench)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    first, last = cores()
    print(__doc__.split("\n\n", 2)[2])
    print(f"Core {first} is measured, core {last} has upstream and load; load average {os.getloadavg()[0]:.1f}")
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port = listening.getsockname()[1]
    provider = multiprocessing.get_context("fork").Process(target=upstream.serve, args=(listening, last), daemon=True)
    provider.start()
    try:
        with deck.serving(f"http://127.0.0.1:{port}", first, last) as served, nginx.running(port, first) as peer:
            if peer is None:
                print("nginx is not installed: no ratios to it (scripts/install-peers fetches it on Debian)")
            beside = Target("nginx", peer[0], served.key, peer[1]) if peer else None
            through = Target("gateway", served.port, served.key, served.pid)
            bench = Bench(Target("direct", port, served.key), through, beside, options.seconds)
            uvloop.run(measure(bench, [name for name in options.only if name != "litellm"]))
            if "litellm" in options.only:
                with litellm.running(port, first, f"sk-{served.key}") as third:
                    other = Target("litellm", third[0], f"sk-{served.key}", third[1]) if third else None
                    uvloop.run(measure(replace(bench, litellm=other), ["litellm"]))
    finally:
        provider.terminate()


if __name__ == "__main__":
    main()
