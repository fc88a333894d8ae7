"""The change feed, written."""

from datetime import datetime

from sqlalchemy import delete

from authdeck.storage.database import Change, WriteConnection
from authdeck.storage.tables import changes


def note(c: WriteConnection, kind: str, subject: str, boot: str, at: datetime) -> None:
    """Tell every process that ``subject`` of ``kind`` is not what it was. Stored at the end of the transaction."""
    c.changes.append(Change(kind, subject, boot, at))


def prune(c: WriteConnection, before: datetime) -> int:
    """Forget the changes made before a moment; how many. A reader that was away for longer reloads."""
    return c.execute(delete(changes).where(changes.c.at < before)).rowcount
