"""Recording: durable when it returns, late rather than stuck, and never the end of the gateway."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy import event as listening
from sqlalchemy.exc import OperationalError

from authdeck.clock import SystemClock
from authdeck.event import Attempt, RequestEvent
from authdeck.ids import new_request_id
from authdeck.operations.record import LATELY, LOAD, Pace, Recorder
from authdeck.operations.record_run import SILENT
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import Gap, by_id, known_gaps, page
from authdeck.storage.tables import gaps
from fakes.clock import NOON, SetClock

NOON_MS = int(NOON.timestamp() * 1000)
NO_EXTRA_TIME = 30


def request(**fields: Any) -> RequestEvent:
    return RequestEvent(
        **{"id": new_request_id(NOON_MS), "at_ms": NOON_MS, "endpoint": "/v1/responses", "status": 200, **fields}
    )


@pytest.fixture
async def recorder(monitoring: Database, clock: SetClock) -> AsyncIterator[Recorder]:
    recorder = Recorder(monitoring, clock, wait=NO_EXTRA_TIME)
    recorder.start()
    yield recorder
    await recorder.close()


async def stored(database: Database) -> list[RequestEvent]:
    return (await database.read(lambda c: page(c, RequestSearch(page_size=1000)))).items


async def found_gaps(database: Database) -> list[Gap]:
    return await database.read(lambda c: known_gaps(c, 0, 2 * NOON_MS))


async def test_it_works(recorder: Recorder, monitoring: Database) -> None:
    one = request(model="gpt-5", attempts=[Attempt("a" * 16, 200, None, 12.5)])
    await recorder.record(one)
    assert await stored(monitoring) == [one]
    assert (recorder.counts.stored, recorder.counts.late, recorder.works) == (1, 0, True)


async def test_many_at_once_share_commits(monitoring: Database, clock: SetClock) -> None:
    commits = []
    listening.listen(monitoring.engine, "commit", commits.append)
    recorder = Recorder(monitoring, clock, wait=NO_EXTRA_TIME)
    recorder.start()
    await asyncio.gather(*(recorder.record(request(model=f"model-{number % 7}")) for number in range(500)))
    await recorder.close()
    assert len(await stored(monitoring)) == 500
    assert len(commits) < 50


def test_streams_that_end_together_are_no_load_and_even_requests_are() -> None:
    pace = Pace()
    assert max(pace.add(8, 100 + at / 1000) for at in range(16)) < LOAD  # 128 within 16 ms, after silence
    even = [pace.add(10, 200 + at * 0.0025) for at in range(200)]  # 4,000 a second
    assert even[20] < LOAD
    assert even[-1] == pytest.approx(4000 * LATELY, rel=0.05)
    assert pace.add(1, 300) == pytest.approx(1)


async def test_closing_stores_what_waits(monitoring: Database, clock: SetClock) -> None:
    recorder = Recorder(monitoring, clock, wait=0)
    await asyncio.gather(*(recorder.record(request()) for _ in range(20)))  # nothing is started yet: all let go
    assert recorder.counts.late == recorder.waiting == 20
    recorder.start()
    await recorder.close()
    assert len(await stored(monitoring)) == 20
    assert recorder.waiting == 0


async def test_closing_without_a_start_is_no_fault(monitoring: Database, clock: SetClock) -> None:
    await Recorder(monitoring, clock).close()


async def test_too_many_are_dropped_and_counted_in_a_gap(monitoring: Database, clock: SetClock) -> None:
    recorder = Recorder(monitoring, clock, wait=0, bound=3)
    await asyncio.gather(*(recorder.record(request(at_ms=NOON_MS + number)) for number in range(5)))
    recorder.start()
    await recorder.close()
    assert len(await stored(monitoring)) == 3
    assert await monitoring.read(lambda c: known_gaps(c, 0, NOON_MS + 10)) == [
        Gap(NOON_MS + 3, NOON_MS + 4, "store_failed", 2)
    ]


async def test_an_answer_does_not_wait_for_a_slow_store(monitoring: Database, clock: SetClock) -> None:
    """The writer is held up by a transaction elsewhere; the answer goes on, and the event is stored afterwards."""
    recorder = Recorder(monitoring, clock, wait=0.01)
    recorder.start()
    held, let_go = Event(), Event()

    def hold(_connection: object) -> None:
        held.set()
        assert let_go.wait(20)

    with ThreadPoolExecutor(1) as elsewhere:
        holding = elsewhere.submit(monitoring.write_now, hold)
        held.wait()
        one = request()
        await recorder.record(one)
        assert (recorder.counts.late, recorder.counts.stored) == (1, 0)
        let_go.set()
        holding.result()
    await recorder.close()
    assert await stored(monitoring) == [one]


async def test_a_client_that_leaves_does_not_take_its_event_along(recorder: Recorder, monitoring: Database) -> None:
    one, other = request(), request()
    leaving = asyncio.ensure_future(recorder.record(one))  # noqa: TID251 - the test cancels it
    await asyncio.sleep(0)
    leaving.cancel()
    await recorder.record(other)
    assert {event.id for event in await stored(monitoring)} == {one.id, other.id}


async def test_one_event_that_no_store_can_hold_stops_no_other(recorder: Recorder, monitoring: Database) -> None:
    poison = request(latency_ms=1e30)
    good = [request() for _ in range(5)]
    await asyncio.gather(*(recorder.record(event) for event in [*good, poison]))
    assert {event.id for event in await stored(monitoring)} == {event.id for event in good}
    assert (recorder.counts.refused, recorder.counts.stored) == (1, 5)
    assert await found_gaps(monitoring) == [Gap(NOON_MS, NOON_MS, "store_failed", 1)]


async def test_what_is_refused_first_of_all_is_a_gap_too(monitoring: Database, clock: SetClock) -> None:
    recorder = Recorder(monitoring, clock, wait=NO_EXTRA_TIME)
    recorder.start()
    await recorder.record(request(latency_ms=1e30))
    await recorder.close()
    assert await found_gaps(monitoring) == [Gap(NOON_MS, NOON_MS, "store_failed", 1)]


async def test_the_same_event_twice_is_stored_once(recorder: Recorder, monitoring: Database) -> None:
    """As after a commit whose answer was lost."""
    one = request()
    await recorder.record(one)
    await recorder.record(one)
    assert await stored(monitoring) == [one]
    assert await found_gaps(monitoring) == []


async def test_a_server_that_ends_connections_costs_no_event(postgresql_url: str, clock: SetClock) -> None:
    """The first commit fails half-way, as when PostgreSQL is started anew; the events are kept and stored."""
    database = opening.monitoring(postgresql_url, clock)

    def end(connection: Connection, *_: object) -> None:
        listening.remove(database.engine, "commit", end)
        connection.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))

    listening.listen(database.engine, "commit", end)
    recorder = Recorder(database, clock, wait=NO_EXTRA_TIME)
    recorder.start()
    events = [request(model=f"model-{number}") for number in range(10)]
    await asyncio.gather(*(recorder.record(event) for event in events))
    await recorder.close()
    assert {event.id for event in await stored(database)} == {event.id for event in events}
    assert (recorder.counts.failures, recorder.counts.refused) == (1, 0)
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monitoring.db"


@pytest.fixture
def on_file(file: Path, clock: SetClock) -> Iterator[Database]:
    database = opening.monitoring(f"sqlite:///{file}", clock)
    yield database
    database.close()


def limit(database: Database, pages: int) -> Callable[[], object]:
    """SQLite's own notion of a full disk, for every connection from now on."""

    def set_limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    database.engine.dispose()
    listening.listen(database.engine, "connect", set_limit)
    return lambda: (listening.remove(database.engine, "connect", set_limit), database.engine.dispose())


async def test_a_full_disk_is_waited_out_and_the_gap_is_marked(on_file: Database, clock: SetClock) -> None:
    recorder = Recorder(on_file, clock, wait=0.01, bound=40)
    free_space = limit(on_file, pages=1)  # no page more than there are
    recorder.start()
    long_names = [request(model=f"{number:04}{'x' * 290}", at_ms=NOON_MS + number) for number in range(60)]
    await asyncio.gather(*(recorder.record(event) for event in long_names))
    assert (recorder.counts.late, recorder.counts.dropped) == (40, 20)
    await until(lambda: recorder.counts.failures)
    assert not recorder.works

    free_space()
    last = request(at_ms=NOON_MS + 100)
    await until(lambda: recorder.waiting == 0)
    await recorder.record(last)
    await recorder.close()

    assert [event.id for event in await stored(on_file)] == [event.id for event in [last, *long_names[39::-1]]]
    (gap,) = await on_file.read(lambda c: c.execute(select(gaps)).all())
    assert (gap.from_ms, gap.until_ms, gap.why, gap.count) == (NOON_MS + 40, NOON_MS + 59, "store_failed", 20)
    assert recorder.works


async def test_a_damaged_file_is_set_aside_and_recording_goes_on(
    file: Path, on_file: Database, clock: SetClock
) -> None:
    recorder = Recorder(on_file, clock, wait=NO_EXTRA_TIME)
    recorder.start()
    await recorder.record(request())
    overwrite(on_file)

    after = request(at_ms=NOON_MS + 1)
    await recorder.record(after)
    await recorder.close()

    assert await stored(on_file) == [after]
    (gap,) = await on_file.read(lambda c: c.execute(select(gaps)).all())
    assert gap.why == "damaged"
    (aside,) = file.parent.glob("monitoring.db.damaged-*Z")
    assert b"overwritten by Eve" in aside.read_bytes()


def overwrite(database: Database) -> None:
    """As a failing disk would, between two transactions."""
    database.engine.dispose()
    database.file.write_bytes(b"overwritten by Eve" * 1000)
    Path(f"{database.file}-wal").unlink(missing_ok=True)


async def test_closing_gives_up_on_a_store_that_fails(on_file: Database, clock: SetClock) -> None:
    recorder = Recorder(on_file, clock, wait=0.01)
    limit(on_file, pages=1)
    recorder.start()
    await asyncio.gather(*(recorder.record(request(model=f"{number}{'x' * 290}")) for number in range(40)))
    await recorder.close()
    assert recorder.counts.stored == 0


async def test_the_log_is_checkpointed_beside_the_writing(file: Path, on_file: Database, clock: SetClock) -> None:
    def size() -> int:
        return file.stat().st_size

    recorder, before = Recorder(on_file, clock, wait=NO_EXTRA_TIME), size()
    recorder.start()
    await asyncio.gather(*(recorder.record(request(model=f"{number}{'x' * 290}")) for number in range(500)))
    await until(lambda: size() > before + 100_000)
    await recorder.close()


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Look again and again: what another thread does gives no sign of its own."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


PROCESS = """
import asyncio, sys
from authdeck.clock import SystemClock
from authdeck.event import RequestEvent
from authdeck.ids import new_request_id
from authdeck.operations.record import LATELY, LOAD, Pace, Recorder
from authdeck.storage import opening

async def main() -> None:
    database = opening.monitoring(sys.argv[1], SystemClock())
    recorder = Recorder(database, SystemClock())
    recorder.start()
    while True:
        event = RequestEvent(id=new_request_id(1), at_ms=1, endpoint="/v1/responses", model="gpt-5", status=200)
        await recorder.record(event)
        if not recorder.counts.late:
            print(event.id.hex(), flush=True)

asyncio.run(main())
"""


def test_what_was_recorded_survives_a_kill(file: Path, clock: SetClock) -> None:
    """kill -9 while events are being recorded: every one that ``record`` returned for is there."""
    process = subprocess.Popen([sys.executable, "-c", PROCESS, f"sqlite:///{file}"], stdout=subprocess.PIPE, text=True)
    told = [process.stdout.readline().strip() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    told += [line.strip() for line in process.stdout if len(line) == 33]
    process.stdout.close()
    process.wait()

    database = opening.monitoring(f"sqlite:///{file}", clock)
    missing = [name for name in told if database.read_now(lambda c, name=name: by_id(c, name)) is None]
    assert len(told) >= 100
    assert missing == []

    async def next_run() -> None:
        recorder = Recorder(database, clock)
        recorder.start()
        await recorder.record(request(at_ms=2))
        await recorder.close()

    for _ in range(2):  # the second one finds a run that was closed
        asyncio.run(next_run())
    (gap,) = database.read_now(lambda c: known_gaps(c, 0, NOON_MS))
    assert (gap.from_ms, gap.until_ms, gap.why, gap.count) == (1, NOON_MS, "not_closed", None)
    database.close()


AWAY = SILENT + 1


@pytest.fixture
def shared(postgresql_url: str, clock: SetClock) -> Iterator[Database]:
    database = opening.monitoring(postgresql_url, clock)
    yield database
    database.close()


async def run_of(database: Database, clock: SetClock, *, beat: float = 0.01) -> Recorder:
    """A process that records beside others, and has recorded something."""
    recorder = Recorder(database, clock, wait=NO_EXTRA_TIME, beat=beat)
    recorder.start()
    await recorder.record(request())
    return recorder


async def silenced(database: Database, clock: SetClock) -> Recorder:
    """One that never says any more that it goes on."""
    return await run_of(database, clock, beat=3600)


def record_and_be_killed(url: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROCESS, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()


async def test_a_process_killed_beside_others_leaves_a_gap(
    shared: Database, postgresql_url: str, clock: SetClock
) -> None:
    record_and_be_killed(postgresql_url)
    clock.move(seconds=(SystemClock().now() - clock.now()).total_seconds() + AWAY)
    next_one = await run_of(shared, clock)
    (gap,) = await shared.read(lambda c: known_gaps(c, 0, 1 << 62))
    assert (gap.why, gap.count) == ("not_closed", None)
    assert gap.until_ms - gap.from_ms > SILENT * 1000
    await next_one.close()


async def test_others_notice_while_they_go_on_themselves(shared: Database, clock: SetClock) -> None:
    """And one that closes, or goes on, is no gap."""
    gone, going_on, closing = (
        await silenced(shared, clock),
        await run_of(shared, clock),
        await silenced(shared, clock),
    )
    await closing.close()
    clock.move(seconds=AWAY)
    async with asyncio.timeout(10):
        while not (found := await found_gaps(shared)):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    assert found == [Gap(NOON_MS, NOON_MS + int(AWAY * 1000), "not_closed", None)]
    await going_on.close()
    await gone.close()
    assert await shared.read(lambda c: c.execute(select(gaps.c.why)).scalars().all()) == ["not_closed"]


async def test_events_given_up_at_the_end_leave_a_gap(shared: Database, clock: SetClock) -> None:
    ending = Recorder(shared, clock, wait=0.01, beat=3600)
    ending.start()
    await ending.record(request())
    await until(lambda: ending.counts.stored)

    def refuse(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the server is gone"))

    listening.listen(shared.engine, "commit", refuse)
    await ending.record(request())
    await ending.close()
    listening.remove(shared.engine, "commit", refuse)
    assert ending.waiting == 1
    clock.move(seconds=AWAY)
    await (await run_of(shared, clock)).close()
    (gap,) = await found_gaps(shared)
    assert (gap.from_ms, gap.why) == (NOON_MS, "not_closed")
