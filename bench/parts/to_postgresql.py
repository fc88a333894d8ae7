"""The rows of a monitoring file in a PostgreSQL database, by COPY."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from authdeck.clock import SystemClock
from authdeck.storage import opening
from authdeck.storage.tables import monitoring

_AT_ONCE = 10_000


def copy(file: Path, url: str) -> None:
    """``url``: an empty database. Indexes are made when all rows are there."""
    opening.monitoring(url, SystemClock(), migrate=True).close()
    source = sqlite3.connect(file)
    with psycopg.connect(url, autocommit=True) as target:
        target.execute("SET search_path TO monitoring")
        target.execute("SET maintenance_work_mem TO '256MB'")
        with _without_indexes(target):
            for table in monitoring.sorted_tables:
                _copy_table(source, target, table.name, [column.name for column in table.columns])
        target.execute("VACUUM ANALYZE")
    source.close()


@contextmanager
def _without_indexes(target: "psycopg.Connection[tuple[object, ...]]") -> Iterator[None]:
    made = target.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'monitoring' AND indexname LIKE 'ix_%'"
    ).fetchall()
    for name, _ in made:
        target.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
    yield
    for _, definition in made:
        target.execute(str(definition).encode())


def _copy_table(
    source: sqlite3.Connection, target: "psycopg.Connection[tuple[object, ...]]", table: str, columns: list[str]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}")
    with target.cursor() as cursor, cursor.copy(statement) as copying:
        while some := rows.fetchmany(_AT_ONCE):
            for row in some:
                copying.write_row(row)
