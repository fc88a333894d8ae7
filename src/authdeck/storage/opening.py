"""Opening a database: where it lies, and which schema it has.

SQLite is brought up to date by itself, after a copy beside the file (``authdeck.before-<revision>.db``) where there is
anything to copy. PostgreSQL is shared by several processes, so there only ``migrate=True`` (the command
``authdeck migrate``) does it. A schema newer than this program is refused, whatever the database.
"""

import shutil
from datetime import UTC
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateSchema

from authdeck.clock import Clock, to_micros
from authdeck.errors import DeckError
from authdeck.settings import Settings
from authdeck.storage import tables
from authdeck.storage.database import Database
from authdeck.storage.engines import parse
from authdeck.storage.failures import storage_errors
from authdeck.storage.migrations import Branch, is_known, newest, revision_of, upgrade

MONITORING_SCHEMA: Final = "monitoring"
MONITORING_AUTOCHECKPOINT: Final = 50_000
"""Pages. The recorder's own thread checkpoints long before; this bounds the log should that thread stand still."""

MIGRATION_LOCK: Final = 0x61757468_0002
"""PostgreSQL's advisory lock: two ``authdeck migrate`` at once run one after the other."""

_DAMAGED: Final = "storage_damaged"


def control(where: Settings | str | URL, clock: Clock, *, migrate: bool = False) -> Database:
    """The control database, with the schema of this program.

    Raises ``schema_newer``, on PostgreSQL ``schema_behind`` unless ``migrate``, and ``storage_…`` codes.
    """
    del clock
    database = Database(control_url(where) if isinstance(where, Settings) else where)
    return _brought_up_to_date(database, Branch.CONTROL, migrate=migrate)


def monitoring(where: Settings | str | URL, clock: Clock, *, migrate: bool = False) -> Database:
    """The monitoring database, likewise; a damaged file is set aside and a new one begun, with the gap marked."""
    database = Database(
        monitoring_url(where) if isinstance(where, Settings) else where,
        synchronous="NORMAL",
        autocheckpoint=MONITORING_AUTOCHECKPOINT,
        schema=MONITORING_SCHEMA,
    )
    try:
        return _brought_up_to_date(database, Branch.MONITORING, migrate=migrate)
    except DeckError as error:
        if error.code != _DAMAGED or not database.is_sqlite:
            raise
        begin_anew(database, clock)
        return database


def control_url(settings: Settings) -> URL:
    if settings.database_url is not None:
        return parse(settings.database_url.get_secret_value())
    return _file_url(settings.home / "authdeck.db")


def monitoring_url(settings: Settings) -> URL:
    """What the setting says; else the control database where that is PostgreSQL; else a file in the home."""
    if settings.monitoring_url is not None:
        return parse(settings.monitoring_url.get_secret_value())
    url = control_url(settings)
    return url if url.get_backend_name() == "postgresql" else _file_url(settings.home / "monitoring.db")


def begin_anew(database: Database, clock: Clock) -> Path:
    """Set a damaged monitoring file aside, begin a new one under its name, mark the gap; where the old one lies now.

    Whoever holds the ``Database`` goes on with the new file.
    """
    now = clock.now()
    former = database.file
    aside = former.with_name(f"{former.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}")
    with database.at_rest():
        for end in ("-wal", "-shm", ""):  # the file last: none of that name ever has the log of another
            if (part := Path(f"{former}{end}")).exists():
                part.rename(f"{aside}{end}")
    _brought_up_to_date(database, Branch.MONITORING, migrate=True)
    at_ms = to_micros(now) // 1000
    database.write_now(
        lambda c: c.execute(insert(tables.gaps), {"from_ms": 0, "until_ms": at_ms, "why": "damaged", "count": None})
    )
    return aside


def _file_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _brought_up_to_date(database: Database, branch: Branch, *, migrate: bool) -> Database:
    """The same database, at the newest schema. Closed where that is refused or fails."""
    try:
        if database.is_sqlite:
            _create_privately(database.file)
            _bring_sqlite_up_to_date(database, branch)
        else:
            _bring_postgresql_up_to_date(database, branch, migrate=migrate)
    except BaseException:
        database.engine.dispose()
        raise
    return database


def _create_privately(file: Path) -> None:
    """SQLite gives the log beside the file the file's own mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)


def _bring_sqlite_up_to_date(database: Database, branch: Branch) -> None:
    """Copy, then step up in one transaction.

    Foreign keys are off meanwhile, as SQLite wants it where a step rebuilds a table, and checked before the commit.
    """
    with storage_errors(), database.engine.connect().execution_options(begin="") as connection:
        found = _accepted(revision_of(connection), branch)
        if found == newest(branch):
            return
        if found is not None:
            _copy(connection, database.file, newest(branch))
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if revision_of(connection) != newest(branch):  # unless another process was quicker
            upgrade(connection, branch)
            _require_whole_references(connection)
        connection.commit()
    database.engine.dispose()


def _bring_postgresql_up_to_date(database: Database, branch: Branch, *, migrate: bool) -> None:
    with storage_errors(), database.engine.begin() as connection:
        if _accepted(revision_of(connection), branch) == newest(branch):
            return
        if not migrate:
            raise DeckError("schema_behind", status=503, command="authdeck migrate", needed=newest(branch))
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        if database.schema:
            connection.execute(CreateSchema(database.schema, if_not_exists=True))
        if revision_of(connection) != newest(branch):
            upgrade(connection, branch)
    database.engine.dispose()


def _accepted(found: str | None, branch: Branch) -> str | None:
    if found is not None and not is_known(branch, found):
        raise DeckError("schema_newer", status=503, found=found, known=newest(branch))
    return found


def _copy(connection: Connection, file: Path, revision: str) -> None:
    """A whole copy, or none: an unfinished one never bears the name."""
    copy = file.with_name(f"{file.stem}.before-{revision}{file.suffix}")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    connection.execute(text("VACUUM INTO :copy"), {"copy": str(unfinished)})
    shutil.copymode(file, unfinished)
    unfinished.replace(copy)


def _require_whole_references(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DeckError("schema_broken", status=503, table=broken[0])
