"""Everything that is to happen by itself does: in the timetable, in the server, by the settings in force."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from authdeck import server
from authdeck.event import Failure, FailureKind
from authdeck.jobs import Chores, timetable
from authdeck.operations import adjust
from authdeck.settings import load
from authdeck.storage.tables import hour_model, requests, settled
from authdeck.storage.writing.requests import store
from fakes.clock import SetClock
from fakes.laid import lay
from fakes.people import ANN
from operations.test_requests_file import event

OPTIONAL = {field.name for field in fields(Chores) if field.default is not MISSING}
LOST_OTHERWISE = {"flush-account-use", "flush-observations", "flush-key-use"}
"""What they write is only in memory."""


async def nothing() -> None:
    """A chore's work."""


def chores(*, without: set[str] = OPTIONAL) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each with a work of its own."""
    return {field.name: partial(nothing) for field in fields(Chores) if field.name not in without}


def job_of(chore: str) -> str:
    return chore.replace("_", "-")


@pytest.mark.parametrize("without", [OPTIONAL, *({name} for name in sorted(OPTIONAL)), set()])
def test_every_chore_is_there_once_with_its_own_work(without: set[str]) -> None:
    given = chores(without=without)
    jobs = timetable(Chores(**given))
    assert len(jobs) == len(given)
    assert {job.name: job.work for job in jobs} == {job_of(chore): work for chore, work in given.items()}


def test_each_has_a_pace() -> None:
    jobs = timetable(Chores(**chores(without=set())))
    assert all(job.every > 0 for job in jobs)
    assert next(job.every for job in jobs if job.name == "poll-changes") <= 0.5
    assert {job.name for job in jobs if job.at_close} == LOST_OTHERWISE


# ---- a whole server's ----


@dataclass
class Served:
    """A server whose jobs a test runs by hand."""

    built: server.Built

    async def run(self, name: str) -> Any:
        [job] = [job for job in self.built._runner._jobs if job.name == name]
        return await job.work()

    def put(self, *minutes: float, **extra: Any) -> None:
        some = [event(minute, **extra) for minute in minutes]
        self.built.parts.monitoring.write_now(lambda c: store(c, some, {}))

    def count(self, table: Any = requests) -> int:
        statement = select(func.count()).select_from(table)
        return int(self.built.parts.monitoring.read_now(lambda c: c.execute(statement).scalar_one()))


Made = Callable[[], Awaitable[Served]]


@pytest_asyncio.fixture
async def made(clock: SetClock, tmp_path: Path) -> AsyncIterator[Made]:
    """Starts the one server of a test, with the environment that is there by then."""
    began: list[server.Built] = []

    async def make() -> Served:
        built = await server.build(load(home=lay(tmp_path)), clock)
        began.append(built)
        await built.start()
        return Served(built)

    yield make
    for built in began:
        await built.stop()


DAY = 24 * 60
BROKEN = Failure(FailureKind.UPSTREAM, "broken", "x" * 400)


async def test_no_work_of_the_server_is_under_two_names(made: Made) -> None:
    works = [job.work for job in (await made()).built._runner._jobs]
    known = [(work.func, work.args) if isinstance(work, partial) else work for work in works]
    assert max(Counter(known).values()) == 1


async def test_finished_hours_settle(made: Made) -> None:
    served = await made()
    served.put(-2 * DAY, -90)
    assert await served.run("settle-requests") == 3  # two hours and a day
    assert (served.count(settled), served.count()) == (3, 2)


async def test_days_given_at_the_start_are_kept(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHDECK_MONITORING__KEEP_DAYS", "3")
    served = await made()
    served.put(-4 * DAY, -2 * DAY)
    assert await served.run("prune-requests") == 1
    assert (served.count(), served.count(hour_model)) == (1, 2)


async def test_days_changed_meanwhile_count_from_the_next_run_on(made: Made) -> None:
    served = await made()
    served.put(-31 * DAY, -20 * DAY, -4 * DAY, -2 * DAY)
    assert await served.run("prune-requests") == 1  # by the default
    for days, gone in ((15, 1), (3, 1), (0, 0), (None, 0)):
        await adjust.change(served.built.desk, {"monitoring.keep_days": days}, ANN)
        assert await served.run("prune-requests") == gone
    served.put(-31 * DAY)
    assert await served.run("prune-requests") == 1  # by the default again
    assert served.count() == 1


async def test_room_given_at_the_start_is_kept(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHDECK_MONITORING__DISK_LIMIT_MIB", "1")
    served = await made()
    served.put(*(-place / 60 for place in range(3_000)), status=500, failure=BROKEN)
    gone = await served.run("prune-requests")
    assert 0 < gone < 3_000
    assert served.count() == 3_000 - gone


async def test_room_changed_meanwhile_counts_from_the_next_run_on(made: Made) -> None:
    served = await made()
    served.put(*(-place / 60 for place in range(3_000)), status=500, failure=BROKEN)
    assert await served.run("prune-requests") == 0
    await adjust.change(served.built.desk, {"monitoring.disk_limit_mib": 1}, ANN)
    assert 0 < await served.run("prune-requests") < 3_000
    served.put(*(-place / 60 for place in range(3_000)), status=500, failure=BROKEN)
    await adjust.change(served.built.desk, {"monitoring.disk_limit_mib": 0}, ANN)
    assert await served.run("prune-requests") == 0
