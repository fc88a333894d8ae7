"""The desk: everything an operation works with, wired once in ``server.py``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from authdeck.catalogue import SHIPPED, Catalogue
from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.settings import Settings
from authdeck.storage.database import Change, Database, ReadConnection, WriteConnection
from authdeck.tasks import to_its_end
from authdeck.upstream.calls import Calls
from authdeck.vault.vault import Vault

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Desk:
    """``boot`` names this process's run. Operations are functions whose first argument is the desk.

    ``settings`` are those in force: ``started``, those authdeck was started with, and what admins changed since
    (``operations.adjust``, which alone sets them anew). So nobody keeps them for longer than one piece of work.
    """

    settings: Settings
    clock: Clock
    boot: str
    database: Database
    vault: Vault
    feed: ChangeFeed
    directory: Directory
    calls: Calls
    catalogue: Catalogue = SHIPPED
    started: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.settings

    def now(self) -> datetime:
        return self.clock.now()

    async def read(self, work: Callable[[ReadConnection], T]) -> T:
        return await self.database.read(work)

    async def write(self, work: Callable[[WriteConnection], T], *, patient: bool = False) -> T:
        """Commit ``work``; what it changed is in force in this process before this returns, cancelled or not.

        ``patient``: a part of something long, which lets the writes that wait already go first.
        """
        return await to_its_end(asyncio.get_running_loop().create_task(self._write(work, patient=patient)))

    async def _write(self, work: Callable[[WriteConnection], T], *, patient: bool) -> T:
        changes: list[Change] = []

        def working(connection: WriteConnection) -> T:
            result = work(connection)
            changes.extend(connection.changes)
            return result

        result = await self.database.write(working, patient=patient)
        await self.feed.publish(changes)
        return result
