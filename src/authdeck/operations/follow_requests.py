"""Following requests as they are stored, whichever process stores them."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

from authdeck.clock import Clock, to_micros
from authdeck.spans import HOUR
from authdeck.storage.database import Database
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import NumberedEvent, newer_than, newest_number

EVERY: Final = 1.0
"""Seconds between two looks."""

AT_ONCE: Final = 500
FAR: Final = 10_000
"""Numbers that one who was away goes back at most."""

OVERLAP: Final = 500
"""PostgreSQL: two processes may store in another order than they drew numbers. The newest are looked at twice."""


async def beginning(database: Database, after: str) -> int:
    """Behind which number to begin: the one given, where it is one and not too far back; else now."""
    newest = await database.read(newest_number)
    given = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else newest  # noqa: PLR2004
    return max(min(given, newest), newest - FAR)


async def follow(
    database: Database, search: RequestSearch, after: int, clock: Clock, *, every: float = EVERY
) -> AsyncGenerator[list[NumberedEvent]]:
    """What matches, as it comes, in the order of storing; never an empty list.

    What came in more than an hour ago, as imported requests did, is left out.
    """
    last, overlap = after, 0 if database.is_sqlite else OVERLAP
    since_ms = to_micros(clock.now()) // 1000 - HOUR
    seen: set[int] = set()
    while True:
        behind = max(after, last - overlap)
        look = partial(newer_than, search=search, n=behind, since_ms=since_ms, limit=AT_ONCE + overlap)
        fresh = [row for row in await database.read(look) if row.n not in seen]
        if fresh:
            last = max(last, fresh[-1].n)
            seen = {n for n in seen | {row.n for row in fresh} if n > last - overlap}
            yield fresh
        if len(fresh) < AT_ONCE:
            await asyncio.sleep(every)
