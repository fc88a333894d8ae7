"""A desk on a database that the test opens, closes and lets crash."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.pool import Pool
from authdeck.providers import PROVIDERS
from authdeck.settings import Settings
from authdeck.storage.database import Database, WriteConnection
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.vault import Vault

T = TypeVar("T")


class CrashError(BaseException):
    """The process ends here. No ``except Exception`` takes it for a failure of ours."""


class CrashingDatabase(Database):
    """A database whose process may end: all that a write did is there, its commit is not."""

    _left: int | None = None

    def crash_after(self, writes: int | None) -> None:
        """So many writes are committed, the next one crashes; ``None``: none does."""
        self._left = writes

    def write_now(self, work: Callable[[WriteConnection], T]) -> T:
        def crashing(connection: WriteConnection) -> T:
            result = work(connection)
            if self._left is not None:
                if self._left == 0:
                    raise CrashError
                self._left -= 1
            return result

        return super().write_now(crashing)


async def desk_on(database: Database, vault: Vault, clock: Clock, home: Path) -> Desk:
    """A desk whose directory follows the database from here on."""
    settings = Settings(home=home)
    sessions = Sessions(Origins(settings.providers, own_host=settings.host, own_port=settings.port))
    desk = Desk(settings, clock, "b" * 32, database, vault, ChangeFeed(), Directory(), Calls(sessions))
    await Mirror(desk, Pool(lambda account: PROVIDERS[account.provider].routes(account.kind))).load()
    return desk
