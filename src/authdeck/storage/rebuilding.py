"""Making a database anew from a backup's rows: one transaction, so that it is all there or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from authdeck.errors import DeckError
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.failures import storage_errors
from authdeck.storage.migrations import Branch, is_known, newest, upgrade

_VERSIONS: Final = "alembic_version"
LOOKS: Final = 10
"""A tenth of a second apart."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The transaction. ``connection`` writes in it; ``bring_up_to_date`` takes the schema steps since the backup's."""

    connection: WriteConnection
    _raw: Connection
    _branch: Branch

    def bring_up_to_date(self) -> None:
        upgrade(self._raw, self._branch)
        self.require_whole_references()

    def require_whole_references(self) -> None:
        """PostgreSQL checks each row as it comes; SQLite is asked. Raises ``backup_broken``."""
        if self.connection.dialect == "sqlite":
            broken = self._raw.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise DeckError("backup_broken", table=broken[0])


@contextmanager
def rebuilding(database: Database, branch: Branch, revision: str, aside: str = "") -> Iterator[Rebuild]:
    """The database with the empty tables of ``revision``; what the block did is committed at its end, or nothing is.

    SQLite's file must be a new one. On PostgreSQL tables that are there move to the schema ``aside``, with all they
    hold. Raises ``backup_schema_newer``, and ``database_in_use`` while another authdeck is connected.
    """
    if not is_known(branch, revision):
        raise DeckError("backup_schema_newer", found=revision, known=newest(branch))
    database.engine.dispose()
    with storage_errors(), database.engine.connect().execution_options(begin="") as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            _set_aside(connection, branch, database.schema, aside)
        upgrade(connection, branch, to=revision)
        yield Rebuild(WriteConnection(connection), connection, branch)
        connection.commit()
    database.engine.dispose()


def _set_aside(connection: Connection, branch: Branch, schema: str | None, aside: str) -> None:
    if schema is not None:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    if branch is Branch.CONTROL:
        _require_alone(connection)
    there = connection.execute(
        text("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    ).scalars()
    ours = sorted({_VERSIONS, *branch.metadata.tables} & set(there))
    if ours:
        connection.execute(CreateSchema(aside, if_not_exists=True))
    for table in ours:
        connection.exec_driver_sql(f'ALTER TABLE "{table}" SET SCHEMA "{aside}"')


def _require_alone(connection: Connection) -> None:
    """A server that runs on would go on with the key and the memory of the former data.

    One that was just stopped stands in the list for a moment more.
    """
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'authdeck' AND pid <> pg_backend_pid()"
    )
    for _ in range(LOOKS):
        if not connection.execute(others).scalar_one():
            return
        connection.execute(text("SELECT pg_sleep(0.1), pg_stat_clear_snapshot()"))
    raise DeckError("database_in_use", status=409)
