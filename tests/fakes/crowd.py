"""Many accounts at once, and batches over them, on a desk of a test."""

import asyncio
from collections.abc import Sequence
from typing import Any

from authdeck.errors import DeckError
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.search import AccountSearch
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch, StoredItem
from fakes.auth_files import codex, take_in
from fakes.people import ANN


async def crowd(desk: Desk, number: int, **fields: Any) -> list[str]:
    """So many Codex accounts, ``p0.json`` onwards; their auth_indexes."""
    files = [
        (
            f"p{n}.json",
            codex(f"p{n}@example.com", f"acc-fake-{n}", f"user-fake-{n}", access_token=f"at_FAKE_{n}", **fields),
        )
        for n in range(number)
    ]  # an access token that all share would be compared with all others
    return [str(row.auth_index) for row in (await take_in(desk, *files)).items]


async def no_refresh(auth_index: str) -> None:
    raise DeckError("refresh_not_possible", status=503, auth_index=auth_index)


class Held:
    """Calls that a provider answers only when it is told to. ``reached``: the first has arrived."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.reached, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, auth_index: str, **_how: Any) -> Any:
        self.asked.append(auth_index)
        self.reached.set()
        await self.may_answer.wait()
        return self.answer


class Bulk:
    """Ann's batches on a desk. ``runner`` may be replaced by one whose refreshes do something."""

    def __init__(self, desk: Desk, refresh: Any = no_refresh, chunk: int = 100, query: Any = None) -> None:
        self.desk = desk
        self.runner = BatchRunner(desk, refresh, query, chunk=chunk)
        self.batches = Batches(desk, self.runner)

    async def change(self, names: Sequence[str] | None, preview: bool = False, key: str | None = None, **change: Any):
        """The batch, when its call returned. ``names=None`` are all accounts."""
        search = AccountSearch() if names is None else None
        asked = Asked(change, names or (), search, {"test": True}, key)
        return await self.batches.begin(asked, ANN, preview=preview)

    async def done(self, names: Sequence[str] | None, **change: Any) -> tuple[StoredBatch, list[StoredItem]]:
        batch = await self.change(names, **change)
        return batch, await self.items(batch)

    async def undo(self, batch: StoredBatch, **how: Any) -> tuple[StoredBatch, list[StoredItem]]:
        undone = await self.batches.undo(batch.id, ANN, **how)
        return undone, await self.items(undone)

    async def items(self, batch: StoredBatch) -> list[StoredItem]:
        return await self.desk.read(lambda c: reading.items(c, batch.id, limit=100_000))

    async def stored(self, batch: StoredBatch) -> StoredBatch:
        return await self.desk.read(lambda c: reading.one(c, batch.id))

    async def cut_off(self, batch_id: str) -> None:
        """What is under way of it ends right here, as if its process had died; no row is settled."""
        task = self.runner._tasks[batch_id]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def started(self) -> None:
        """As in a process that starts: when all that it went on with is over."""
        await self.runner.start()
        await asyncio.gather(*self.runner._tasks.values())

    async def ended(self, batch: StoredBatch) -> StoredBatch:
        """When what goes on in the background is over."""
        await self.runner.carry_on(batch.id)
        return await self.stored(batch)
