"""Named writes of saved views."""

from sqlalchemy import delete, insert, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import saved_views


def save(connection: WriteConnection, *, operator: int, page: str, name: str, query: str, shared: bool) -> None:
    """Keep it; a view of the same name is replaced."""
    same = (saved_views.c.operator == operator, saved_views.c.page == page, saved_views.c.name == name)
    changed = connection.execute(update(saved_views).where(*same).values(query=query, shared=shared))
    if not changed.rowcount:
        row = {"operator": operator, "page": page, "name": name, "query": query, "shared": shared}
        connection.execute(insert(saved_views).values(row))


def remove(connection: WriteConnection, key: int) -> None:
    connection.execute(delete(saved_views).where(saved_views.c.key == key))
