import asyncio

from authdeck import tasks
from authdeck.jobs import Job, Runner


class Counted:
    """A job's work that counts its runs and says when there were enough."""

    def __init__(self, enough: int, *, fails: bool = False) -> None:
        self.runs = 0
        self.done = asyncio.Event()
        self._enough = enough
        self._fails = fails

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs >= self._enough:
            self.done.set()
        if self._fails:
            raise ConnectionError("the database is away")


async def test_it_works() -> None:
    work = Counted(3)
    runner = Runner([Job("count", 0.001, work)])
    runner.start()
    await work.done.wait()
    await runner.close()
    runs = work.runs
    await asyncio.sleep(0)
    assert runs >= 3
    assert work.runs == runs


async def test_what_is_rare_is_done_soon_after_the_start_too() -> None:
    work = Counted(1)
    runner = Runner([Job("daily", 86_400, work)], first=0.001)
    runner.start()
    await work.done.wait()
    await runner.close()
    assert work.runs == 1


async def test_a_failure_costs_one_run_and_no_other_job() -> None:
    broken, sound = Counted(3, fails=True), Counted(3)
    runner = Runner([Job("broken", 0.001, broken), Job("sound", 0.001, sound)])
    runner.start()
    await asyncio.gather(broken.done.wait(), sound.done.wait())
    await runner.close()


async def test_what_would_be_lost_is_done_once_more_at_the_end() -> None:
    kept, dropped = Counted(1), Counted(1)
    runner = Runner([Job("kept", 3600, kept, at_close=True), Job("dropped", 3600, dropped)])
    runner.start()
    await runner.close()
    assert (kept.runs, dropped.runs) == (1, 0)


async def test_a_run_under_way_is_waited_for() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    runner = Runner([Job("slow", 0.001, work)])
    runner.start()
    await begun.wait()
    closing = tasks.start(runner.close(), name="close")
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    assert ended.is_set()
