"""Making a backup: every row of one moment, the whole sealed, while the server goes on."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from authdeck import __version__, ids, providers
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.clock import rfc3339
from authdeck.errors import DeckError, NotFound
from authdeck.operations.backup_file import FORMAT, Header, Writer
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage import copying
from authdeck.storage.copying import Layout, Tally
from authdeck.storage.database import Database, ReadConnection
from authdeck.storage.migrations import Branch, newest
from authdeck.storage.reading import access
from authdeck.storage.reading.rotating import Rotating, rotating
from authdeck.vault.vault import Term

KEPT: Final = 3600.0
"""Seconds after which a backup that nobody fetched is removed."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One that lies in ``file``, to be fetched and removed. ``rotating`` are accounts whose tokens will grow stale."""

    id: str
    file: Path
    created_at: datetime
    size: int
    rows: Mapping[str, int]
    rotating: tuple[Rotating, ...]
    with_monitoring: bool


async def make(desk: Desk, actor: Actor, monitoring: Database | None = None) -> Backup:
    """A sealed backup of the control database as it is at one moment; of ``monitoring`` too where it is given.

    The file lies in the home, for its owner alone, until it is removed. Raises ``master_key_wrong`` where another
    process rotated the master key, and ``storage_…`` codes.
    """
    backup_id = ids.new_id()
    folder = _folder(desk)
    _tidy(folder)
    unfinished = folder / f"{backup_id}.unfinished"
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            made = await _written(desk, file, backup_id, monitoring)
        unfinished.replace(_path(folder, backup_id))
    except OSError as error:
        raise DeckError("backup_not_written", status=507, problem=error.strerror or "") from error
    finally:
        unfinished.unlink(missing_ok=True)
    after = {"accounts": made.rows["accounts"], "monitoring": made.with_monitoring}
    await desk.write(lambda c: record(desk, c, actor, Act.BACKUP_MADE, backup_id, after=after))
    return made


def find(desk: Desk, backup_id: str) -> Path:
    """Raises ``NotFound('backup_not_found')``."""
    path = _path(_folder(desk), backup_id)
    if not (len(backup_id) == 32 and backup_id.isalnum() and path.exists()):  # noqa: PLR2004 - an id of ours
        raise NotFound("backup_not_found", id=backup_id[:64])
    return path


def remove(desk: Desk, backup_id: str) -> None:
    find(desk, backup_id).unlink(missing_ok=True)


async def _written(desk: Desk, file: BinaryIO, backup_id: str, monitoring: Database | None) -> Backup:
    now = desk.now()
    wrapped, cipher = desk.vault.backup_cipher(backup_id)
    writer = Writer(file, Header(backup_id, desk.vault.installation_id, wrapped), cipher)
    branches = [Branch.CONTROL] + ([Branch.MONITORING] if monitoring is not None else [])
    _line(writer, _head(desk, backup_id, now, branches))
    tallies, stale = await desk.read(partial(_control, desk, writer))
    if monitoring is not None:
        tallies |= await monitoring.read(partial(_tables, writer, Branch.MONITORING))
    _line(writer, {"manifest": _manifest(tallies, stale)})
    writer.end()
    file.flush()
    os.fsync(file.fileno())
    rows = {table: tally.rows for (_, table), tally in tallies.items()}
    path = _path(_folder(desk), backup_id)
    return Backup(backup_id, path, now, file.tell(), rows, tuple(stale), monitoring is not None)


_Tallies = dict[tuple[str, str], Tally]


def _control(desk: Desk, writer: Writer, connection: ReadConnection) -> tuple[_Tallies, list[Rotating]]:
    """The ring must be the one this process has: else the backup's key and its rows' keys had two master keys."""
    stored = access.stored_installation(connection)
    if stored is None:
        raise DeckError("installation_missing", status=500)
    desk.vault.reopened(stored.key_check, [Term(*term) for term in stored.terms])
    return _tables(writer, Branch.CONTROL, connection), rotating(connection, providers.rotating())


def _tables(writer: Writer, branch: Branch, connection: ReadConnection) -> _Tallies:
    return {
        (branch.value, layout.name): _table(writer, branch, layout, connection) for layout in copying.layouts(branch)
    }


def _table(writer: Writer, branch: Branch, layout: Layout, connection: ReadConnection) -> Tally:
    _line(
        writer,
        {
            "database": branch.value,
            "table": layout.name,
            "columns": layout.columns,
            "key": layout.key,
            "later": layout.later,
        },
    )
    tally = Tally()
    for row in copying.rows(connection, layout):
        tally.add(row)
        writer.line(copying.as_text(row))
    return tally


def _head(desk: Desk, backup_id: str, now: datetime, branches: list[Branch]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "program": __version__,
        "backup": backup_id,
        "installation": desk.vault.installation_id,
        "created_at": rfc3339(now),
        "schemas": {branch.value: newest(branch) for branch in branches},
    }


def _manifest(tallies: _Tallies, stale: list[Rotating]) -> dict[str, Any]:
    return {
        "tables": [
            {"database": database, "table": table, "rows": tally.rows, "hash": tally.hash}
            for (database, table), tally in tallies.items()
        ],
        "rotating": [
            {"auth_index": one.auth_index, "file_name": one.file_name, "provider": one.provider} for one in stale
        ],
    }


def _line(writer: Writer, content: Mapping[str, Any]) -> None:
    writer.line(json.dumps(content, separators=(",", ":")).encode())


def _folder(desk: Desk) -> Path:
    folder = desk.settings.home / "run" / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _path(folder: Path, backup_id: str) -> Path:
    return folder / f"{backup_id}.backup"


def _tidy(folder: Path) -> None:
    """What a crash, or a client that never came, left behind."""
    oldest = time.time() - KEPT
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
