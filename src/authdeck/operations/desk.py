"""The desk: everything an operation works with, wired once in ``server.py``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from authdeck import tasks
from authdeck.catalogue import SHIPPED, Catalogue
from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.operations.changes import ChangeFeed
from authdeck.settings import Settings
from authdeck.storage.database import Change, Database, ReadConnection, WriteConnection
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
    _under_way: "set[asyncio.Future[Any]]" = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.started = self.settings

    def now(self) -> datetime:
        return self.clock.now()

    async def read(self, work: Callable[[ReadConnection], T]) -> T:
        return await self.database.read(work)

    async def write(self, work: Callable[[WriteConnection], T], *, patient: bool = False) -> T:
        """Commit ``work``; what it changed is in force here before this returns, or soon where it is cancelled.

        ``patient``: a part of something long, which lets the writes that wait already go first.
        """
        changes: list[Change] = []

        def working(connection: WriteConnection) -> T:
            result = work(connection)
            changes.extend(connection.changes)
            return result

        loop = asyncio.get_running_loop()
        writing, in_force = loop.create_task(self.database.write(working, patient=patient)), loop.create_future()
        self._wait_for(in_force)
        try:
            result = await tasks.to_its_end(writing)
            await self.feed.publish(changes)
        except asyncio.CancelledError:
            if _is_done(writing):
                self._wait_for(tasks.start(self.feed.publish(changes), name="put a change in force"))
            raise
        finally:
            in_force.set_result(None)
        return result

    async def in_force(self) -> None:
        """When all that was written until now is in force here.

        A commit is seen by who reads a moment before it is: whoever shows both what was read and what is in memory
        waits for this in between.
        """
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    def _wait_for(self, doing: "asyncio.Future[Any]") -> None:
        self._under_way.add(doing)
        doing.add_done_callback(self._under_way.discard)


def _is_done(writing: "asyncio.Task[T]") -> bool:
    """Committed, whoever waits for it or not."""
    return writing.done() and not writing.cancelled() and writing.exception() is None
