"""How fast providers are asked about limits: so many at once, so long apart, for each provider and egress.

Where several processes share a database they share the pace, too: a provider sees one authdeck.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

from authdeck.account import Provider
from authdeck.operations.shared_turns import SharedTurns
from authdeck.secret import Secret

Lane = tuple[Provider, bytes]
"""The egress is told apart by its whole address, user and password too: what is shown of two may be the same."""


class Pace:
    """``turn`` is waited for before a question is sent, and held while it is answered."""

    def __init__(self, at_once: int, apart: float, shared: SharedTurns | None = None) -> None:
        self._at_once: Final = at_once
        self._apart: Final = apart
        self._shared: Final = shared
        self._places: dict[Lane, asyncio.Semaphore] = {}
        self._next: dict[Lane, float] = {}

    @asynccontextmanager
    async def turn(self, provider: Provider, proxy_url: Secret | None) -> AsyncIterator[None]:
        lane = (provider, sha256(proxy_url.open().encode()).digest() if proxy_url else b"")
        # With a shared pace, too: no more of us than that look for a place.
        async with self._places.setdefault(lane, asyncio.Semaphore(self._at_once)):
            await self._apart_from_the_last(lane)
            if self._shared is None:
                yield
            else:
                async with self._shared.turn(f"quota:{provider.value}:{lane[1].hex()[:32]}"):
                    yield

    async def _apart_from_the_last(self, lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        start = max(loop.time(), self._next.get(lane, 0.0))
        self._next[lane] = start + self._apart
        if (wait := start - loop.time()) > 0:
            await asyncio.sleep(wait)
