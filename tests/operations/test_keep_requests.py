"""Retention: bounds of age and room are kept, sums stay, and recording goes on meanwhile."""

import asyncio
import signal
import subprocess
import sys
from datetime import UTC
from typing import Any, get_args

import pytest
from sqlalchemy import func, select

from authdeck import tasks
from authdeck.clock import SystemClock
from authdeck.event import Failure, FailureKind
from authdeck.operations.follow_requests import beginning, follow
from authdeck.operations.keep_requests import Keeper
from authdeck.operations.record import Recorder
from authdeck.operations.traffic import By, grouped, traffic
from authdeck.settings import Monitoring
from authdeck.spans import DAY as DAY_MS
from authdeck.spans import Span
from authdeck.storage.database import Database
from authdeck.storage.reading import room
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import page
from authdeck.storage.tables import day_model_times, hour_model, hour_times, latency_buckets, requests
from authdeck.storage.writing.requests import store
from fakes.clock import SetClock
from operations.test_requests_file import AT, event

DAY = 24 * 60


def count(database: Database, table: Any = requests) -> int:
    return int(database.read_now(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one()))


def keeper(database: Database, clock: SetClock, **bounds: int) -> Keeper:
    made = Monitoring(**{"keep_days": 0, "disk_limit_mib": 0, **bounds})
    return Keeper(database, clock, lambda: made)


async def test_it_works(monitoring: Database, clock: SetClock) -> None:
    events = [event(-minute) for minute in range(0, 10 * DAY, DAY // 4)]
    monitoring.write_now(lambda c: store(c, events, {}))
    assert await keeper(monitoring, clock, keep_days=3).prune() == 27
    left = monitoring.read_now(lambda c: page(c, RequestSearch(page_size=1000))).items
    assert left == events[:13]
    assert monitoring.read_now(lambda c: c.execute(select(func.sum(hour_model.c.requests))).scalar()) == 40


async def test_without_bounds_nothing_goes(monitoring: Database, clock: SetClock) -> None:
    monitoring.write_now(lambda c: store(c, [event(-4000 * DAY)], {}))
    assert await keeper(monitoring, clock).prune() == 0


async def test_the_oldest_go_when_there_is_too_much(monitoring: Database, clock: SetClock) -> None:
    failure = Failure(FailureKind.UPSTREAM, "broken", "x" * 400)
    events = [event(-place / 60, status=500, failure=failure) for place in range(6_000)]
    monitoring.write_now(lambda c: store(c, events, {}))
    keep = keeper(monitoring, clock, disk_limit_mib=1)
    before = monitoring.read_now(room.used)
    gone = await keep.prune()
    assert 0 < gone < 6_000
    assert count(monitoring) == 6_000 - gone
    assert monitoring.read_now(room.used) < before
    assert monitoring.read_now(lambda c: page(c, RequestSearch(page_size=1))).items == [events[0]]


async def test_finished_hours_and_days_settle_once(monitoring: Database, clock: SetClock) -> None:
    monitoring.write_now(lambda c: store(c, [event(-2 * DAY), event(-90), event()], {}))
    keep = keeper(monitoring, clock)
    assert await keep.settle() == 3  # two hours that are over, one day that is over
    assert [count(monitoring, table) for table in (hour_times, day_model_times, latency_buckets)] == [2, 2, 2]
    assert await keep.settle() == 0
    monitoring.write_now(lambda c: store(c, [event(-2 * DAY)], {}))
    assert await keep.settle() == 2


async def test_recording_goes_on_meanwhile(monitoring: Database, clock: SetClock) -> None:
    monitoring.write_now(lambda c: store(c, [event(-5 * DAY - place / 60) for place in range(3_000)], {}))
    recorder = Recorder(monitoring, clock, wait=30)
    recorder.start()
    pruning = tasks.start(keeper(monitoring, clock, keep_days=1).prune(), name="test")
    recorded = 0
    while not pruning.done():
        await recorder.record(event(recorded / 60_000))
        recorded += 1
    assert await pruning == 3_000
    await recorder.close()
    assert count(monitoring) == recorded > 1
    assert recorder.counts.failures == 0


async def test_it_ends_when_the_server_stops(monitoring: Database, clock: SetClock) -> None:
    monitoring.write_now(lambda c: store(c, [event(-5 * DAY)], {}))
    keep = keeper(monitoring, clock, keep_days=1)
    keep.close()
    assert (await keep.prune(), await keep.settle()) == (0, 0)


@pytest.mark.parametrize("hours", [0, 1])
async def test_an_hour_settles_after_its_grace(monitoring: Database, clock: SetClock, hours: int) -> None:
    monitoring.write_now(lambda c: store(c, [event()], {}))
    clock.move(hours=hours, minutes=9)
    assert await keeper(monitoring, clock).settle() == 0
    clock.move(minutes=2)
    assert await keeper(monitoring, clock).settle() == hours


async def test_who_follows_is_told_of_all_while_the_oldest_go(monitoring: Database, clock: SetClock) -> None:
    old = [event(-10 * DAY - place / 60) for place in range(6_000)]
    monitoring.write_now(lambda c: store(c, old, {}))
    following = follow(monitoring, RequestSearch(), await beginning(monitoring, ""), clock, every=0.001)
    pruning = tasks.start(keeper(monitoring, clock, keep_days=3).prune(), name="prune")
    came, told = [], []
    while not pruning.done() or len(told) < len(came):
        if not pruning.done():
            came.append(event(len(came) / 600))
            await monitoring.write(lambda c: store(c, came[-1:], {}))
        told += [row.event for row in await anext(following)]
    await following.aclose()
    assert await pruning == 6_000
    assert len(came) > 1
    assert told == came


PROCESS = """
import asyncio, os, signal, sys
from sqlalchemy import event
from authdeck.clock import SystemClock, to_micros
from authdeck.event import RequestEvent
from authdeck.ids import new_request_id
from authdeck.operations.keep_requests import Keeper
from authdeck.operations.record import Recorder
from authdeck.operations.traffic import By, grouped, traffic
from authdeck.settings import Monitoring
from authdeck.spans import DAY as DAY_MS
from authdeck.spans import Span
from authdeck.storage import opening
from authdeck.tasks import start

url, last, nth = sys.argv[1:]
done = []

def die(connection, cursor, statement, *rest):
    if statement.replace("monitoring.", "").startswith(last):
        done.append(statement)
        if len(done) == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

async def keep(keeper):
    await keeper.settle()
    await keeper.prune()

async def main():
    clock = SystemClock()
    database = opening.monitoring(url, clock)
    event.listen(database.engine, "after_cursor_execute", die)
    recorder = Recorder(database, clock, wait=30)
    recorder.start()
    number, keeping = 0, None
    while keeping is None or not keeping.done():
        at_ms = to_micros(clock.now()) // 1000
        one = RequestEvent(new_request_id(at_ms), at_ms, "/v1/responses", "gpt-5", status=200, latency_ms=5.0)
        await recorder.record(one)
        print(one.id.hex(), flush=True)
        keeping = keeping or start(keep(Keeper(database, clock, lambda: Monitoring(keep_days=3))), name="keep")

asyncio.run(main())
"""
"""Settles, prunes and records, until it kills itself: after the nth statement that begins so, before the commit."""


DAYS_AGO = Span(AT // DAY_MS * DAY_MS - 12 * DAY_MS, AT // DAY_MS * DAY_MS - 9 * DAY_MS)


def told(database: Database) -> list[Any]:
    """All that Monitoring says of those days and does not need the requests themselves."""
    found = database.read_now(lambda c: traffic(c, RequestSearch(), DAYS_AGO, UTC))
    groups = [database.read_now(lambda c, by=by: grouped(c, RequestSearch(), DAYS_AGO, by)) for by in get_args(By)]
    return [found.sums, found.times, found.parts, *(group.rows for group in groups)]


def recorded_until_killed(*arguments: str) -> set[str]:
    """The ids of the requests that the process said it had stored."""
    words = [sys.executable, "-c", PROCESS, *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [line.strip() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return set(lines)


@pytest.mark.parametrize(
    ("last", "nth", "left"), [("INSERT INTO hour_times", 3, 3_000), ("DELETE FROM requests", 7, 1_800)]
)
async def test_a_kill_in_the_midst_counts_nothing_twice_and_loses_no_sum(
    monitoring: Database, last: str, nth: int, left: int
) -> None:
    old = [event(-10 * DAY - place / 2, auth_index=f"{place % 3:016x}") for place in range(3_000)]
    monitoring.write_now(lambda c: store(c, old, {}))
    before, url = told(monitoring), monitoring.url.render_as_string(hide_password=False)
    recorded = await asyncio.to_thread(recorded_until_killed, url, last, str(nth))
    assert recorded
    assert told(monitoring) == before
    rows = monitoring.read_now(lambda c: c.execute(select(requests.c.id, requests.c.at_ms)).all())
    assert {row.id.hex() for row in rows} >= recorded
    assert sum(row.at_ms < DAYS_AGO.until_ms for row in rows) == left  # whole steps, and not the one of the kill
    keep = Keeper(monitoring, SystemClock(), lambda: Monitoring(keep_days=3))
    await keep.settle()
    assert await keep.prune() == left
    assert told(monitoring) == before
    assert count(monitoring) == len(rows) - left
    summed = monitoring.read_now(lambda c: c.execute(select(func.sum(hour_model.c.requests))).scalar())
    assert summed == 3_000 + len(rows) - left
