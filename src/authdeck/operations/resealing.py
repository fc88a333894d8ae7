"""Re-sealing: after a new key term every secret is sealed again under it, in the background, a few rows at a time.

Each row is changed by compare-and-set, so one that changed meanwhile (and by that is under the newest term) stays as it
is. Whatever ends the process, the rows are sealed under one term or the other and both terms open. A term that no
row names is retired; on SQLite, whose home has one process, its key is forgotten an hour later. PostgreSQL keeps the
wrapped key: a process that has not yet heard of the newer term must not be able to lose anything.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from authdeck import tasks
from authdeck.access import AUTOMATION
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import access, sealed
from authdeck.storage.reading.access import StoredTerm
from authdeck.storage.reading.sealed import SealedRow
from authdeck.storage.writing import access as access_writes
from authdeck.storage.writing import sealed as sealed_writes
from authdeck.vault.vault import Vault

CHUNK: Final = 200
"""Rows of one transaction: some 10 ms."""

FORGOTTEN_AFTER: Final = timedelta(hours=1)
"""A retired term's key is kept so long: what was sealed before the retirement has long been committed."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TermUse:
    """A seal term and how many secrets it seals. ``readable``: its key is in this process's ring."""

    term: StoredTerm
    rows: int
    readable: bool


@dataclass(frozen=True, slots=True)
class Ring:
    """``stuck`` are secrets that did not open when they were to be sealed again; they stay as they are."""

    newest: int
    uses: tuple[TermUse, ...]
    running: bool
    stuck: int

    @property
    def total(self) -> int:
        return sum(use.rows for use in self.uses)

    @property
    def done(self) -> int:
        return sum(use.rows for use in self.uses if use.term.number == self.newest)


class Resealer:
    """``start`` when a term was added and now and then; it does nothing where nothing is to be done."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._task: asyncio.Task[None] | None = None
        self._stuck: dict[str, int] = {}

    def start(self) -> None:
        if self._task is None or self._task.done():
            self._task = tasks.start(self.run(), name="reseal")

    async def wait(self, seconds: float) -> None:
        """Until the run under way has ended, or so many seconds."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)

    async def run(self) -> None:
        """Everything that is not under the newest term, until there is nothing left; then terms retire."""
        desk = self._desk
        if not await desk.read(partial(_older_keys, desk.vault.newest_term)):
            return
        newest = 0
        while newest != desk.vault.newest_term:
            newest = desk.vault.newest_term
            for kind in sealed.COLUMNS:
                self._stuck[kind] = await self._reseal(kind, newest)
        await self._retire()

    async def ring(self) -> Ring:
        """The key ring as it is now, counted."""
        terms, rows = await self._desk.read(lambda c: (access.seal_terms(c), sealed.rows_of_terms(c)))
        vault = self._desk.vault
        uses = tuple(TermUse(term, rows.get(term.number, 0), term.number in vault.terms) for term in terms)
        running = self._task is not None and not self._task.done()
        return Ring(vault.newest_term, uses, running, sum(self._stuck.values()))

    async def _reseal(self, kind: str, newest: int) -> int:
        """Returns how many of the kind did not open."""
        after: tuple[Any, ...] | None = None
        stuck = 0
        while True:
            read = partial(_sealed_again, self._desk.vault, kind, after, newest)
            rows, pairs = await self._desk.read(read)
            if not rows:
                return stuck
            after = rows[-1].key
            stuck += len(rows) - len(pairs)
            await self._desk.write(partial(_replace, pairs))

    async def _retire(self) -> None:
        desk = self._desk
        ring = await self.ring()
        unused = [use.term for use in ring.uses if use.term.number < ring.newest and not use.rows]
        forgettable = desk.database.is_sqlite
        for term in unused:
            if term.retired_at is None:
                await desk.write(partial(_retire, desk, term.number))
            elif forgettable and not term.forgotten and desk.now() - term.retired_at >= FORGOTTEN_AFTER:
                await desk.write(partial(_forget, desk, term.number))


def _older_keys(newest: int, connection: ReadConnection) -> bool:
    return any(term.number < newest and not term.forgotten for term in access.seal_terms(connection))


def _sealed_again(
    vault: Vault, kind: str, after: tuple[Any, ...] | None, newest: int, connection: ReadConnection
) -> tuple[list[SealedRow], list[tuple[SealedRow, bytes]]]:
    """The next rows, and of those that open the bytes under the newest term."""
    rows = sealed.page(connection, kind, after, CHUNK, not_under=newest)
    pairs = []
    for row in rows:
        try:
            pairs.append((row, vault.seal(vault.open(row.sealed, seals.place_of(row)), seals.place_of(row))))
        except DeckError as error:
            _log.warning("secret not sealed again", kind=kind, row=row.row, number=row.number, code=error.code)
    return rows, pairs


def _replace(pairs: list[tuple[SealedRow, bytes]], connection: WriteConnection) -> None:
    for row, again in pairs:
        sealed_writes.replace(connection, row, again)


def _retire(desk: Desk, number: int, connection: WriteConnection) -> None:
    access_writes.retire_term(connection, number, desk.now())
    record(desk, connection, AUTOMATION, Act.TERM_RETIRED, str(number))


def _forget(desk: Desk, number: int, connection: WriteConnection) -> None:
    access_writes.forget_term(connection, number)
    record(desk, connection, AUTOMATION, Act.TERM_FORGOTTEN, str(number))
