"""What an export of many accounts takes: memory above rest, CPU, disk, and what the rest of the process feels.

python bench/exports.py [--accounts 10000 50000]
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from authdeck import serving
from authdeck.access import Actor, Role
from authdeck.operations.desk import Desk
from authdeck.operations.export import Wish, export, preview
from authdeck.operations.export_forms import Form
from authdeck.search import AccountSearch
from authdeck.secret import Secret
from batches import cpu, deck, fill, part, until_quiet, watch
from shared import tell

METHOD = (
    "a whole server in one process on SQLite, its lists loaded. All accounts are exported, each a Codex auth file of"
    " 2.3 kB that hardly packs, and the file is read to its end, as a client would. Memory is the resident size of the"
    " process, asked every 20 ms, less what it was just before. A task sleeps 1 ms again and again: by how much it"
    " oversleeps is the lag. CPU is of the process, all threads."
)
WISHES = {
    "rest, for 2 s": None,
    "preview": Wish(Form.CLIPROXYAPI, search=AccountSearch()),
    "cliproxyapi": Wish(Form.CLIPROXYAPI, search=AccountSearch()),
    "codex_cli": Wish(Form.CODEX_CLI, search=AccountSearch(), partial=True),
    "sub2api": Wish(Form.SUB2API, search=AccountSearch(), partial=True),
    "archive": Wish(Form.ARCHIVE, search=AccountSearch(), passphrase=Secret("a FAKE passphrase")),
}
BOB = Actor("bob", Role.OPERATOR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 50_000])
    options = parser.parse_args()
    tell("Exports of all accounts", "memory that hardly grows with their number; lag p99 5 ms", METHOD)
    sys.setswitchinterval(serving.SWITCH_INTERVAL)
    for number in options.accounts:
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(measure(Path(folder), number))


async def measure(home: Path, number: int) -> None:
    async with deck(home, None) as desk:
        await fill(desk, number, CONTENT)
    async with deck(home, None) as desk:
        await until_quiet()
        print(f"{'':14}{'wall s':>9}{'CPU s':>9}{'MB out':>9}{'MB more':>9}{'lag ms p50':>12}{'p99':>8}{'max':>8}")
        for what, wish in WISHES.items():
            await watched(desk, what, wish)


async def watched(desk: Desk, what: str, wish: Wish | None) -> None:
    lags: list[float] = []
    sizes = [resident()]
    tasks = [asyncio.ensure_future(one) for one in (watch(lags), sampled(sizes))]  # noqa: TID251 - of a benchmark
    began, used = time.perf_counter(), cpu()
    out = await asked(desk, what, wish)
    wall, spent = time.perf_counter() - began, cpu() - used
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    more = (max(sizes) - sizes[0]) / 1e6
    lag = f"{part(lags, 0.5):12.2f}{part(lags, 0.99):8.2f}{max(lags):8.1f}"
    print(f"{what:14}{wall:9.2f}{spent:9.2f}{out / 1e6:9.1f}{more:9.1f}{lag}", flush=True)


async def asked(desk: Desk, what: str, wish: Wish | None) -> int:
    """The bytes that went out."""
    if wish is None:
        await asyncio.sleep(2)
        return 0
    if what == "preview":
        await preview(desk, wish)
        return 0
    made = await export(desk, wish, BOB)
    async for _ in made.content.pieces():
        pass
    made.content.close()
    return made.content.size


async def sampled(sizes: list[int]) -> None:
    while True:
        sizes.append(resident())
        await asyncio.sleep(0.02)


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


CONTENT = json.dumps(
    {
        "type": "codex",
        "email": "ann@example.com",
        "account_id": "org-fake",
        "access_token": "at_FAKE_" + secrets.token_urlsafe(900),
        "id_token": "id_FAKE_" + secrets.token_urlsafe(600),
        "refresh_token": "rt_FAKE_" + secrets.token_urlsafe(40),
        "last_refresh": "2026-11-22T10:00:00Z",
        "expired": "2099-12-01T10:00:00Z",
    }
).encode()


if __name__ == "__main__":
    main()
