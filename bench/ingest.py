"""How many request events a second the recorder makes durable, what one costs, and what one takes on the disk.

python bench/ingest.py [--events 330000] [--accounts 1000] [--models 40] [--database URL]
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from authdeck import serving
from authdeck.clock import SystemClock
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.operations.record import Recorder
from authdeck.storage import opening
from authdeck.storage.database import Database

METHOD = """\
Method: N tasks on one event loop each record one event after the other, as N requests that end would; `record` returns
when the event's group is committed with its roll-ups (SQLite: WAL, synchronous=NORMAL, three indexes beside the ids).
Events come in as they are made, except in the last three rows, as after an import: 30 days in order, so that a
group's events share few sums. Accounts are skewed, every 25th request failed.
CPU is of the whole process, loop and writer, for each event. The caller's part is measured on the loop's thread alone.
Event loop, collector and thread switches are the server's. Goals: 50,000 events/s (20 us); 200 bytes an event.
Bytes are those 30 days' file after a checkpoint, roll-ups and names included, over the number of events.
"""

DAYS = 30
CONCURRENCY = (1, 32, 256, 2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--events", type=int, default=330_000, help="in each row of the table but the first, which has 2,000"
    )
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--database", help="a URL; default: a new SQLite file")
    options = parser.parse_args()
    serving.calm_collector()
    sys.setswitchinterval(serving.SWITCH_INTERVAL)
    print(METHOD)
    print("at once | events/s | CPU us/event | caller's us/event | wait ms p50 | p99 | late")
    with tempfile.TemporaryDirectory() as folder:
        with opened(options.database or f"sqlite:///{folder}/now.db") as database:
            uvloop.run(compare(database, options))
        month = f"sqlite:///{folder}/month.db"
        with opened(month) as database:
            uvloop.run(compare(database, options, days=DAYS, rows=CONCURRENCY[-1:] * 3))
        number = 3 * options.events
        print(
            f"\n{Path(folder, 'month.db').stat().st_size / number:.0f} bytes an event on the disk ({number:,} events)"
        )


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = opening.monitoring(url, SystemClock(), migrate=True)
    yield database
    database.close()


async def compare(
    database: Database, options: argparse.Namespace, *, days: float = 0, rows: Sequence[int] = CONCURRENCY
) -> None:
    recorder = Recorder(database, SystemClock())
    recorder.start()
    for row, at_once in enumerate(rows):
        number = options.events if at_once > 1 else min(options.events, 2_000)
        events = [event(options, days * (1 - (row + place / number) / len(rows))) for place in range(number)]
        await measure(recorder, at_once, events)
    await recorder.close()


async def measure(recorder: Recorder, at_once: int, events: list[RequestEvent]) -> None:
    waits: list[float] = []
    left = iter(events)

    async def requests() -> None:
        for one in left:
            begun = time.perf_counter()
            await recorder.record(one)
            waits.append(time.perf_counter() - begun)

    late, cpu, own, begun = recorder.counts.late, time.process_time(), time.thread_time(), time.perf_counter()
    await asyncio.gather(*(requests() for _ in range(at_once)))
    seconds = time.perf_counter() - begun
    cpu, own = time.process_time() - cpu, time.thread_time() - own
    p50, p99 = (1000 * statistics.quantiles(waits, n=100)[place] for place in (49, 98))
    print(
        f"{at_once:7} | {len(events) / seconds:8,.0f} | {1e6 * cpu / len(events):12.1f} |"
        f" {1e6 * own / len(events):17.1f} | {p50:11.2f} | {p99:.2f} | {recorder.counts.late - late}"
    )


def event(options: argparse.Namespace, days_ago: float) -> RequestEvent:
    at_ms = time.time_ns() // 1_000_000 - int(days_ago * 86_400_000)
    account = int(options.accounts * random.random() ** 2)
    auth_index = f"{account:016x}"
    failed = random.randrange(25) == 0
    return RequestEvent(
        id=new_request_id(at_ms),
        at_ms=at_ms,
        endpoint="/v1/responses",
        model=f"model-{random.randrange(options.models)}",
        provider="codex",
        auth_index=auth_index,
        file_name=f"codex-ann{account}@example.com-plus.json",
        client_key="laptop",
        status=429 if failed else 200,
        latency_ms=random.lognormvariate(8, 1),
        ttfb_ms=random.lognormvariate(6, 1),
        streamed=True,
        tokens=Tokens(*(random.randrange(10_000) for _ in range(4))),
        failure=Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")
        if failed
        else None,
        attempts=[Attempt(auth_index, 429 if failed else 200, "quota" if failed else None, 1000.0)],
    )


if __name__ == "__main__":
    main()
