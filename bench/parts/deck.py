"""``authdeck serve`` with ten accounts, in a process pinned to one core."""

import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from zipfile import ZipFile

import uvloop
from httpx2 import Client

import shared
from authdeck import server, settings
from authdeck.access import AUTOMATION
from authdeck.clock import SystemClock
from authdeck.operations import client_keys, upstreams
from authdeck.operations.import_files import Source, import_files
from parts.machine import pinned

BATCH, OF_A_ZIP = 10_000, 5_000
SETTLING = 2.0
"""Seconds for the console to be made; the API is, with its first request."""


@dataclass(frozen=True)
class Deck:
    port: int
    key: str
    pid: int


@contextmanager
def serving(upstream_url: str, core: int, elsewhere: int) -> Iterator[Deck]:
    """The server on ``core``. It is not the first start on its home: no tables are made, nothing is imported."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder, "home")
        key = _prepared(home, upstream_url)
        pinned(core)  # the server's process has it from its beginning
        with shared.serving(home) as served:
            pinned(elsewhere)
            time.sleep(SETTLING)
            yield Deck(served.client.base_url.port or 0, key, served.process)


def _prepared(home: Path, upstream_url: str) -> str:
    """Ten accounts and a client key, which is returned; made by a process that ends."""
    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe()
    preparing = forking.Process(target=_prepare, args=(home, upstream_url, theirs))
    preparing.start()
    assert ours.poll(60), "no accounts"
    key: str = ours.recv()
    preparing.join()
    return key


def _prepare(home: Path, upstream_url: str, told: Connection) -> None:
    async def work() -> None:
        built = await server.build(settings.load(environment={}, home=home), SystemClock())
        await built.start()
        await upstreams.approve(built.desk, upstream_url, AUTOMATION, private=True)
        report = await import_files(
            built.desk, [Source(*file) for file in _files(upstream_url, 10, "bench")], AUTOMATION
        )
        assert all(row.auth_index for row in report.items), report
        told.send((await client_keys.create(built.desk, "bench", AUTOMATION)).key.open())
        await built.stop()

    uvloop.run(work())


def take_in(port: int, upstream_url: str, core: int) -> None:
    """Import ``BATCH`` auth files as zips of ``OF_A_ZIP``, from a process of its own."""
    pinned(core)
    files = list(_files(upstream_url, BATCH, "batch", priority=-1))
    with _client(port) as client:
        for start in range(0, BATCH, OF_A_ZIP):
            packed = BytesIO()
            with ZipFile(packed, "w") as zipped:
                for name, content in files[start : start + OF_A_ZIP]:
                    zipped.writestr(name, content)
            part = ("file", ("batch.zip", packed.getvalue(), "application/zip"))
            report = client.post("/api/v1/imports", files=[part]).raise_for_status().json()
            assert report["counts"]["new"] == OF_A_ZIP, report["counts"]


def change(port: int, core: int) -> None:
    """One batch over all that ``take_in`` imported, until its last row is done."""
    pinned(core)
    asked = {"selection": {"search": "batch-"}, "change": {"note": "bench", "weight": 2}}
    with _client(port) as client:
        batch = client.post("/api/v1/batches", json=asked).raise_for_status().json()
        while batch["status"] == "running":
            time.sleep(0.05)
            batch = client.get(f"/api/v1/batches/{batch['id']}", params={"page_size": 1}).raise_for_status().json()
    assert batch["counts"]["done"] == BATCH, batch["counts"]


def _files(upstream_url: str, count: int, name: str, **fields: object) -> Iterator[tuple[str, bytes]]:
    document = {"type": "openai_compatible", "base_url": f"{upstream_url}/v1", **fields}
    for n in range(count):
        yield f"{name}-{n}.json", json.dumps({**document, "api_key": f"sk_FAKE_{name}_{n}"}).encode()


def _client(port: int) -> Client:
    return Client(base_url=f"http://127.0.0.1:{port}", headers=admin(), trust_env=False, timeout=120)


def admin() -> Mapping[str, str]:
    return {"authorization": f"Bearer {shared.ADMIN_KEY}"}
