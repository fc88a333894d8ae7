"""Carrying inspections out: some accounts at a time, resumable at each, by whichever process holds the run's lease.

Accounts without a result are still to do, so that a run that is taken over asks nobody twice of whom something is
written. Where tokens may be refreshed, accounts of one OAuth client come one after the other, and the first sign that
its provider ends a family of sign-ins ends that client's part of the run.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from authdeck import tasks
from authdeck.errors import DeckError
from authdeck.inspection_order import Policy, read_policy
from authdeck.operations.desk import Desk
from authdeck.operations.inspect_account import Answered, Inspector, judge
from authdeck.operations.inspection_acts import act_on
from authdeck.operations.records import changed
from authdeck.operations.refresh_lanes import RefreshLane, in_lanes
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.inspections import StoredInspection
from authdeck.storage.writing import inspections as writing
from authdeck.storage.writing import refreshing

CHANGE: Final = "inspection"
"""The kind of change that readers are told of."""

LEASE: Final = 6.0
RENEWED_EVERY: Final = 2.0
"""Seconds: so long a run rests when its process dies beside another one."""

OLDEST: Final = timedelta(days=1)
"""A run that rested longer is not gone on with: its results would tell of two days."""

TOGETHER: Final = 25
"""Accounts of one transaction: what was heard of each, what follows from that, and the result."""

APART: Final = 0.25
"""Seconds after which accounts are written down though they are few: people watch."""

PATIENCE: Final = 5.0
"""Seconds that a stop waits for answers under way: asking again later costs nothing but a question."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Run:
    """A run under way. ``ended``: nobody shall go on; it was cancelled, or is another process's by now."""

    stored: StoredInspection
    policy: Policy
    todo: Sequence[str]
    fence: int
    waiting: list[Answered] = field(default_factory=list)
    gone: int = 0
    ended: bool = False

    @property
    def lease(self) -> str:
        return lease_of(self.stored.id)


def lease_of(inspection_id: str) -> str:
    return f"inspection:{inspection_id}"


class InspectionRunner:
    """``start`` once, ``resume`` now and then, ``close`` before the database goes."""

    def __init__(self, desk: Desk, inspector: Inspector) -> None:
        self._desk: Final = desk
        self._inspector: Final = inspector
        self._tasks: dict[str, asyncio.Task[bool]] = {}
        self._runs: dict[str, _Run] = {}
        self._closing = False

    async def start(self) -> None:
        """Before the port opens: what a former process left goes on, unless it is too old."""
        now = self._desk.now()
        await self._desk.write(lambda connection: writing.interrupt(connection, before=now - OLDEST, at=now))
        await self.resume()

    async def resume(self) -> None:
        """Take over runs that nobody carries on."""
        for inspection_id in await self._desk.read(reading.open_ids):
            self.carry_on(inspection_id)

    def carry_on(self, inspection_id: str) -> asyncio.Task[bool]:
        """The run's task in this process: the one under way, or a new one. False at once: the run is another's."""
        task = self._tasks.get(inspection_id)
        if task is None:
            work = self._carry(inspection_id)
            task = self._tasks[inspection_id] = tasks.start(work, name=f"inspection {inspection_id}")
            task.add_done_callback(lambda _: self._tasks.pop(inspection_id, None))
        return task

    def stop(self, inspection_id: str) -> None:
        """It was cancelled: ask nobody any more. A process that carries it out elsewhere notices within seconds."""
        if (run := self._runs.get(inspection_id)) is not None:
            run.ended = True

    async def close(self) -> None:
        """Let the accounts under way end, for a while; the rest waits for the next process."""
        self._closing = True
        if not self._tasks:
            return
        _, late = await asyncio.wait(list(self._tasks.values()), timeout=PATIENCE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _carry(self, inspection_id: str) -> bool:
        desk, lease = self._desk, lease_of(inspection_id)
        if self._closing:
            return False
        fence = await desk.write(lambda connection: self._take_turn(connection, inspection_id))
        if fence is None:
            return False
        try:
            run = self._runs[inspection_id] = await self._read(inspection_id, fence)
            async with self._kept(run):
                await self._through(run)
        except DeckError as error:
            _log.warning("inspection rests", inspection=inspection_id, code=error.code)
            if not error.code.startswith("storage_"):
                await self._end(inspection_id, "failed", fence)
        except Exception:  # noqa: BLE001 - whatever it was, it would come again
            _log.exception("inspection failed", inspection=inspection_id)
            await self._end(inspection_id, "failed", fence)
        finally:
            self._runs.pop(inspection_id, None)
            with suppress(DeckError):
                await desk.write(lambda connection: refreshing.release_lease(connection, lease, desk.boot, fence))
        return True

    def _take_turn(self, connection: WriteConnection, inspection_id: str) -> int | None:
        fence = refreshing.take_lease(connection, lease_of(inspection_id), self._desk.boot, LEASE)
        if fence is not None:
            writing.set_running(connection, inspection_id)
            changed(self._desk, connection, CHANGE, inspection_id)
        return fence

    async def _read(self, inspection_id: str, fence: int) -> _Run:
        def work(connection: ReadConnection) -> _Run:
            stored = reading.one(connection, inspection_id)
            todo = reading.left(connection, inspection_id)
            return _Run(stored, read_policy(stored.policy), todo, fence, ended=not stored.is_open)

        return await self._desk.read(work)

    async def _through(self, run: _Run) -> None:
        """Ask, write down, act, end; where it stops in between, the next one goes on there."""
        asked = asyncio.Event()
        noting = tasks.start(self._noting(run, asked), name=f"results of inspection {run.stored.id}")
        try:
            await (self._in_lanes(run) if run.policy.refresh else self._side_by_side(run))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            asked.set()
            await noting
        await self._note(run)
        if self._stops(run):
            return
        acts = partial(act_on, self._desk, run.stored, run.policy, run.fence, run.lease)
        while await self._desk.write(acts, patient=True):
            if self._stops(run):
                return
        await self._end(run.stored.id, "completed", run.fence)

    def _stops(self, run: _Run) -> bool:
        return run.ended or self._closing

    # ---- asking ----

    async def _side_by_side(self, run: _Run) -> None:
        left = iter(run.todo)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(run.policy.workers, len(run.todo))):
                group.create_task(self._worker(run, left))

    async def _worker(self, run: _Run, left: Iterator[str]) -> None:
        for auth_index in left:
            if self._stops(run):
                return
            await self._take_in(run, await self._inspector.ask(auth_index, run.policy))

    async def _in_lanes(self, run: _Run) -> None:
        lanes = await in_lanes(self._desk, run.todo)
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._lane(run, lane))

    async def _lane(self, run: _Run, auth_indexes: Sequence[str]) -> None:
        lane = RefreshLane(self._desk)
        for auth_index in auth_indexes:
            before = await lane.turn(auth_index)
            if self._stops(run):
                return
            asked = await self._inspector.ask(auth_index, run.policy, family_stopped=lane.is_stopped)
            if asked is not None:
                lane.heard(asked.heard.answer, before)
            await self._take_in(run, asked)

    # ---- writing down ----

    async def _take_in(self, run: _Run, asked: Answered | None) -> None:
        if asked is None:
            run.gone += 1
            return
        run.waiting.append(asked)
        if len(run.waiting) >= TOGETHER:
            await self._note(run)

    async def _noting(self, run: _Run, asked: asyncio.Event) -> None:
        """Now and then, until all were asked. What could not be written waits."""
        while not asked.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), APART)
            with suppress(DeckError):
                await self._note(run)

    async def _note(self, run: _Run) -> None:
        """Who waits to be written down, of a cancelled run too. Of one that is another's by now no result is."""
        asked, gone, run.waiting, run.gone = run.waiting, run.gone, [], 0
        if not (asked or gone):
            return
        try:
            await self._write(run, asked, gone)
        except BaseException:
            run.waiting, run.gone = [*asked, *run.waiting], run.gone + gone
            raise

    async def _write(self, run: _Run, asked: Sequence[Answered], gone: int) -> None:
        try:
            is_open = await self._desk.write(partial(self._add, run, asked, gone), patient=True)
        except Exception as error:
            if not asked or not _is_about_one(error):
                raise
            await self._write_apart(run, asked, gone)
        else:
            run.ended = run.ended or not is_open

    async def _write_apart(self, run: _Run, asked: Sequence[Answered], gone: int) -> None:
        """One of these can't be written down: the others are all the same, and of that one it is said."""
        if len(asked) > 1:
            for each in asked:
                await self._write(run, [each], 0)
            asked = []
        else:
            _log.exception("account not inspected", auth_index=asked[0].heard.answer.auth_index)
            asked = [self._inspector.broken(asked[0])]
        if asked or gone:
            await self._desk.write(partial(self._add, run, asked, gone), patient=True)

    def _add(self, run: _Run, asked: Sequence[Answered], gone: int, connection: WriteConnection) -> bool:
        """False: it was cancelled, or another process has it."""
        found = judge(self._desk, asked, run.policy, connection)
        head = writing.head(connection, run.stored.id)
        if head is None or not refreshing.holds_lease(connection, run.lease, self._desk.boot, run.fence):
            return False
        gone += len(asked) - len(found)
        writing.add_results(connection, run.stored.id, [each.row for each in found], gone=gone)
        changed(self._desk, connection, CHANGE, run.stored.id)
        return head.status in reading.OPEN

    async def _end(self, inspection_id: str, status: str, fence: int) -> None:
        """Unless another process has it by now: then it is not for this one to say."""

        def work(connection: WriteConnection) -> None:
            if refreshing.holds_lease(connection, lease_of(inspection_id), self._desk.boot, fence):
                writing.end(connection, inspection_id, status=status, at=self._desk.now())
                changed(self._desk, connection, CHANGE, inspection_id)

        await self._desk.write(work)

    @asynccontextmanager
    async def _kept(self, run: _Run) -> AsyncIterator[None]:
        """The lease lasts as long as the run does; where it is lost, or the run was cancelled, ``ended`` says so."""

        def renew(connection: WriteConnection) -> bool:
            head = writing.head(connection, run.stored.id)
            ours = refreshing.renew_lease(connection, run.lease, self._desk.boot, run.fence, LEASE)
            return ours and head is not None and head.status in reading.OPEN

        async def renewing() -> None:
            while not run.ended:
                await asyncio.sleep(RENEWED_EVERY)
                if not await self._desk.write(renew):
                    run.ended = True

        task = tasks.start(renewing(), name=f"lease of inspection {run.stored.id}")
        try:
            yield
        finally:
            task.cancel()


def _is_about_one(error: Exception) -> bool:
    """Whether it is what was heard that can't be written down, and not the store that fails."""
    return not isinstance(error, DeckError) or error.code == "storage_text_refused"
