"""When each account was last used and last answered: held in memory, written down every few seconds."""

from dataclasses import replace
from datetime import datetime

from authdeck.clock import from_micros
from authdeck.directory import Entry
from authdeck.event import RequestEvent
from authdeck.operations import verify_restored
from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import accounts as writing


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

        try:
            await self._desk.write(work)
        except BaseException:
            self._seen = taken | self._seen
            raise
        for index, times in seen.items():
            if (entry := self._desk.directory.get(index)) is not None:
                self._desk.directory.apply(_used(entry, *times))
        succeeded = {index: success for index, (_, success) in seen.items() if success is not None}
        await verify_restored.saw_successes(self._desk, succeeded)


def _moment(unix_ms: int) -> datetime:
    return from_micros(unix_ms * 1000)


def _used(entry: Entry, last_request: datetime, last_success: datetime | None) -> Entry:
    account = replace(
        entry.account, last_request_at=last_request, last_success_at=last_success or entry.account.last_success_at
    )
    return replace(entry, account=account)
