"""Asking for limits by the clock, where a setting says so: spread over the time, and never with a refresh."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zlib import crc32

import structlog

from authdeck.account import Kind
from authdeck.entry import Entry
from authdeck.hold import Owner
from authdeck.operations.desk import Desk
from authdeck.operations.query_many import query_many
from authdeck.operations.query_quota import QuotaQueries
from authdeck.providers.quotas import QUOTAS
from authdeck.quota_answer import QuotaAnswer
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import quota as reading
from authdeck.storage.writing import refreshing

_log = structlog.get_logger(__name__)

LEAST: Final = 300
"""Seconds: nobody is asked more often, whatever the setting."""

AT_MOST: Final = 200
"""Accounts of one run; the rest is due in the next."""

SPREAD: Final = 0.1
"""Each account's time differs by up to so much of the interval, so that they do not all come together."""

SLICE: Final = 1_000
_LEASE: Final = "job:query-quota"
_LEASE_SECONDS: Final = 600
LONGEST: Final = 540.0
"""Seconds of one run: well within its lease, so that no other process asks beside it."""

_KEPT_OUT: Final = frozenset({Owner.OPERATOR, Owner.INSPECTION, Owner.CREDENTIAL})


class ScheduledQuota:
    """``run`` by the timetable. One process at a time asks."""

    def __init__(self, desk: Desk, queries: QuotaQueries) -> None:
        self._desk: Final = desk
        self._queries: Final = queries
        self._began: Final = desk.now()
        self._tried: dict[str, datetime] = {}
        every = desk.settings.quota.every
        given = {provider: getattr(every, provider.value) for provider in QUOTAS}
        self._every: Final = {
            provider: timedelta(seconds=max(LEAST, seconds)) for provider, seconds in given.items() if seconds
        }

    async def run(self) -> int:
        """Ask those that are due, some at a time. How many."""
        if not self._every:
            return 0
        fence = await self._desk.write(self._take_turn) if await self._due() else None
        if fence is None:
            return 0
        try:
            due = (await self._due())[:AT_MOST]  # anew: whoever had the turn before may have asked them just now
            await asyncio.wait_for(query_many(self._desk, self._queries, due, self._heard), LONGEST)
        except TimeoutError:
            _log.warning("scheduled questions took too long; the rest is due in the next run")
        finally:
            await self._desk.write(partial(self._release, fence))
        return len(due)

    async def _due(self) -> list[str]:
        """Longest due first."""
        now, longest = self._desk.now(), max(self._every.values()) * (1 + SPREAD)
        asked = await self._desk.read(partial(reading.asked_since, since=now - longest))
        due: list[tuple[datetime, str]] = []
        entries: Sequence[Entry] = list(self._desk.directory.entries())
        for place, entry in enumerate(entries):
            if place % SLICE == 0:
                await asyncio.sleep(0)  # requests go first, however many accounts there are
            if (at := self._due_at(entry, asked)) is not None and at <= now:
                due.append((at, entry.account.auth_index))
        return [auth_index for _, auth_index in sorted(due)]

    def _due_at(self, entry: Entry, asked: Mapping[str, datetime]) -> datetime | None:
        """``None``: not to be asked at all. One that was never asked is due somewhere in the first interval."""
        account = entry.account
        every = self._every.get(account.provider)
        if every is None or account.kind is not Kind.OAUTH or account.unreadable is not None:
            return None
        if any(hold.owner in _KEPT_OUT and hold.scope is None for hold in entry.holds):
            return None
        place = crc32(account.auth_index.encode()) / 2**32
        moments = [at for at in (asked.get(account.auth_index), self._tried.get(account.auth_index)) if at is not None]
        if not moments:
            return self._began + every * place
        return max(moments) + every * (1 - SPREAD + 2 * SPREAD * place)

    async def _heard(self, answer: QuotaAnswer) -> None:
        self._tried[answer.auth_index] = answer.at

    def _take_turn(self, connection: WriteConnection) -> int | None:
        return refreshing.take_lease(connection, _LEASE, self._desk.boot, _LEASE_SECONDS)

    def _release(self, fence: int, connection: WriteConnection) -> None:
        refreshing.release_lease(connection, _LEASE, self._desk.boot, fence)
