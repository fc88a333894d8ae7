"""The websockets of this process, so that it can stop without breaking off what is being said on them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol


class Talk(Protocol):
    """A conversation. ``gateway.sockets`` has the real one."""

    async def ends_after_turn(self) -> None: ...


class Talks:
    """``holding`` as long as one lasts; ``end`` when the process is told to stop."""

    def __init__(self) -> None:
        self._open: Final[set[Talk]] = set()
        self._one_less: Final = asyncio.Event()

    @contextmanager
    def holding(self, talk: Talk) -> Iterator[None]:
        self._open.add(talk)
        try:
            yield
        finally:
            self._open.discard(talk)
            self._one_less.set()

    async def end(self) -> None:
        """Every conversation closes with 1012, now or when its turn has ended by itself. Returns when all are over."""
        await asyncio.gather(*(talk.ends_after_turn() for talk in tuple(self._open)), return_exceptions=True)
        while self._open:
            self._one_less.clear()
            await self._one_less.wait()
