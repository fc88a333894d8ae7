"""Named writes of saved views."""

from datetime import datetime

from sqlalchemy import delete, insert, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.saved_views import StoredView
from authdeck.storage.tables import saved_views


def save(connection: WriteConnection, *, operator: int, page: str, name: str, query: str, shared: bool) -> None:
    """Keep it; a view of the same name is replaced."""
    same = (saved_views.c.operator == operator, saved_views.c.page == page, saved_views.c.name == name)
    changed = connection.execute(update(saved_views).where(*same).values(query=query, shared=shared))
    if not changed.rowcount:
        row = {"operator": operator, "page": page, "name": name, "query": query, "shared": shared}
        connection.execute(insert(saved_views).values(row))


def remove(connection: WriteConnection, view: StoredView, at: datetime) -> None:
    """Gone for everyone, and its name free again. No real name begins with a space."""
    values = {"removed_at": at, "removed_name": view.name, "name": f" {view.key}"}
    connection.execute(update(saved_views).where(saved_views.c.key == view.key).values(values))


def put_back(connection: WriteConnection, view: StoredView) -> None:
    values = {"removed_at": None, "removed_name": None, "name": view.name}
    connection.execute(update(saved_views).where(saved_views.c.key == view.key).values(values))


def forget_removed(connection: WriteConnection, before: datetime) -> None:
    connection.execute(delete(saved_views).where(saved_views.c.removed_at < before))
