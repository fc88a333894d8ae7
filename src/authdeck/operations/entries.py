"""Accounts as they are now: looking one up, keeping the directory and the pool current, marking one unreadable."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from authdeck.account import Provider
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.errors import Conflict, NotFound
from authdeck.operations import uses
from authdeck.operations.change_rows import RANKING
from authdeck.operations.desk import Desk
from authdeck.operations.find_accounts import SLICE, take_in
from authdeck.operations.reconcile import SETTLED
from authdeck.operations.records import changed
from authdeck.pool import Pool
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, terms
from authdeck.storage.writing import accounts as writing


def by_name(desk: Desk, name: str) -> Entry:
    """The live account meant by an auth_index, a file name or an alias, from memory.

    Raises ``NotFound('account_not_found')`` and ``Conflict('alias_ambiguous')``.
    """
    if (entry := desk.directory.get(name)) is not None:
        return entry
    found = desk.directory.named(name)
    if len(found) > 1:
        raise Conflict("alias_ambiguous", name=name, candidates=[entry.account.auth_index for entry in found])
    if not found:
        raise NotFound("account_not_found", name=name)
    return found[0]


class Mirror:
    """Keeps the directory and the pool equal to the database, by the change feed."""

    def __init__(self, desk: Desk, pool: Pool) -> None:
        self._desk = desk
        self._readers: tuple[Directory | Pool, ...] = (desk.directory, pool)
        self._reads = 0
        self._reading = 0
        self._taken: dict[str, int] = {}
        for kind in ("account", RANKING, SETTLED):
            desk.feed.subscribe_many(kind, self._accounts)
        desk.feed.subscribe("terms", self._terms)
        desk.feed.subscribe_many(uses.CHANGE, partial(uses.take_in_uses, desk))

    async def load(self) -> None:
        """Everything: once before the port opens, in one go; and, in slices, when too much was missed.

        At a start the directory takes it in afterwards, in slices or with the first question: nobody else waits for it.
        """
        if len(self._desk.directory):
            await self._anew()
        else:
            for entry in await self._desk.read(accounts.live):
                for reader in self._readers:
                    reader.apply(entry)
        await self._terms("")

    async def _anew(self) -> None:
        with self._reading_turn() as turn:
            found = {entry.account.auth_index: entry for entry in await self._desk.read(accounts.live)}
            await self._put_all_in_force(
                list({**dict.fromkeys(self._desk.directory.auth_indexes()), **found}), found, turn
            )
        await take_in(self._desk)

    async def _accounts(self, indexes: Sequence[str]) -> None:
        with self._reading_turn() as turn:
            found = await self._desk.read(lambda connection: accounts.entries(connection, indexes))
            await self._put_all_in_force(indexes, found, turn)
        await take_in(self._desk)

    @contextmanager
    def _reading_turn(self) -> Iterator[int]:
        """Of two reads that overlap the one begun later counts."""
        self._reads += 1
        self._reading += 1
        try:
            yield self._reads
        finally:
            self._reading -= 1
            if not self._reading:
                self._taken.clear()

    async def _put_all_in_force(self, indexes: Sequence[str], found: Mapping[str, Entry], turn: int) -> None:
        """In slices. Who was not found is gone."""
        for start in range(0, len(indexes), SLICE):
            for auth_index in indexes[start : start + SLICE]:
                self._put_in_force(auth_index, found.get(auth_index), turn)
            await asyncio.sleep(0)

    def _put_in_force(self, auth_index: str, entry: Entry | None, turn: int) -> None:
        if self._taken.get(auth_index, 0) > turn:
            return
        self._taken[auth_index] = turn
        for reader in self._readers:
            if entry is None:
                reader.remove(auth_index)
            else:
                reader.apply(entry)

    async def _terms(self, _provider: str) -> None:
        acknowledged = await self._desk.read(terms.acknowledged)
        for reader in self._readers:
            reader.acknowledge(Provider(name) for name in acknowledged)


async def mark_unreadable(desk: Desk, auth_index: str, code: str | None) -> None:
    """Make it a visible state that the sealed auth file can't be opened; ``None`` takes it away."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        writing.mark_unreadable(connection, account.key, code)
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
