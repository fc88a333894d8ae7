"""How long an inspection of many accounts takes, what it costs, and what the gateway feels meanwhile.

python bench/inspection.py [--accounts 10000] [--workers 16] [--at-once N] [--pace SECONDS] [--rounds 2]
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

import httptools
from httpx2 import Client

from shared import fill, serving, tell

METHOD = (
    "`authdeck serve` in a process of its own (SQLite), made-up Codex accounts, and a provider on loopback that answers"
    " every quota query at once. How many questions are under way, and how far apart, is as usual unless --at-once and"
    " --pace say so. A run is asked for by the API and timed to its end, when every result, window and piece of"
    " evidence is committed. CPU is the server's, user and system, over the accounts, without what as many gateway"
    " requests cost at rest. RSS is the server's, before the first run, at most, and after each. The gateway is asked"
    " for one short answer after the other, at rest before and after each run, and during it."
)
USAGE = json.dumps(
    {
        "plan_type": "plus",
        "rate_limit": {
            "allowed": True,
            "limit_reached": False,
            "primary_window": {"used_percent": 12, "limit_window_seconds": 18_000, "reset_after_seconds": 9_000},
            "secondary_window": {"used_percent": 34, "limit_window_seconds": 604_800, "reset_after_seconds": 400_000},
        },
    }
).encode()
CHAT = json.dumps({"id": "1", "choices": [{"message": {"content": "ok"}}]}).encode()
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--at-once", type=int, help="queries under way; default: the setting's")
    parser.add_argument("--pace", type=float, help="seconds between two queries; default: the setting's")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    tell(f"Inspection of {options.accounts:,} accounts, {options.workers} workers", "5 min; flat memory", METHOD)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    provider = multiprocessing.get_context("fork").Process(target=provide, args=(listening,), daemon=True)
    provider.start()
    given = {"AUTHDECK_QUOTA__AT_ONCE": options.at_once, "AUTHDECK_QUOTA__PACE": options.pace}
    more = {name: str(value) for name, value in given.items() if value is not None}
    more["AUTHDECK_PROVIDERS__CODEX__API_URL"] = url
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, options.accounts)
        with serving(home, more) as server:
            measure(server.client, server.process, url, options)
    provider.terminate()


def measure(client: Client, process: int, url: str, options: argparse.Namespace) -> None:
    key = open_gateway(client, url)
    for _ in range(50):
        asked(client, key)
    print(f"  RSS before {resident(process):.0f} MB")
    for number in range(options.rounds):
        rest, each = at_rest(client, process, key)
        cpu, began = used(process), time.perf_counter()
        body = {"provider": "codex", "policy": {"workers": options.workers}}
        run = post(client, "/api/v1/inspections", body)["id"]
        during, most = [], 0.0
        while (found := client.get(f"/api/v1/inspections/{run}").json())["status"] in ("queued", "running"):
            during += [asked(client, key) for _ in range(20)]
            most = max(most, resident(process))
        seconds, spent = time.perf_counter() - began, used(process) - cpu - len(during) * each
        rest += at_rest(client, process, key)[0]
        print(
            f"  run {number + 1}: {found['status']}, {found['done']:,} accounts in {seconds:.1f} s"
            f" ({found['done'] / seconds:.0f}/s); CPU {spent / options.accounts * 1000:.2f} ms an account;"
            f" RSS at most {most:.0f} MB, after {resident(process):.0f} MB\n"
            f"    gateway at rest: {told(rest)}, CPU {each * 1000:.2f} ms a request\n"
            f"    gateway meanwhile: {told(during)}, {len(during):,} requests; ratios {ratios(during, rest)}"
        )


def at_rest(client: Client, process: int, key: str, times: int = 1_000) -> tuple[list[float], float]:
    """Milliseconds of each of so many answers of the gateway, and the CPU seconds of one."""
    cpu = used(process)
    taken = [asked(client, key) for _ in range(times)]
    return taken, (used(process) - cpu) / times


def open_gateway(client: Client, url: str) -> str:
    """One more account that serves, and a client key."""
    post(client, "/api/v1/upstreams", {"url": url, "private": True})
    document = {"type": "openai_compatible", "base_url": f"{url}/v1", "api_key": "sk_FAKE", "models": ["m-1"]}
    post(client, "/api/v1/imports", {"file_name": "serves.json", "document": document})
    return str(post(client, "/api/v1/client-keys", {"name": "bench"})["key"])


def post(client: Client, path: str, body: object) -> dict[str, object]:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def asked(client: Client, key: str) -> float:
    """Milliseconds of one answer through the gateway."""
    began = time.perf_counter()
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}]}
    client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}).raise_for_status()
    return (time.perf_counter() - began) * 1000


def told(values: list[float]) -> str:
    return f"median {statistics.median(values):.2f} ms, p99 {p99(values):.2f} ms"


def ratios(some: list[float], others: list[float]) -> str:
    return f"{statistics.median(some) / statistics.median(others):.2f} (median), {p99(some) / p99(others):.2f} (p99)"


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def used(process: int) -> float:
    """CPU seconds, user and system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(process: int) -> float:
    """MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Provider(asyncio.Protocol):
    """Answers at once: usage to quota queries, a short completion to everything else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.answer = CHAT

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.answer = USAGE if url.endswith(b"/wham/usage") else CHAT

    def on_message_complete(self) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(self.answer)}\r\n\r\n"
        self.transport.write(head.encode() + self.answer)


def provide(listening: socket.socket) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Provider, sock=listening)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
