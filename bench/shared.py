"""What the benchmarks share: made-up auth files, a server of its own on a home of its own, and how figures are told.

Only the outside contract is used: the command ``authdeck``, its settings, and HTTP.
"""

import base64
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from httpx2 import Client, TransportError

AUTHDECK = Path(sys.executable).with_name("authdeck")
ADMIN_KEY = "bench-FAKE-admin-key-0123456789"
Files = Callable[[int], Iterator[tuple[str, bytes]]]
"""So many auth files: name and content of each."""

START_LIMIT = 120
"""Seconds until a server that does not answer counts as broken."""


@dataclass(frozen=True)
class Server:
    """``started`` is the time from starting the process to the first good answer of ``/healthz``, in seconds."""

    client: Client
    started: float
    process: int = 0


@contextmanager
def serving(home: Path, more: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """A server on ``home``, told ``more`` by its environment, stopped afterwards. The client keeps its connection."""
    address = f"127.0.0.1:{_free_port()}"
    log = home.with_suffix(".log")
    with (
        log.open("a") as output,
        Client(base_url=f"http://{address}", headers=_admin(), timeout=120, trust_env=False) as client,
    ):
        began = time.perf_counter()
        told = environment(home, address) | dict(more)
        process = subprocess.Popen([AUTHDECK, "serve"], env=told, stdout=output, stderr=output)
        try:
            _wait(client, process, log)
            yield Server(client, time.perf_counter() - began, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def fill(home: Path, number: int, files: Files | None = None) -> None:
    """Import ``number`` made-up auth files into ``home`` by the command line. No server runs on it."""
    folder = home.with_name(f"{home.name}-files")
    write(folder, number, files)
    command = [AUTHDECK, "import", "--json", folder]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The import failed:\n{done.stderr[-2000:]}")


def write(folder: Path, number: int, files: Files | None = None) -> None:
    folder.mkdir(parents=True)
    for name, content in (files or auth_files)(number):
        (folder / name).write_bytes(content)


def auth_files(number: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of ``number`` auth files of as many made-up people; about 1 KB each."""
    plans = ("plus", "pro", "team", "free")
    for n in range(number):
        email, plan = f"person{n:05}@example.com", plans[n % len(plans)]
        organization, user = f"org-fake-{n:05}", f"user-fake-{n:05}"
        claims = {
            "email": email,
            "https://api.openai.com/auth": {
                "chatgpt_account_id": organization,
                "chatgpt_user_id": user,
                "chatgpt_plan_type": plan,
            },
        }
        document = {
            "type": "codex",
            "email": email,
            "account_id": organization,
            "id_token": jwt(claims),
            "access_token": f"at_FAKE_{n:05}_{'x' * 200}",
            "refresh_token": f"rt_FAKE_{n:05}",
            "last_refresh": "2026-11-22T10:00:00Z",
            "expired": "2099-12-01T10:00:00Z",
        }
        yield f"codex-{email}-{plan}.json", json.dumps(document).encode()


def timed(client: Client, path: str, times: int) -> list[float]:
    """Milliseconds that each of ``times`` calls of ``path`` took, one after the other, after ten that do not count."""
    taken = []
    for _ in range(times + 10):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return taken[10:]


def tell(what: str, goal: str, method: str) -> None:
    print(f"{what} (goal: {goal})")
    print(f"Method: {method}")
    print(f"Machine: {os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}\n")


def figures(name: str, values: Sequence[float], unit: str) -> str:
    """One line; ``values`` has at least one."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"  {name:44} median {statistics.median(ordered):9.2f} {unit}   p95 {p95:9.2f} {unit}   n={len(ordered)}"


def environment(home: Path, address: str = "127.0.0.1:0") -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AUTHDECK_")}
    return ours | {"AUTHDECK_HOME": str(home), "AUTHDECK_BIND": address, "AUTHDECK_ADMIN_KEY": ADMIN_KEY}


def _wait(client: Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.perf_counter() + START_LIMIT
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except TransportError:
            time.sleep(0.01)
    raise SystemExit(f"The server did not start:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _admin() -> dict[str, str]:
    return {"authorization": f"Bearer {ADMIN_KEY}"}


def jwt(claims: dict[str, object]) -> str:
    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256'})}.{part(claims)}.FAKE"
