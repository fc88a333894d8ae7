"""The change feed, read: ``seq`` grows in the order of the commits."""

from sqlalchemy import func, select

from authdeck.storage.database import Change, ReadConnection
from authdeck.storage.tables import changes


def since(c: ReadConnection, seq: int, limit: int = 1000) -> list[tuple[int, Change]]:
    """What was committed after ``seq``, oldest first. Changes of this process are among them: ``boot`` tells."""
    statement = select(changes).where(changes.c.seq > seq).order_by(changes.c.seq).limit(limit)
    return [(row.seq, Change(row.kind, row.subject, row.boot, row.at)) for row in c.execute(statement)]


def newest(c: ReadConnection) -> int:
    """The last ``seq``; 0 where nothing is kept."""
    return c.execute(select(func.max(changes.c.seq))).scalar() or 0


def oldest(c: ReadConnection) -> int | None:
    """The first ``seq`` that is kept. A reader that is not past the one before it has missed some: it reloads."""
    return c.execute(select(func.min(changes.c.seq))).scalar()
