"""How long an inspection of many accounts takes, what it costs, and what the gateway feels meanwhile.

python bench/inspection.py [--accounts 10000] [--workers 16] [--pace 0.025] [--rounds 2]
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
    " every quota query at once; as many are under way as the run has workers, --pace apart. A run is asked for by the"
    " API and timed to its end, when every result, window and piece of evidence is committed. CPU is the server's,"
    " user and system, over the accounts. RSS is the server's, before the first run, at most, and after each. The"
    " gateway is asked for one short answer after the other, at rest and during the run."
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
    parser.add_argument("--pace", type=float, default=0.025, help="seconds between two queries")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    tell(f"Inspection of {options.accounts:,} accounts, {options.workers} workers", "5 min; flat memory", METHOD)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    provider = multiprocessing.get_context("fork").Process(target=provide, args=(listening,), daemon=True)
    provider.start()
    more = {
        "AUTHDECK_PROVIDERS__CODEX__API_URL": url,
        "AUTHDECK_QUOTA__AT_ONCE": str(options.workers),
        "AUTHDECK_QUOTA__PACE": str(options.pace),
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, options.accounts)
        with serving(home, more) as server:
            measure(server.client, server.process, url, options)
    provider.terminate()


def measure(client: Client, process: int, url: str, options: argparse.Namespace) -> None:
    key = open_gateway(client, url)
    rest = [asked(client, key) for _ in range(300)]
    print(f"  gateway at rest: {told(rest)}; RSS before {resident(process):.0f} MB")
    for number in range(options.rounds):
        cpu, began = used(process), time.perf_counter()
        body = {"provider": "codex", "policy": {"workers": options.workers}}
        run = post(client, "/api/v1/inspections", body)["id"]
        during, most = [], 0.0
        while (found := client.get(f"/api/v1/inspections/{run}").json())["status"] in ("queued", "running"):
            during += [asked(client, key) for _ in range(20)]
            most = max(most, resident(process))
        seconds, spent = time.perf_counter() - began, used(process) - cpu
        print(
            f"  run {number + 1}: {found['status']}, {found['done']:,} accounts in {seconds:.1f} s"
            f" ({found['done'] / seconds:.0f}/s); CPU {spent / options.accounts * 1000:.2f} ms an account,"
            f" {len(during):,} gateway requests included; RSS at most {most:.0f} MB, after {resident(process):.0f} MB"
        )
        print(f"    gateway meanwhile: {told(during)}; ratio of medians {ratio(during, rest):.2f}")


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
    ordered = sorted(values)
    return f"median {statistics.median(ordered):.2f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms"


def ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(some) / statistics.median(others)


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
