"""Keeping monitoring within its bounds: sums of finished hours settle, and the oldest requests go.

Requests are recorded meanwhile: each transaction is short, and the pause after it twice as long as the work was.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from authdeck.clock import Clock, to_micros
from authdeck.settings import Monitoring
from authdeck.spans import HOUR
from authdeck.storage.database import Database
from authdeck.storage.reading import room
from authdeck.storage.writing import settling
from authdeck.storage.writing.requests import prune

GRACE_MS: Final = 10 * 60_000
"""An hour settles so long after its end: most of its requests have ended by then. Later ones make it settle again."""

MIB: Final = 1024 * 1024
SPANS_AT_ONCE: Final = 200
"""Hours or days that settle in one run."""

_log = structlog.get_logger(__name__)


class Keeper:
    """``settle`` often, ``prune`` every hour, within the bounds in force. ``close`` ends a run at its next pause."""

    def __init__(self, database: Database, clock: Clock, bounds: Callable[[], Monitoring]) -> None:
        self._database: Final = database
        self._clock: Final = clock
        self._bounds: Final = bounds
        self._closing = False

    def close(self) -> None:
        self._closing = True

    async def settle(self) -> int:
        """How many hours and days were derived anew."""
        before = (self._now_ms() - GRACE_MS) // HOUR
        done = 0
        for span in settling.LENGTHS:
            due = await self._database.read(partial(settling.due, span=span, before_hour=before))
            for number in due[:SPANS_AT_ONCE]:
                if self._closing:
                    return done
                if span == "hour":
                    await self._database.write(partial(settling.pack, hour=number), patient=True)
                made = await self._database.read(partial(settling.derived, span=span, number=number))
                if made is not None:
                    await self._database.write(partial(settling.settle, made=made), patient=True)
                    done += 1
        return done

    async def prune(self) -> int:
        """Forget requests beyond the bounds; how many."""
        gone, bounds = 0, self._bounds()
        if bounds.keep_days:
            before_ms = self._now_ms() - int(timedelta(days=bounds.keep_days).total_seconds() * 1000)
            while some := await self._prune_some(before_ms):
                gone += some
        if bounds.disk_limit_mib:
            over = await self._database.read(partial(room.excess, limit=bounds.disk_limit_mib * MIB))
            while over > 0 and (some := await self._prune_some(self._now_ms() + HOUR)):
                over -= some
                gone += some
        if gone:
            _log.info("old requests forgotten", count=gone)
        return gone

    async def _prune_some(self, before_ms: int) -> int:
        if self._closing:
            return 0
        began = self._clock.monotonic()
        some = await self._database.write(lambda c: prune(c, before_ms), patient=True)
        await asyncio.sleep(2 * (self._clock.monotonic() - began))
        return some

    def _now_ms(self) -> int:
        return to_micros(self._clock.now()) // 1000
