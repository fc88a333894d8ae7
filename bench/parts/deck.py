"""The whole server as ``authdeck serve`` wires it, with ten accounts, in a process pinned to one core."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn
import uvloop

from authdeck import server, serving, settings, tasks
from authdeck.access import AUTOMATION
from authdeck.clock import SystemClock
from authdeck.operations import client_keys, upstreams
from authdeck.operations.desk import Desk
from authdeck.operations.import_files import Source, import_files
from parts.machine import pinned

ADMIN_KEY = "bench-FAKE-admin-key-0123456789"
BATCH = 10_000


def serve(listening: socket.socket, upstream_url: str, orders: Connection, core: int) -> None:
    """Sends the client key over ``orders``; then each message there imports ``BATCH`` auth files, and is answered."""
    pinned(core)
    sys.setswitchinterval(serving.SWITCH_INTERVAL)
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    migrate(home)

    async def main() -> None:
        loaded = settings.load(environment={"AUTHDECK_ADMIN_KEY": ADMIN_KEY}, home=home)
        built = await server.build(loaded, SystemClock())
        await built.start()
        await upstreams.approve(built.desk, upstream_url, AUTOMATION, private=True)
        await take_in(built.desk, upstream_url, 10, "bench")
        made = await client_keys.create(built.desk, "bench", AUTOMATION)
        orders.send(made.key.open())
        asyncio.get_running_loop().add_reader(orders.fileno(), ordered, built.desk, upstream_url, orders)
        await built.settled
        await built.console.ready()
        serving.calm_collector()
        config = uvicorn.Config(
            built.app, log_level="error", access_log=False, lifespan="off",
            server_header=False, proxy_headers=False, ws="none",
        )  # fmt: skip
        await uvicorn.Server(config).serve(sockets=[listening])

    uvloop.run(main())


def migrate(home: Path) -> None:
    """As at any start but the first: what makes the tables is not in the memory of the process that is measured."""
    command = [sys.executable, "-m", "authdeck", "migrate"]
    subprocess.run(command, env={**os.environ, "AUTHDECK_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)


def ordered(desk: Desk, upstream_url: str, orders: Connection) -> None:
    name = orders.recv()

    async def done() -> None:
        await take_in(desk, upstream_url, BATCH, name, priority=-1)
        orders.send(name)

    tasks.start(done(), name="batch")


async def take_in(desk: Desk, upstream_url: str, count: int, name: str, **fields: object) -> None:
    document = {"type": "openai_compatible", "base_url": f"{upstream_url}/v1", **fields}
    documents = [json.dumps({**document, "api_key": f"sk_FAKE_{name}_{n}"}).encode() for n in range(count)]
    files = [Source(f"{name}-{n}.json", content) for n, content in enumerate(documents)]
    report = await import_files(desk, files, AUTOMATION)
    assert all(row.auth_index for row in report.items), report
