"""``authdeck demo``: the whole thing at work in a minute, offline, on a home that is gone afterwards."""

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from authdeck.gate.local import RunningServer
    from authdeck.settings import Settings
    from authdeck.simulator import Simulator


def demo(
    bind: Annotated[str, typer.Option(help="Address and port.")] = "127.0.0.1:8417",
    pace: Annotated[float, typer.Option(min=0, help="Seconds between two pieces of a simulated answer.")] = 0.05,
) -> None:
    """Serve fictional accounts of a simulated provider: nothing leaves this machine, nothing is kept."""
    from authdeck import serving  # noqa: PLC0415 - everything; --help needs nothing of it
    from authdeck.settings import load  # noqa: PLC0415
    from authdeck.simulator import Simulator  # noqa: PLC0415
    from authdeck.simulator.demo import ONE_REQUEST  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="authdeck-demo-") as folder, Simulator(pace=pace).running() as simulator:
        _forget_real_settings()
        os.environ |= simulator.settings()
        settings = load(home=Path(folder), bind=bind)
        stopping = threading.Event()
        guide = threading.Thread(target=_show_around, args=(settings, simulator, stopping), daemon=True)
        guide.start()
        try:
            serving.run(settings, sample=ONE_REQUEST)
        finally:
            stopping.set()
            guide.join(10)


def _forget_real_settings() -> None:
    """The demo must not meet a real database, key or account."""
    for name in [name for name in os.environ if name.startswith("AUTHDECK_")]:
        del os.environ[name]


def _show_around(settings: "Settings", simulator: "Simulator", stopping: threading.Event) -> None:
    """Once the server runs: add the accounts, acknowledge the terms, make a key, send requests, say what to try."""
    from authdeck.gate import local  # noqa: PLC0415

    running = None
    while running is None and not stopping.wait(0.1):
        running = local.read(settings.home)
    if running is None:
        return
    try:
        key = _furnish(running, simulator)
        _traffic(running, key)
    except Exception as error:  # noqa: BLE001 - the demo goes on without its guide
        typer.echo(f"The demo's accounts could not be set up: {error}", err=True)
        return
    typer.echo(_WORDS.format(address=running.address, key=key, home=settings.home))
    sys.stdout.flush()


_WORDS = """
The demo is ready: {address}
A client key for it: {key}

  curl {address}/v1/responses -H 'Authorization: Bearer {key}' \\
       -H 'Content-Type: application/json' -d '{{"model": "gpt-5.5", "input": "Say hello", "store": false}}'
  AUTHDECK_HOME={home} authdeck accounts list
  AUTHDECK_HOME={home} authdeck requests

Ctrl-C ends it and removes everything.
"""


def _furnish(running: "RunningServer", simulator: "Simulator") -> str:
    """Accounts, terms and a client key, by the same API that everybody uses. Returns the key."""
    from httpx2 import Client  # noqa: PLC0415

    from authdeck.simulator.demo import TERMS, demo_files  # noqa: PLC0415

    headers = {"authorization": f"Bearer {running.token.open()}"}
    with Client(base_url=f"{running.address}/api/v1", headers=headers, timeout=60, trust_env=False) as client:
        client.post("/upstreams", json={"url": simulator.url, "private": True}).raise_for_status()
        files = [("file", file) for file in demo_files(simulator)]
        client.post("/imports", files=files).raise_for_status()
        for provider in TERMS:
            client.put(f"/terms/{provider}/acknowledgement", json={}).raise_for_status()
        made = client.post("/client-keys", json={"name": "demo"}).raise_for_status().json()
    return str(made["key"])


def _traffic(running: "RunningServer", key: str) -> None:
    """A few requests through the gateway. Some fail, as they should: that is what Monitoring is for."""
    from httpx2 import Client, TransportError  # noqa: PLC0415

    from authdeck.simulator.demo import TRAFFIC  # noqa: PLC0415

    with Client(base_url=running.address, timeout=60, trust_env=False) as client:
        for request in TRAFFIC:
            headers = {**request.headers, "authorization": f"Bearer {key}", "content-type": "application/json"}
            try:
                client.post(request.path, content=request.body, headers=headers)
            except TransportError:
                continue  # an answer that breaks off is one of them
