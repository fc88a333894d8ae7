"""How quick Monitoring is over millions of requests, and whether anything waits while the oldest of them go.

python bench/monitoring.py [--events 1000000] [--home FOLDER] [--postgresql]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType

from authdeck import tasks
from authdeck.clock import SystemClock
from authdeck.event import RequestEvent
from authdeck.ids import new_request_id
from authdeck.operations.keep_requests import Keeper
from authdeck.operations.record import Recorder
from authdeck.operations.traffic import grouped, traffic
from authdeck.settings import Monitoring
from authdeck.spans import DAY, HOUR, Span
from authdeck.storage import opening
from authdeck.storage.database import Database, ReadConnection
from authdeck.storage.reading import latencies, sums
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import newer_than, newest_number, page
from directory import of_database, postgresql
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
        database = opening.monitoring(f"sqlite:///{file}", SystemClock())
        asyncio.run(measure_retention(database))
        database.close()


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


def measure_pages(home: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
    with serving(home, more) as server:
        for path in PAGES:
            before = _cpu(server.process)
            walls = timed(server.client, path, TIMES)
            used = (_cpu(server.process) - before) * 1000 / (TIMES + 10)
            print(f"{figures(path, walls, 'ms')}   CPU {used:.0f} ms")


def _cpu(process: int) -> float:
    """Seconds of the process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure_retention(database: Database) -> None:
    """Recording an event and asking for the newest, each alone and while the oldest tenth goes."""
    recorder = Recorder(database, SystemClock())
    recorder.start()
    oldest = await database.read(lambda c: page(c, RequestSearch(page_size=1)))
    assert oldest.items
    quiet = await _live(database, recorder, lambda _done: _done < 100)
    keeper = Keeper(database, SystemClock(), lambda: Monitoring(keep_days=DAYS - DAYS // 10))
    pruning = tasks.start(keeper.prune(), name="prune")
    began = time.perf_counter()
    busy = await _live(database, recorder, lambda done: not pruning.done() and done < 2_000)
    seconds = time.perf_counter() - began
    keeper.close()
    gone = await pruning
    await recorder.close()
    for name, (recorded, asked) in (("quiet", quiet), ("during retention", busy)):
        print(figures(f"{name}: recorded", recorded, "ms"))
        print(figures(f"{name}: newest asked for", asked, "ms"))
    print(f"  {gone:,} requests went, {gone / seconds:,.0f} a second; late events: {recorder.counts.late}")


async def _live(
    database: Database, recorder: Recorder, goes_on: Callable[[int], bool]
) -> tuple[list[float], list[float]]:
    recorded: list[float] = []
    asked: list[float] = []
    newest = await database.read(newest_number)
    while goes_on(len(recorded)):
        at_ms = time.time_ns() // 1_000_000
        event = RequestEvent(new_request_id(at_ms), at_ms, "/v1/responses", model="model-1", status=200)
        began = time.perf_counter()
        await recorder.record(event)
        recorded.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        look = partial(newer_than, search=RequestSearch(), n=newest, since_ms=at_ms - HOUR, limit=100)
        await database.read(look)
        asked.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)
    return recorded, asked


if __name__ == "__main__":
    main()
