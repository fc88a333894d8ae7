"""How quick Monitoring is over millions of requests, and whether anything waits while the oldest of them go.

python bench/monitoring.py [--events 1000000] [--home FOLDER] [--postgresql]
"""

import argparse
import asyncio
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType

from httpx2 import Client
from sqlalchemy import select

from authdeck.clock import SystemClock
from authdeck.operations.keep_requests import Keeper
from authdeck.operations.traffic import grouped, traffic
from authdeck.settings import Monitoring
from authdeck.spans import DAY, HOUR, Span
from authdeck.storage import opening
from authdeck.storage.database import Database, ReadConnection
from authdeck.storage.reading import latencies, sums
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import page
from authdeck.storage.tables import requests
from directory import of_database, postgresql
from parts.machine import cpu_of
from parts.many_requests import DAYS, fill
from parts.to_postgresql import copy
from shared import AUTHDECK, environment, figures, serving, tell, timed

METHOD = (
    "A file made by SQLite itself: 40 models, 1,000 accounts, 20 keys, 8 prefixes over 30 days, every 25th request"
    " failed in one of five ways, durations lognormal. Finished hours have settled, as the job does it. Pages are asked"
    " of a server of its own over HTTP, one after the other; the other figures are of the functions alone. CPU is of"
    " the process at work."
)
TIMES = 20
LONGEST = 15
"""Seconds: a live stream lasts twenty."""
PAGES = (
    "/monitoring",
    "/monitoring?range=7d",
    "/monitoring?range=30d",
    *(f"/monitoring?range=30d&view={view}" for view in ("model", "account", "client_key")),
    "/monitoring?range=7d&failure=quota",
    "/monitoring?range=30d&failure=quota&view=model",
    "/monitoring?range=30d&prefix=team-3&view=model",
    "/api/v1/requests/summary",
    f"/api/v1/requests/groups?by=model&since={SystemClock().now() - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="a folder whose monitoring.db is taken, or made and kept")
    parser.add_argument("--postgresql", action="store_true", help="copy the same rows to PostgreSQL, and ask it too")
    options = parser.parse_args()
    tell(f"Monitoring over {options.events:,} requests", "10 million: day page 100 ms, 30 days by model 100 ms", METHOD)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary) / "home"
        home.mkdir(parents=True, exist_ok=True)
        file = home / "monitoring.db"
        if not file.exists():
            fill(file, options.events)
        database = opening.monitoring(f"sqlite:///{file}", SystemClock())
        asyncio.run(settle(database))
        print(f"  {file.stat().st_size / options.events:.0f} bytes a request on the disk, sums included\n")
        measure_functions(database)
        database.close()
        measure_pages(home)
        if options.postgresql:
            measure_postgresql(file)
        measure_retention(home)


def measure_postgresql(file: Path) -> None:
    print("\nPostgreSQL (embedded, on a socket)")
    with postgresql() as url, tempfile.TemporaryDirectory() as folder:
        if url is None:
            return
        copy(file, url)
        database = opening.monitoring(url, SystemClock())
        measure_functions(database)
        database.close()
        more = of_database(url)
        subprocess.run([AUTHDECK, "migrate"], env=environment(Path(folder)) | more, check=True, capture_output=True)
        measure_pages(Path(folder, "home"), more)
    print()


async def settle(database: Database) -> None:
    keeper = Keeper(database, SystemClock(), Monitoring)
    while await keeper.settle():
        pass


def measure_functions(database: Database) -> None:
    now = time.time_ns() // 1_000_000
    month, day = Span(now - DAYS * DAY, now), Span(now - DAY, now)
    hours = month.from_ms // HOUR, -(-month.until_ms // HOUR)
    search = RequestSearch()
    zone = SystemClock().now().tzinfo
    assert zone is not None
    covered = database.read_now(partial(sums.cover, asked=month))
    of_an_account = RequestSearch(auth_index=f"{3:016x}")
    quota, team = RequestSearch(failure="quota"), RequestSearch(prefix="team-3")
    works: dict[str, Callable[[ReadConnection], object]] = {
        "24 h: figures and course": partial(traffic, search=search, asked=day, zone=zone),
        "30 days: sums by model": partial(sums.by_model, covered=covered),
        "30 days: p95 latency by model": partial(latencies.by_model, first=hours[0], end=hours[1]),
        "30 days: table by model, percentiles too": partial(grouped, search=search, asked=month, by="model"),
        "30 days: table by account": partial(grouped, search=search, asked=month, by="account"),
        "a day and 20,000 requests of its eve: by account": partial(
            grouped, search=search, asked=_with_its_eve(database, now), by="account"
        ),
        "30 days: table by client key": partial(grouped, search=search, asked=month, by="client_key"),
        "30 days: figures and course": partial(traffic, search=search, asked=month, zone=zone),
        "30 days, one account: figures and course": partial(traffic, search=of_an_account, asked=month, zone=zone),
        "24 h, one kind of failure: figures and course": partial(traffic, search=quota, asked=day, zone=zone),
        "30 days, one kind of failure: figures and course": partial(traffic, search=quota, asked=month, zone=zone),
        "30 days, one prefix: figures and course": partial(traffic, search=team, asked=month, zone=zone),
        "newest 50": partial(page, search=search),
        "a text that nothing has": partial(page, search=RequestSearch(text="nothing-like-it")),
    }
    for name, work in works.items():
        walls, cpu = [], []
        for _ in range(TIMES):
            began, used = time.perf_counter(), time.process_time()
            database.read_now(work)
            walls.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - used) * 1000)
        print(f"{figures(name, walls, 'ms')}   CPU {statistics.median(cpu):.0f} ms")


def _with_its_eve(database: Database, now: int) -> Span:
    """From before midnight (UTC), by as many requests as are counted one by one at most: then it takes longest."""
    midnight = now // DAY * DAY
    before = requests.c.at_ms < midnight
    eve = select(requests.c.at_ms).where(before).order_by(requests.c.at_ms.desc()).offset(sums.COUNTED_ONE_BY_ONE - 1)
    begins = database.read_now(lambda c: c.execute(eve.limit(1)).scalar())
    return Span(midnight - DAY + 1 if begins is None else max(begins, midnight - DAY + 1), now)


def measure_pages(home: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    with serving(home, more) as server:
        for path in PAGES:
            with cpu_of(server.process) as spent:
                walls = timed(server.client, path, TIMES)
            used = spent.seconds * 1000 / (TIMES + 10)
            print(f"{figures(path, walls, 'ms')}   CPU {used:.0f} ms")


def measure_retention(home: Path) -> None:
    """What waits while the oldest tenth of the requests goes. The server begins with that a minute after its start."""
    days = DAYS - DAYS // 10
    before_ms = time.time_ns() // 1_000_000 - days * DAY
    with serving(home, {"AUTHDECK_MONITORING__KEEP_DAYS": str(days)}) as server, _looking(home) as old:
        key = server.client.post("/api/v1/client-keys", json={"name": f"bench {time.time_ns()}"}).json()["key"]
        somebody = _Somebody(server.client, key)
        there = old(before_ms)
        quiet = somebody.meanwhile(lambda: True)
        assert old(before_ms) == there, "retention began too soon to measure without it"
        while old(before_ms) == there:
            time.sleep(0.05)
        there, began = old(before_ms), time.perf_counter()
        busy = somebody.meanwhile(lambda: old(before_ms) > 0)
        gone, seconds = there - old(before_ms), time.perf_counter() - began
    for name, found in (("quiet", quiet), ("during retention", busy)):
        for what, walls in found.items():
            assert walls, "all that was old went at once: ask for more --events"
            print(figures(f"{name}: {what}", walls, "ms"))
    print(f"  {gone:,} requests went meanwhile, {gone / seconds:,.0f} a second")


@contextmanager
def _looking(home: Path) -> Iterator[Callable[[int], int]]:
    """How many requests are older than a moment, asked of the file."""
    with closing(sqlite3.connect(f"file:{home / 'monitoring.db'}?mode=ro", uri=True)) as file:
        yield lambda ms: file.execute("SELECT count(*) FROM requests WHERE at_ms < ?", (ms,)).fetchone()[0]


class _Somebody:
    """Who sends requests, opens Monitoring and has its realtime open."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = {"authorization": f"Bearer {key}"}

    def meanwhile(self, goes_on: Callable[[], bool]) -> dict[str, list[float]]:
        """Milliseconds, for ``LONGEST`` seconds at most. No account is there: a request is refused, and recorded."""
        found: dict[str, list[float]] = {"a request": [], "the page of 24 hours": [], "realtime tells of a request": []}
        until = time.perf_counter() + LONGEST
        with self._client.stream("GET", "/monitoring/live") as live:
            lines = live.iter_lines()
            while time.perf_counter() < until and goes_on():
                self._one(found, lines)
        return found

    def _one(self, found: dict[str, list[float]], lines: Iterator[str]) -> None:
        began = time.perf_counter()
        answer = self._client.post("/v1/chat/completions", json={"model": "model-1"}, headers=self._key)
        assert answer.headers["x-authdeck-request-id"]
        answered = time.perf_counter()
        next(line for line in lines if line == "event: new")
        told = time.perf_counter()
        self._client.get("/monitoring").raise_for_status()
        for walls, (first, last) in zip(
            found.values(), ((began, answered), (told, time.perf_counter()), (answered, told)), strict=True
        ):
            walls.append((last - first) * 1000)


if __name__ == "__main__":
    main()
