"""Runs each job of a timetable again and again: never twice at once, and a failure only costs that one run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from authdeck import tasks

FIRST: Final = 60.0
"""Seconds within which each job runs for the first time: a server that is started anew every hour prunes too."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something done every so many seconds, counted from the end of the former run; see ``FIRST`` for the first one.

    ``at_close``: done once more when the runner closes, so that nothing held in memory is lost.
    """

    name: str
    every: float
    work: Callable[[], Awaitable[object]]
    at_close: bool = False


class Runner:
    """``start`` it on the loop; ``close`` lets runs under way end and does what must be done last."""

    def __init__(self, jobs: Iterable[Job], *, first: float = FIRST) -> None:
        self._jobs: Final = tuple(jobs)
        self._first: Final = first
        self._closing: Final = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._running = [tasks.start(self._repeat(job), name=f"job {job.name}") for job in self._jobs]

    async def close(self) -> None:
        self._closing.set()
        await asyncio.gather(*self._running)
        for job in self._jobs:
            if job.at_close:
                await run(job)

    async def _repeat(self, job: Job) -> None:
        wait = min(self._first, job.every)
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait)
                return
            await run(job)
            wait = job.every


async def run(job: Job) -> None:
    """Once. What it raises is logged; the timetable goes on."""
    try:
        await job.work()
    except Exception:  # noqa: BLE001 - whatever it was, the next run is due all the same
        _log.exception("job failed", job=job.name)
