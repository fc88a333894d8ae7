"""Following what other processes change. Only PostgreSQL has other processes; SQLite's home belongs to one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from authdeck.operations.desk import Desk
from authdeck.storage.reading import changes as reading
from authdeck.storage.writing import changes as writing

KEPT: Final = timedelta(hours=1)


class Follower:
    """Call ``start`` before memory is loaded, then ``poll`` twice a second. ``reload`` loads everything anew."""

    def __init__(self, desk: Desk, reload: Callable[[], Awaitable[None]]) -> None:
        self._desk = desk
        self._reload = reload
        self._seq = 0

    async def start(self) -> None:
        self._seq = await self._desk.read(reading.newest)

    async def poll(self) -> None:
        """Put in force here what others committed. One that was away longer than rows are kept loads everything."""
        oldest, rows = await self._desk.read(lambda c: (reading.oldest(c), reading.since(c, self._seq)))
        if oldest is not None and oldest > self._seq + 1:
            self._seq = await self._desk.read(reading.newest)
            await self._reload()
            return
        while rows:  # a large batch elsewhere is more than one reading of the feed, and may not take seconds to arrive
            await self._desk.feed.publish(change for _, change in rows if change.boot != self._desk.boot)
            self._seq = rows[-1][0]
            rows = await self._desk.read(lambda c: reading.since(c, self._seq))

    async def prune(self) -> None:
        """Forget rows that every reader has seen long ago."""
        await self._desk.write(lambda c: writing.prune(c, self._desk.now() - KEPT))
