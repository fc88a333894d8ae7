"""The note that a process records events, so that what it takes along when it is killed shows as a hole.

A SQLite file has one writer: whoever opens it next finds the note of one that never closed it. On PostgreSQL several
write side by side, so each notes every ``BEAT`` seconds that it still does, and whoever is silent for ``SILENT`` is
taken for gone by the others. One that was away itself judges nobody: then it was the database.
"""

import secrets
from typing import Final

from authdeck.clock import Clock, to_micros
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import RUNNING
from authdeck.storage.writing.requests import close_run, give_up_runs, keep_run, open_run

BEAT: Final = 10.0
SILENT: Final = 60.0


class Run:
    """``note`` in a transaction of events while it is not ``is_open``; set that once the transaction is through.

    All of it in transactions of one database, of which there is one at a time.
    """

    def __init__(self, clock: Clock, *, alone: bool) -> None:
        self._clock: Final = clock
        self._alone: Final = alone
        self._name: Final = RUNNING if alone else f"{RUNNING}:{secrets.token_hex(8)}"
        self._noted_ms = 0
        self.is_open = False

    def note(self, c: WriteConnection) -> None:
        """It begins."""
        if self._alone:
            open_run(c, self._now_ms())
        else:
            self._keep(c, is_through=True, may_judge=True)

    def beat(self, c: WriteConnection, *, is_through: bool) -> None:
        """It goes on, beside others. ``is_through``: no event waits to be stored."""
        if self.is_open:
            self._keep(c, is_through=is_through, may_judge=self._now_ms() - self._noted_ms < SILENT * 1000)

    def close(self, c: WriteConnection) -> None:
        """It has stored all it had: no beat after it."""
        self.is_open = False
        close_run(c, self._name)

    def _keep(self, c: WriteConnection, *, is_through: bool, may_judge: bool) -> None:
        now = self._now_ms()
        keep_run(c, self._name, now, is_through=is_through)
        if may_judge:
            give_up_runs(c, self._name, now - int(SILENT * 1000), now)
        self._noted_ms = now

    def _now_ms(self) -> int:
        return to_micros(self._clock.now()) // 1000
