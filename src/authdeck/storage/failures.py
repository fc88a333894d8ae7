"""What the drivers raise, as our errors."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from authdeck.errors import DeckError


@contextmanager
def storage_errors(folder: Path | None = None) -> Iterator[None]:
    """Turn the driver's failures into ``storage_…`` codes; a broken constraint is left to the caller.

    ``folder`` is where SQLite's file lies: on a read-only disk SQLite only says that it can't open its log there.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        said = getattr(error, "orig", error)
        code = _code(error, str(said).lower())
        if code is None:
            raise
        if code == "storage_failed" and folder is not None and not os.access(folder, os.W_OK):
            code = "storage_read_only"
        status = 422 if code == "storage_text_refused" else 503
        raise DeckError(code, status=status, detail=str(said)[:200]) from error
    except PoolTimeout as error:
        raise DeckError("storage_busy", status=503) from error


_SIGNS: Final = (
    ("disk is full", "storage_full"),
    ("no space left", "storage_full"),
    ("readonly database", "storage_read_only"),
    ("read-only", "storage_read_only"),
    ("disk i/o error", "storage_failed"),
    ("malformed", "storage_damaged"),
    ("not a database", "storage_damaged"),
    ("no such table", "storage_damaged"),
    ("database is locked", "storage_busy"),
    ("deadlock detected", "storage_busy"),
    ("unable to open", "storage_failed"),
    ("cannot contain nul", "storage_text_refused"),
)
"""What SQLite and PostgreSQL say. SQLite's driver of Python 3.11 tells most of these apart by their words alone."""


def _code(error: DBAPIError | sqlite3.Error, said: str) -> str | None:
    for sign, code in _SIGNS:
        if sign in said:
            return code
    on_server = isinstance(error, OperationalError) and not isinstance(error.orig, sqlite3.Error)
    return "storage_unreachable" if on_server else None
