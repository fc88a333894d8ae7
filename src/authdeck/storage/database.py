"""The control database: one writer, several readers, each unit of work one short transaction.

Work is a plain function of a connection. ``read`` and ``write`` run it on the executor's threads and return its result;
``read_now`` and ``write_now`` run it on the caller's thread (CLI, start-up, tests). The connection's type says which it
may do. No transaction spans an await, because the work cannot await.

A read sees one snapshot from its first question on. A write holds the write lock from its beginning (SQLite), commits
when the work returns, and leaves nothing behind when the work raises.
"""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, func, select
from sqlalchemy.engine import URL
from sqlalchemy.pool import Pool

from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError
from authdeck.storage import engines
from authdeck.storage.failures import storage_errors

T = TypeVar("T")
Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]

SECONDS_OF_PATIENCE: Final = 1
_AT_ONCE: Final = 1000
_ROW: Final = re.compile(r"VALUES\s+(\(.+?\))(?=$|\s+ON CONFLICT)")
_PARAMETERS: Final = 30_000  # of one statement; PostgreSQL takes 65,535 at most
FEED_LOCK: Final = 0x61757468_0001
"""PostgreSQL's advisory lock under which the change feed is numbered."""


class ReadConnection:
    """A connection that only asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._connection.dialect.name

    def execute(self, statement: Executable, rows: Rows | None = None) -> CursorResult[Any]:
        return self._connection.execute(statement, rows)

    def stored(self, statement: Executable) -> Iterator[Any]:
        """Rows as they are stored, for readers of very many: the driver's own, without a row object and types for each.

        The statement has no parameters. Truth may come as 0 and 1.
        """
        raw: Any = self._connection.connection.driver_connection
        cursor = raw.cursor() if self.dialect == "sqlite" else raw.cursor("stored", binary=True)
        cursor.execute(str(statement.compile(self._connection)))  # type: ignore[attr-defined]
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from rows
        cursor.close()


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed: ``kind`` (``account``, ``terms``, ``client_key``, …) and what it is about.

    ``boot`` is the process that made it, ``at`` when; two changes of the same thing are equal whoever made them.
    """

    kind: str
    subject: str
    boot: str = field(default="", compare=False)
    at: datetime = field(default=from_micros(0), compare=False)


class WriteConnection(ReadConnection):
    """A connection inside a write transaction; what it did is committed when the work returns.

    ``changes`` collects what ``storage.writing.changes.note`` was told. They are stored last, right before the commit,
    and the process that made them puts them in force before the call returns.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.changes: Final[list[Change]] = []

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement for many rows by the driver itself, for the few places where Core's bookkeeping is too slow.

        Parameters are written ``?``, which no such statement may hold otherwise. No two rows may meet one conflict.
        """
        if rows and self.dialect == "sqlite":
            self._connection.exec_driver_sql(statement, [tuple(row) for row in rows])
        elif rows:
            self._insert_together(statement, rows)

    def _insert_together(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """PostgreSQL takes many rows in one statement in a third of the time that as many statements cost it."""
        most = _PARAMETERS // len(rows[0])
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            parameters = tuple(chain.from_iterable(some))
            self._connection.exec_driver_sql(_of_rows(statement, len(some)), parameters, {engines.NUMBERED: True})


@lru_cache(maxsize=16)
def _of_rows(statement: str, count: int) -> str:
    """The same insert of so many rows, with PostgreSQL's own ``$1``, ``$2``, …: psycopg has nothing to look for."""
    one = _ROW.search(statement)
    assert one is not None  # every such statement inserts plain values
    together = statement[: one.start(1)] + ", ".join([one[1]] * count) + statement[one.end(1) :]
    first, *others = together.split("?")
    return first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))


class PlainConnection(WriteConnection):
    """A write connection to SQLite whose ``execute_many`` goes straight to the driver: the statement is compiled once.

    What the driver raises there is not SQLAlchemy's.
    """

    def __init__(self, connection: Connection, cursor: sqlite3.Cursor) -> None:
        super().__init__(connection)
        self._cursor: Final = cursor

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._cursor.executemany(statement, rows)


class Database:
    """One database, SQLite or PostgreSQL. Open it with ``storage.opening.control`` or ``storage.opening.monitoring``.

    ``schema`` is PostgreSQL's; ``autocheckpoint`` is SQLite's, in pages of the write-ahead log.
    """

    def __init__(
        self, url: str | URL, *, synchronous: str = "FULL", autocheckpoint: int = 1000, schema: str | None = None
    ) -> None:
        self.url: Final = engines.parse(url)
        self.schema: Final = schema
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        self._folder: Final = self.file.parent if self.is_sqlite else None
        self._engine: Final = (
            engines.sqlite(self.url, synchronous, autocheckpoint)
            if self.is_sqlite
            else engines.postgresql(self.url, schema)
        )
        self._reading: Final = self._engine if self.is_sqlite else self._engine.execution_options(**engines.SNAPSHOT)
        self._writing: Final = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._readers: Final = ThreadPoolExecutor(engines.READERS, thread_name_prefix="read")
        self._writer: Final = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._write_lock: Final = threading.Lock()
        self._urgent: set[asyncio.Future[Any]] = set()
        self._kept: _Kept | None = None

    async def read(self, work: Callable[[ReadConnection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    async def write(self, work: Callable[[WriteConnection], T], *, patient: bool = False) -> T:
        """``patient`` work (a part of something long) lets the writes that wait already go first."""
        loop = asyncio.get_running_loop()
        if patient:
            await self._until_quiet()
            return await loop.run_in_executor(self._writer, self.write_now, work)
        writing = loop.run_in_executor(self._writer, self.write_now, work)
        self._urgent.add(writing)
        writing.add_done_callback(self._urgent.discard)
        return await writing

    async def _until_quiet(self) -> None:
        """Bounded: whoever comes later may come later still, and something long has to end some day."""
        if self._urgent:
            await asyncio.wait(set(self._urgent), timeout=SECONDS_OF_PATIENCE)

    def read_now(self, work: Callable[[ReadConnection], T]) -> T:
        with self._failures(), self._reading.connect() as connection, connection.begin():
            return work(ReadConnection(connection))

    def write_now(self, work: Callable[[WriteConnection], T]) -> T:
        with self._failures(), self._write_lock, self._writing.connect() as connection, connection.begin():
            writing = WriteConnection(connection)
            result = work(writing)
            _store(writing)
            return result

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """The driver's, as codes. No connection to a damaged file is used again: its cache may hide the damage."""
        try:
            with storage_errors(self._folder):
                yield
        except DeckError as error:
            if error.code == "storage_damaged" and self.is_sqlite:
                self._engine.dispose()
            raise

    def write_often(self, work: Callable[[WriteConnection], T]) -> T:
        """``write_now`` for the one thread that writes all the time, without changes to publish.

        On SQLite its connection stays checked out: taking one, and Core's account of each statement, cost several times
        what a small transaction itself does. After a failure the next call opens another.
        """
        if not self.is_sqlite:
            return self.write_now(work)
        with storage_errors(self._folder), self._write_lock:
            kept = self._kept_connection()
            try:
                kept.cursor.execute("BEGIN IMMEDIATE")
                result = work(PlainConnection(kept.connection, kept.cursor))
                if kept.connection.in_transaction():  # Core was asked for something, and keeps account of it since
                    kept.connection.commit()
                else:
                    kept.cursor.connection.commit()
            except BaseException:
                with suppress(sqlite3.Error):
                    kept.cursor.connection.rollback()
                self._let_go()
                raise
            return result

    def _kept_connection(self) -> "_Kept":
        """The same until it failed or the engine was disposed of, as when the file is replaced."""
        if self._kept is not None and self._kept.pool is not self._engine.pool:
            self._let_go()
        if self._kept is None:
            pool = self._engine.pool  # before: where it is replaced meanwhile, this connection is an old one
            connection = self._engine.connect().execution_options(begin="")
            driver: Any = connection.connection.dbapi_connection
            self._kept = _Kept(connection, driver.cursor(), pool)
        return self._kept

    def _let_go(self) -> None:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            kept.connection.invalidate()
            kept.connection.close()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nobody writes meanwhile, and whoever connects from now on opens the file anew."""
        with self._write_lock:
            self._engine.dispose()
            yield

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the database file, as far as no reader stands in the way.

        Looks into the file then: who only writes may not need to for hours, and would lose what a damaged file took.
        """
        if self.is_sqlite:
            with self._failures(), self._engine.connect() as connection:
                plain = connection.execution_options(begin="")
                plain.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
                plain.exec_driver_sql("SELECT count(*) FROM sqlite_schema").all()

    @property
    def file(self) -> Path:
        """SQLite's file."""
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def engine(self) -> Engine:
        """For ``storage.opening`` and migrations only."""
        return self._engine

    def close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        self._let_go()
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: Connection
    cursor: sqlite3.Cursor
    pool: Pool


def _store(connection: WriteConnection) -> None:
    """Number the changes in commit order.

    PostgreSQL would number two transactions in the order in which they ask and show them in the order in which they
    commit, so that a reader could pass one by; there the numbers are drawn under a lock that lasts to the commit.
    """
    if not connection.changes:
        return
    if connection.dialect == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(FEED_LOCK)))
    connection.execute_many(
        "INSERT INTO changes (kind, subject, boot, at) VALUES (?, ?, ?, ?)",
        [(one.kind, one.subject, one.boot, to_micros(one.at)) for one in dict.fromkeys(connection.changes)],
    )
