"""When each account was last used and last answered: held in memory, written down every few seconds."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from authdeck.clock import from_micros
from authdeck.entry import Entry
from authdeck.event import RequestEvent
from authdeck.operations import reconcile, verify_restored
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import SLICE, take_in
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts as reading
from authdeck.storage.writing import accounts as writing

CHANGE: Final = "use"
"""The kind of change that tells every process which accounts were used; see ``together``."""

_TOGETHER: Final = 200


class Uses:
    """``saw`` each event; ``flush`` from the timetable and at the end. Lists lag at most that long behind."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: dict[str, tuple[int, int | None]] = {}  # unix milliseconds

    def saw(self, event: RequestEvent) -> None:
        if event.auth_index is None:
            return
        at = event.at_ms
        success = at if event.failure is None else self._seen.get(event.auth_index, (at, None))[1]
        self._seen[event.auth_index] = (at, success)

    async def flush(self) -> None:
        """Write what was seen since the last time; what can't be written now is kept for the next time."""
        taken, self._seen = self._seen, {}
        if not taken:
            return
        seen = {index: (_moment(at), None if ok is None else _moment(ok)) for index, (at, ok) in taken.items()}

        def work(connection: WriteConnection) -> None:
            writing.remember_requests(connection, ((index, *times) for index, times in seen.items()))
            for some in together(sorted(seen)):
                changed(self._desk, connection, CHANGE, some)

        try:
            await self._desk.write(work)
        except BaseException:
            self._seen = taken | self._seen
            raise
        succeeded = {index: success for index, (_, success) in seen.items() if success is not None}
        await verify_restored.saw_successes(self._desk, succeeded)
        await reconcile.saw_successes(self._desk, succeeded)


async def take_in_uses(desk: Desk, subjects: Sequence[str]) -> None:
    """Put in force what any process wrote down about uses. Lists show them; routing asks nothing of them."""
    indexes = [index for subject in subjects for index in subject.split(",")]
    found = await desk.read(lambda connection: reading.last_uses(connection, indexes))
    for number, (index, times) in enumerate(found.items()):
        if (entry := desk.directory.get(index)) is not None:
            desk.directory.apply(_used(entry, *times))
        if number % SLICE == 0:
            await asyncio.sleep(0)
    await take_in(desk)


def together(indexes: Sequence[str]) -> Iterator[str]:
    """A change's subject for so many accounts: a row of the feed for each would be the most of it by far."""
    for start in range(0, len(indexes), _TOGETHER):
        yield ",".join(indexes[start : start + _TOGETHER])


def _moment(unix_ms: int) -> datetime:
    return from_micros(unix_ms * 1000)


def _used(entry: Entry, last_request: datetime | None, last_success: datetime | None) -> Entry:
    account = replace(entry.account, last_request_at=last_request, last_success_at=last_success)
    return replace(entry, account=account)
