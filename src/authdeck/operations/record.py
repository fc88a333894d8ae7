"""Recording request events: durable before an answer ends, and never the reason that one does not.

One thread writes. While it commits, the events that come in meanwhile gather; then it takes them all at once. So one
commit serves as many requests as are waiting, and a quiet gateway waits for its own commit alone.

Waking a thread costs more than writing an event: those of one turn of the event loop wake the writer once, at the
turn's end, and not at all while it is at work.
"""

import asyncio
import math
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.event import RequestEvent
from authdeck.operations.record_run import BEAT, Run
from authdeck.storage import opening
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading.requests import by_id
from authdeck.storage.writing.requests import Names, mark_gap, store

WAIT: Final = 0.25
"""Seconds that the end of an answer waits for its event."""
BOUND: Final = 100_000
"""Events kept while the store does not take them; later ones are dropped and counted."""
GROUP: Final = 2_000
"""Events in one transaction: some 40 ms of work."""
SMALL: Final = 64
PAUSE: Final = 0.002
"""Seconds that the writer waits after a ``SMALL`` group under load: the next one is larger, and commits are fewer."""
LOAD: Final = 200
LATELY: Final = 0.1
"""Seconds in which ``LOAD`` events make a load. Fewer may be streams that end together: none of them shall wait."""
RETRY_AFTER: Final = 0.5
CHECKPOINT_EVERY: Final = 1.0
NAMES_KEPT: Final = 500_000

Gap = tuple[int, int, str, int]
"""From and until in unix milliseconds, why, how many."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counts:
    """Since the start.

    Events ``stored``; ``late`` ones, let go before they were stored; ``dropped`` ones, never stored because too many
    waited; ``refused`` ones, that the store can't hold. ``failures`` of the store.
    """

    stored: int = 0
    late: int = 0
    dropped: int = 0
    refused: int = 0
    failures: int = 0


_Waiting = tuple[RequestEvent, "asyncio.Future[None]"]


class _Hole:
    """Events dropped since the last gap row: widened by the event loop, taken by the writer."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._hole: Gap | None = None

    def widen(self, at_ms: int) -> None:
        self.give_back((at_ms, at_ms, "store_failed", 1))

    def give_back(self, hole: Gap | None) -> None:
        if hole is None:
            return
        with self._lock:
            if self._hole is not None:
                first, last, _, count = self._hole
                hole = (min(first, hole[0]), max(last, hole[1]), hole[2], count + hole[3])
            self._hole = hole

    def take(self) -> Gap | None:
        with self._lock:
            hole, self._hole = self._hole, None
            return hole


class Pace:
    """How many events came lately: each counts for less as time goes."""

    def __init__(self) -> None:
        self._count = 0.0
        self._at = 0.0

    def add(self, count: int, at: float) -> float:
        """``LATELY`` times the events a second, once they have come evenly for a while; ``at`` is in seconds."""
        self._count = self._count * math.exp((self._at - at) / LATELY) + count
        self._at = at
        return self._count


class Recorder:
    """``start`` it, ``record`` from the event loop, ``close`` it when no request is under way any more.

    ``counts`` is for metrics. The store may fail for any time: the gateway goes on, what is dropped is counted, and the
    store gets a gap row once it works again. A damaged SQLite file is set aside and a new one begun.
    """

    def __init__(
        self, database: Database, clock: Clock, *, wait: float = WAIT, bound: int = BOUND, beat: float = BEAT
    ) -> None:
        self.counts: Final = Counts()
        self._database: Final = database
        self._clock: Final = clock
        self._wait: Final = wait
        self._bound: Final = bound
        self._queue: Final[deque[_Waiting]] = deque()
        self._some: Final = threading.Event()
        self._turn: list[asyncio.Future[None]] = []
        self._taken: Final[list[_Waiting]] = []
        self._names: Final[Names] = {}
        self._hole: Final = _Hole()
        self._closing: Final = threading.Event()
        self._works = True
        self._beat: Final = beat
        self._run: Final = Run(clock, alone=database.is_sqlite)
        self._threads: Final = [threading.Thread(target=self._write_all, name="record", daemon=True)]
        beside = ("checkpoint", self._checkpoint) if database.is_sqlite else ("recording", self._keep_run)
        self._threads.append(threading.Thread(target=beside[1], name=beside[0], daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Events that are not stored yet."""
        return len(self._queue) + len(self._taken)

    @property
    def works(self) -> bool:
        """Whether the last group was stored."""
        return self._works

    async def record(self, event: RequestEvent) -> None:
        """Return when the event is durable, or after 250 ms: then it is counted as late, and stored all the same.

        Never raises on account of the store. Returns at once, and drops the event, while too many are waiting.
        """
        if self.waiting >= self._bound:
            self._drop(event)
            return
        loop = asyncio.get_running_loop()
        stored = loop.create_future()
        self._queue.append((event, stored))
        if not self._turn:
            loop.call_soon(self._end_turn)
            loop.call_later(self._wait, self._let_go, self._turn)
        self._turn.append(stored)
        await stored

    async def close(self) -> None:
        """Store what waits. Where the store fails now, give that up and say so in the log."""
        self._closing.set()
        self._some.set()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                await asyncio.to_thread(thread.join)

    def _end_turn(self) -> None:
        self._turn = []
        self._some.set()

    def _let_go(self, turn: "list[asyncio.Future[None]]") -> None:
        for stored in turn:
            if not stored.done():
                self.counts.late += 1
                stored.set_result(None)

    def _drop(self, event: RequestEvent) -> None:
        self.counts.dropped += 1
        self._hole.widen(event.at_ms)

    # ---- on the writer's thread ----

    def _write_all(self) -> None:
        pace = Pace()
        while self._take():
            group = self._taken[:]
            if not self._stored(group) and self._closing.wait(RETRY_AFTER):
                _log.error("request events lost at the end", count=self.waiting)
                return
            if pace.add(len(group), time.monotonic()) > LOAD and len(group) < SMALL:
                self._closing.wait(PAUSE)
        self._close_run()

    def _close_run(self) -> None:
        """What can't be noted now, the next start or another process finds by this run's note, which stays."""
        with suppress(Exception):
            self._mark_hole()
            if self._run.is_open:
                self._database.write_now(self._run.close)

    def _mark_hole(self) -> None:
        hole = self._hole.take()
        if hole is None:
            return
        try:
            self._database.write_now(lambda c: mark_gap(c, *hole))
        except BaseException:
            self._hole.give_back(hole)
            raise

    def _take(self) -> int:
        """Wait for an event, then take whatever has gathered, up to one group; 0 when closing and nothing is left."""
        while not self._taken and not self._queue and not self._closing.is_set():
            self._some.wait()
            self._some.clear()  # before looking: what comes in from here on sets it again
        with suppress(IndexError):
            while len(self._taken) < GROUP:
                self._taken.append(self._queue.popleft())
        return len(self._taken)

    def _stored(self, group: list[_Waiting]) -> bool:
        """Whether the group is settled: stored, or found to be what no store can hold.

        When the store itself fails it is not: the group is kept for another try.
        """
        try:
            self._commit(group)
        except DeckError as error:
            self._failed(error)
            return False
        except Exception as error:  # noqa: BLE001 - one event that can't be stored must not stop the others
            if len(group) > 1:
                return all(self._stored([one]) for one in group)
            self._refuse(group, error)
        return True

    def _commit(self, group: list[_Waiting]) -> None:
        hole = self._hole.take()

        def work(c: WriteConnection) -> None:
            if not self._run.is_open:
                self._run.note(c)
            store(c, [event for event, _ in group], self._names)
            if hole is not None:
                mark_gap(c, *hole)

        try:
            self._database.write_often(work)
        except BaseException:
            self._names.clear()  # some may name rows that were rolled back
            self._hole.give_back(hole)
            raise
        self._works = self._run.is_open = True
        self.counts.stored += len(group)
        self._settle(group)
        if sum(map(len, self._names.values())) > NAMES_KEPT:
            self._names.clear()

    def _refuse(self, group: list[_Waiting], error: Exception) -> None:
        self.counts.refused += len(group)
        problem = str(getattr(error, "orig", error))[:200]  # without SQLAlchemy's list of the values
        _log.error("request event refused", request=group[0][0].id.hex(), error=type(error).__name__, problem=problem)
        with suppress(Exception):  # then the gap goes with the next group
            if not self._is_there(group[0][0]):
                self._hole.widen(group[0][0].at_ms)
                self._mark_hole()
        self._settle(group)

    def _is_there(self, event: RequestEvent) -> bool:
        """Whether it is refused because it is stored already: of a commit whose answer was lost."""
        return self._database.read_now(lambda c: by_id(c, event.id.hex())) is not None

    def _settle(self, group: list[_Waiting]) -> None:
        """Take the group off, and wake those who wait for it by one call."""
        del self._taken[: len(group)]
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            group[0][1].get_loop().call_soon_threadsafe(_wake, group)

    def _failed(self, error: DeckError) -> None:
        self.counts.failures += 1
        if self._works:
            _log.error("request events can't be stored", code=error.code, **error.params)
        self._works = False
        if error.code == "storage_damaged" and self._database.is_sqlite:
            self._begin_anew()

    def _begin_anew(self) -> None:
        try:
            aside = opening.begin_anew(self._database, self._clock)
        except Exception as error:  # noqa: BLE001 - the next try may do it
            _log.error("no new monitoring file", exc_info=error)
        else:
            self._run.is_open = False
            _log.error("damaged monitoring file set aside", file=str(aside))

    # ---- on the thread beside the writer's ----

    def _checkpoint(self) -> None:
        while not self._closing.wait(CHECKPOINT_EVERY):
            with suppress(Exception):  # the writer meets the same trouble and reports it
                self._database.checkpoint()

    def _keep_run(self) -> None:
        while not self._closing.wait(self._beat):
            with suppress(Exception):  # as above
                self._database.write_now(lambda c: self._run.beat(c, is_through=not self.waiting))


def _wake(group: list[_Waiting]) -> None:
    for _, stored in group:
        if not stored.done():
            stored.set_result(None)
