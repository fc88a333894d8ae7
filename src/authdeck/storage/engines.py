"""Where a database is and how it is spoken to: SQLite's settings and PostgreSQL's."""

import json
import sqlite3
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from authdeck.errors import DeckError

READERS: Final = 4
OLDEST_SQLITE: Final = (3, 37, 0)
SECONDS_TO_WAIT_FOR_THE_LOCK: Final = 10
NUMBERED: Final = "numbered"
"""Execution option of statements for PostgreSQL whose parameters are ``$1``, ``$2`` and so on."""

SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of a PostgreSQL connection that only reads."""

_PAGE_CACHE_KIB: Final = 4_096
"""Of each connection, and there are ten of them. The system keeps the file's pages too; ours only save the copying."""

# No mmap_size: it would gain nothing here, and a file that shrinks under its map kills the process.


def parse(url: str | URL) -> URL:
    """The URL of a SQLite file or a PostgreSQL database.

    Raises ``storage_url_unsupported``, which does not show the URL: it may hold a password.
    """
    try:
        parsed = make_url(f"postgresql{url[8:]}" if isinstance(url, str) and url.startswith("postgres:") else url)
    except ArgumentError:
        raise DeckError("storage_url_unsupported", kind="?") from None
    kind = parsed.get_backend_name()
    if kind == "postgresql" or (kind == "sqlite" and parsed.database not in {None, "", ":memory:"}):
        return parsed
    raise DeckError("storage_url_unsupported", kind=kind)


def require_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    if version < OLDEST_SQLITE:
        raise DeckError("storage_sqlite_too_old", found=_dotted(version), needed=_dotted(OLDEST_SQLITE))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def sqlite(url: URL, synchronous: str, autocheckpoint: int) -> Engine:
    require_sqlite()
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS + 2,
        pool_use_lifo=True,  # the one used last: work that comes one after the other fills one page cache, not each
        max_overflow=4,
        connect_args={"timeout": SECONDS_TO_WAIT_FOR_THE_LOCK, "check_same_thread": False},
        json_deserializer=_from_json,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: ``begin`` below does
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            f"wal_autocheckpoint={autocheckpoint}",
            "foreign_keys=ON",
            f"cache_size=-{_PAGE_CACHE_KIB}",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A write takes the lock now, not at its first statement: no deadlock by lock upgrade. A read's BEGIN keeps
        # one snapshot for all its questions.
        if words := connection.get_execution_options().get("begin", "BEGIN"):
            connection.exec_driver_sql(words)

    return engine


def _from_json(text: str | bytes) -> Any:
    """Quickly; the few texts that msgspec refuses, such as endless numbers, the standard library reads."""
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return json.loads(text)


def postgresql(url: URL, schema: str | None) -> Engine:
    from psycopg import RawCursor  # noqa: PLC0415 - half a second that SQLite need not wait for

    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=READERS + 2,
        max_overflow=4,
        pool_pre_ping=True,
        connect_args={
            "application_name": "authdeck",
            **({"options": f"-c search_path={schema}"} if schema else {}),
        },
        json_deserializer=_from_json,
    )
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows in one statement, not in as many

    @event.listens_for(engine, "do_execute")
    def with_numbers(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        numbered: bool = context.execution_options.get(NUMBERED, False)
        if numbered:
            with RawCursor(cursor.connection) as raw:
                raw.execute(statement.encode(), parameters)
        return numbered

    return engine
