"""Carrying batches out: chunk after chunk, resumable at each, by whichever process holds the batch's lease."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from authdeck import change as changes
from authdeck import tasks
from authdeck.change import Change
from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.batch_answers import take_answers
from authdeck.operations.batch_calls import Calling, Refresh
from authdeck.operations.batch_queries import Query
from authdeck.operations.batch_rows import Job, take, wish_of
from authdeck.operations.batch_turn import cursor_if_ours, end_if_through, lease_of, take_turn
from authdeck.operations.desk import Desk
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import Rows, StoredBatch
from authdeck.storage.writing import batches as writing
from authdeck.storage.writing import refreshing

CHUNK: Final = 150
"""Rows of one transaction: some 15 ms, so that a token's commit never waits long behind it."""

TRIES: Final = 3
_ORPHANED: Final = timedelta(hours=1)
_log = structlog.get_logger(__name__)


class BatchRunner:
    """``start`` once, ``resume`` now and then, ``close`` before the database goes."""

    def __init__(self, desk: Desk, refresh: Refresh, query: Query | None = None, *, chunk: int = CHUNK) -> None:
        self._desk: Final = desk
        self._size: Final = chunk
        self._calling: Final = Calling(desk, refresh, query)
        self._tasks: dict[str, asyncio.Task[bool]] = {}
        self._closing = False

    async def start(self) -> None:
        """Before the port opens: what a former process left is ended or goes on."""
        desk = self._desk
        before = desk.now() if desk.database.is_sqlite else desk.now() - _ORPHANED
        await desk.write(lambda connection: writing.interrupt(connection, before=before, at=desk.now()))
        await self.resume()

    async def resume(self) -> None:
        """Take over batches that nobody carries on, and those that ended with calls under way."""

        def work(connection: ReadConnection) -> list[str]:
            return [*reading.running(connection), *reading.unsettled(connection)]

        for batch_id in await self._desk.read(work):
            self.carry_on(batch_id)

    def carry_on(self, batch_id: str, fence: int | None = None) -> asyncio.Task[bool]:
        """The batch's task in this process: the one under way, or a new one. False at once: the batch is another's.

        ``fence``: the lease was taken already, as the batch was stored.
        """
        task = self._tasks.get(batch_id)
        if task is None:
            task = self._tasks[batch_id] = tasks.start(self._carry(batch_id, fence), name=f"batch {batch_id}")
            task.add_done_callback(lambda _: self._tasks.pop(batch_id, None))
        return task

    async def close(self) -> None:
        """Let the chunks under way end; the rest waits for the next process."""
        self._closing = True
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _carry(self, batch_id: str, fence: int | None) -> bool:
        desk, lease = self._desk, lease_of(batch_id)
        if fence is None:
            fence = await desk.write(lambda connection: take_turn(desk, connection, batch_id))
        if fence is None:
            return False
        try:
            await self._through(await self._job(batch_id), fence)
        except DeckError as error:
            _log.warning("batch rests", batch=batch_id, code=error.code)
            if not error.code.startswith("storage_"):
                await self._give_up(batch_id)
        finally:
            with suppress(DeckError):
                await desk.write(lambda connection: refreshing.release_lease(connection, lease, desk.boot, fence))
        return True

    async def _job(self, batch_id: str) -> Job:
        def work(connection: ReadConnection) -> tuple[StoredBatch, Rows]:
            return reading.one(connection, batch_id), reading.rows_of(connection, batch_id)

        batch, rows = await self._desk.read(work)
        given = dict(batch.change)
        if rows.sealed is not None:
            given |= json.loads(seals.open_change(self._desk.vault, batch_id, rows.sealed))
        return Job(batch, rows.indexes, Change() if batch.undo_of else changes.read(given), rows.queue_rows)

    async def _through(self, job: Job, fence: int) -> None:
        """Chunk after chunk. One that fails is tried again: another process may have been in its way."""
        failures, is_settled = 0, not job.change.asks_elsewhere
        while not self._closing:
            try:
                if not is_settled:
                    await self._calling.settle_interrupted(job)
                    is_settled = True
                if not await self._chunk(job, fence):
                    return
                failures = 0
            except Exception as error:
                failures, is_settled = failures + 1, not job.change.asks_elsewhere
                _log.exception("chunk failed", batch=job.batch.id, failures=failures)
                if failures == TRIES:
                    if isinstance(error, DeckError):
                        raise
                    await self._give_up(job.batch.id)
                    return

    async def _chunk(self, job: Job, fence: int) -> bool:
        if job.change.asks_elsewhere:
            return await self._calling.chunk(job, fence)
        return await self._desk.write(partial(self._rows, job, fence), patient=True)

    def _rows(self, job: Job, fence: int, connection: WriteConnection) -> bool:
        """The next rows, whole, with the cursor behind them. False: there is nothing more to do here."""
        start = cursor_if_ours(self._desk, connection, job, fence)
        if start is None:
            return False
        end = min(start + self._size, len(job.indexes))
        if job.queue_rows:
            items = take_answers(self._desk, connection, job, start, end)
        else:
            items = take(self._desk, connection, job, start, end, wish_of(self._desk, connection, job, start, end))
        writing.add_items(connection, job.batch.id, items, cursor=end)
        return not end_if_through(self._desk, connection, job, end)

    async def _give_up(self, batch_id: str) -> None:
        at = self._desk.now()
        await self._desk.write(lambda connection: writing.end(connection, batch_id, status="failed", at=at))
