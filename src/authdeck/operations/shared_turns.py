"""Turns of a lane that several processes share: so many at once, so long apart, by leases on the database's clock.

A process that dies leaves its places behind until their leases end; the others go on with the rest.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from authdeck import tasks
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import refreshing

LONGEST: Final = 180.0
"""Seconds a place is kept: more than the time limits of all questions of one turn together."""

LOOK_AGAIN: Final = 0.1
"""Seconds, and up to as many more, until who found no place looks again."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    lease: str
    fence: int


class SharedTurns:
    """``turn`` is waited for, however long that takes."""

    def __init__(self, desk: Desk, at_once: int, apart: float) -> None:
        self._desk: Final = desk
        self._at_once: Final = at_once
        self._apart: Final = apart

    @asynccontextmanager
    async def turn(self, lane: str) -> AsyncIterator[None]:
        """``lane`` names it in at most 80 characters. Raises what the database does where no place can be taken."""
        wanted = asyncio.Event()
        wanted.set()
        finding = tasks.start(self._found(lane, wanted), name="shared turn")
        try:
            place = await asyncio.shield(finding)
        except asyncio.CancelledError:  # in the midst of a commit, maybe: what was taken has to be left
            wanted.clear()
            finding.add_done_callback(self._leave_again)
            raise
        assert place is not None
        try:
            yield
        finally:
            await asyncio.shield(self._left(place))

    async def _found(self, lane: str, wanted: asyncio.Event) -> _Place | None:
        while wanted.is_set():
            found = await self._desk.write(partial(self._taken, lane))
            if isinstance(found, _Place):
                return found
            await asyncio.sleep(found * random.uniform(1, 2))  # noqa: S311 - no secret
        return None

    def _taken(self, lane: str, connection: WriteConnection) -> _Place | float:
        """A free place, if the last turn began long enough ago; else in how many seconds to look again, at least.

        The start is asked for first, by everybody.
        """
        start = f"{lane}:start"
        begun = refreshing.take_lease(connection, start, self._desk.boot, self._apart) if self._apart else None
        if self._apart and begun is None:
            return min(self._apart, LOOK_AGAIN)
        numbers = random.sample(range(self._at_once), self._at_once)
        for name in (f"{lane}:{number}" for number in numbers):
            if (fence := refreshing.take_lease(connection, name, self._desk.boot, LONGEST)) is not None:
                return _Place(name, fence)
        if begun is not None:
            refreshing.release_lease(connection, start, self._desk.boot, begun)
        return LOOK_AGAIN

    def _leave_again(self, finding: asyncio.Task[_Place | None]) -> None:
        place = None if finding.cancelled() or finding.exception() else finding.result()
        if place is not None:
            tasks.start(self._left(place), name="shared turn left")

    async def _left(self, place: _Place) -> None:
        try:
            await self._desk.write(
                lambda connection: refreshing.release_lease(connection, place.lease, self._desk.boot, place.fence)
            )
        except DeckError as error:
            _log.warning("a place is left to end by itself", lease=place.lease, code=error.code)
