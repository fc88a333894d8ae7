"""How long a batch of many accounts and its undo take, and what the rest of the process feels meanwhile.

python bench/batches.py [--accounts 100000] [--rows 10000] [--rounds 3] [--only sqlite postgresql]
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import uvloop

from authdeck import ids, server, serving
from authdeck.access import AUTOMATION
from authdeck.account import AccountSettings, Kind, Provider, RefreshBy
from authdeck.clock import SystemClock
from authdeck.credential import Claims
from authdeck.health import RISK, Health
from authdeck.operations import seals
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import find_accounts
from authdeck.search import AccountSearch
from authdeck.settings import Settings
from authdeck.storage import opening
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.evidence import DerivedState
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import evidence as evidence_writes
from authdeck.storage.writing import revisions as revision_writes
from authdeck.storage.writing.accounts import NewAccount
from authdeck.storage.writing.revisions import NewRevision
from authdeck.vault.keys import MasterKey
from shared import tell

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fakes.postgresql import Server as PostgreSQL

SYSTEMS = ("sqlite", "postgresql")
METHOD = (
    "a whole server in one process (uvloop, as `authdeck serve` sets it up), its directory and pool loaded. A batch is"
    " timed from asking to its end, when every row is committed (SQLite: synchronous=FULL) and in force. Meanwhile one"
    " task sleeps 1 ms again and again (by how much it oversleeps is the lag), one asks for a page of the list every"
    " 100 ms, and one commits a small write of its own every 20 ms, as a refreshed token would be. Lag at rest is"
    " measured the same way before. CPU is of the process, all threads."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-lists", dest="lists", action="store_false", help="ask for no pages meanwhile")
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="PostgreSQL is the tests' own")
    options = parser.parse_args()
    goals = "3 s on SQLite, 5 s on PostgreSQL; lag p99 5 ms"
    tell(f"Batch of {options.rows:,} among {options.accounts:,} accounts", goals, METHOD)
    sys.setswitchinterval(serving.SWITCH_INTERVAL)
    for system in options.only:
        print(system)
        with tempfile.TemporaryDirectory() as folder, postgresql(wanted=system == "postgresql") as url:
            uvloop.run(measure(Path(folder), options, url))


@contextmanager
def postgresql(*, wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    server = PostgreSQL().start()
    try:
        yield server.url(server.new_database())
    finally:
        server.stop()


async def measure(home: Path, options: argparse.Namespace, url: str | None) -> None:
    async with deck(home, url) as desk:
        await fill(desk, options.accounts)
    async with deck(home, url) as desk:
        await until_quiet()
        bulk = Bulk(desk, options.rows)
        print(f"{'':34}{'wall s':>9}{'CPU s':>9}{'lag ms p50':>12}{'p99':>8}{'max':>8}{'write ms p50':>14}{'p99':>8}")
        async with watched("nothing, for 2 s"):
            await asyncio.sleep(2)
        for what, change in CHANGES.items():
            for _ in range(options.rounds):
                async with watched(what, desk, lists=options.lists):
                    done = await bulk.done(change)
                async with watched("  its undo", desk, lists=options.lists):
                    await bulk.undone(done)


MASTER_KEY = MasterKey.new().reveal()
"""On PostgreSQL nobody makes one by chance."""

CHANGES: dict[str, dict[str, Any]] = {
    "priority, note and prefix": {"priority": 7, "note": "bench", "prefix": "bench"},
    "disable": {"disable": {"reason": "bench"}},
    "delete": {"delete": True},
}


async def until_quiet() -> None:
    """After a start the server makes its lists and looks through all sealed auth files; that is not measured here."""
    used, now = 0.0, cpu()
    while now - used > QUIET:
        await asyncio.sleep(1)
        used, now = now, cpu()
    serving.calm_collector()


QUIET = 0.1
"""Seconds of CPU time in a second: less is rest."""


class Bulk:
    """Batches over the same accounts, awaited to their end."""

    def __init__(self, desk: Desk, rows: int) -> None:
        found = desk.directory.matching(AccountSearch(sort="name"), desk.now())
        self.names = found[:: max(1, len(found) // rows)][:rows]
        self.desk = desk
        self.runner = BatchRunner(desk, never)
        self.batches = Batches(desk, self.runner)

    async def done(self, change: dict[str, Any]) -> str:
        batch = await self.batches.begin(Asked(change, self.names), AUTOMATION)
        return await self.ended(batch.id)

    async def undone(self, batch_id: str) -> str:
        return await self.ended((await self.batches.undo(batch_id, AUTOMATION)).id)

    async def ended(self, batch_id: str) -> str:
        await self.runner.carry_on(batch_id)
        batch = await self.desk.read(lambda connection: reading.one(connection, batch_id))
        if dict(batch.counts) != {"done": len(self.names)}:
            raise SystemExit(f"not every row was done: {batch}")
        return batch_id


async def never(auth_index: str) -> None:
    raise AssertionError(auth_index)


@asynccontextmanager
async def deck(home: Path, database: str | None) -> AsyncIterator[Desk]:
    os.environ["AUTHDECK_HOME"] = str(home)
    given = {"database_url": database, "monitoring_url": database, "master_key": MASTER_KEY} if database else {}
    settings = Settings(home=home, **given)
    if database:
        opening.control(settings, SystemClock(), migrate=True).close()
        opening.monitoring(settings, SystemClock(), migrate=True).close()
    built = await server.build(settings, SystemClock())
    await built.start()
    try:
        yield built.desk
    finally:
        await built.stop()


# ---- what is felt meanwhile ----


@asynccontextmanager
async def watched(what: str, desk: Desk | None = None, *, lists: bool = True) -> AsyncIterator[None]:
    """Print what happened while the block ran."""
    lags: list[float] = []
    writes: list[float] = [0.0] if desk is None else []
    watching = [watch(lags)] if desk is None else [watch(lags), commits(desk, writes)]
    watching += [pages(desk)] if desk is not None and lists else []
    tasks = [asyncio.ensure_future(one) for one in watching]  # noqa: TID251 - of a benchmark
    began, used = time.perf_counter(), cpu()
    yield
    wall, spent = time.perf_counter() - began, cpu() - used
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    p50, p99 = statistics.median(writes), part(writes, 0.99)
    lag = f"{statistics.median(lags):12.2f}{part(lags, 0.99):8.2f}{max(lags):8.1f}"
    print(f"{what:34}{wall:9.2f}{spent:9.2f}{lag}{p50:14.1f}{p99:8.1f}", flush=True)


async def watch(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append((time.perf_counter() - began) * 1000 - 1)


async def pages(desk: Desk) -> None:
    while True:
        await find_accounts(desk, AccountSearch())
        await asyncio.sleep(0.1)


async def commits(desk: Desk, taken: list[float]) -> None:
    lonely = next(iter(desk.directory.entries())).account.key
    while True:
        began = time.perf_counter()
        await desk.write(lambda connection: account_writes.mark_unreadable(connection, lonely, None))
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.02)


def part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# ---- accounts ----

CONTENT = b'{"type": "codex", "refresh_token": "rt_FAKE"}'


async def fill(desk: Desk, number: int, content: bytes = CONTENT) -> None:
    """Accounts as an import would leave them, without reading a file for each."""
    known = len(desk.directory)
    numbers = iter(range(known, number))
    began = time.perf_counter()
    while some := list(islice(numbers, 500)):
        await desk.write(lambda connection, some=some: add(desk, connection, some, content))
    print(f"filled with {number - known:,} accounts in {time.perf_counter() - began:.0f} s\n", flush=True)


def add(desk: Desk, connection: WriteConnection, numbers: list[int], content: bytes) -> None:
    states = {}
    for new in made(desk, numbers):
        key = account_writes.add(connection, new)
        states[key] = DerivedState(Health.UNKNOWN.value, problem=False, risk=RISK[Health.UNKNOWN], next_change_at=None)
        sealed = seals.seal_file(desk.vault, new.auth_index, 1, content)
        revision = NewRevision(key, 1, None, 1, "imported", "bench", "bench", new.at, sealed)
        revision_writes.add(connection, revision)
    evidence_writes.store_states(connection, states, desk.now())


def made(desk: Desk, numbers: list[int]) -> Iterator[NewAccount]:
    plans = ("plus", "pro", "team", "free")
    for n in numbers:
        email = f"person{n:06}@example.com"
        claims = Claims(email=email, plan=plans[n % 4], organization=f"org-fake-{n:06}", subject=f"user-fake-{n:06}")
        yield NewAccount(
            ids.new_auth_index(), Provider.CODEX, Kind.OAUTH, f"codex-{email}-{plans[n % 4]}.json",
            AccountSettings(priority=n % 3), claims, f"{n:064x}", "full", False, RefreshBy.AUTHDECK, None, None,
            desk.now(),
        )  # fmt: skip


if __name__ == "__main__":
    main()
