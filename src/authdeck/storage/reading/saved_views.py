"""Named reads of saved views: a page's address under a name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import operators, saved_views


@dataclass(frozen=True, slots=True)
class StoredView:
    """``query`` is the page's query string; ``owner`` the name of the operator who saved it."""

    key: int
    name: str
    query: str
    shared: bool
    owner: str


def visible(connection: ReadConnection, page: str, operator: str) -> list[StoredView]:
    """The operator's own views of a page and those that others share, by name."""
    asked = _views().where(
        saved_views.c.page == page,
        saved_views.c.removed_at.is_(None),
        or_(operators.c.name == operator, saved_views.c.shared.is_(True)),
    )
    rows = connection.execute(asked.order_by(saved_views.c.name, saved_views.c.key))
    return [StoredView(row.key, row.name, row.query, row.shared, row.owner) for row in rows]


def one(connection: ReadConnection, key: int) -> StoredView | None:
    asked = _views().where(saved_views.c.key == key, saved_views.c.removed_at.is_(None))
    row = connection.execute(asked).one_or_none()
    return None if row is None else StoredView(row.key, row.name, row.query, row.shared, row.owner)


def removed(connection: ReadConnection, key: int, since: datetime) -> StoredView | None:
    """The view as it was, if it was taken away after that."""
    name = saved_views.c.removed_name.label("removed_name")
    asked = _views().add_columns(name).where(saved_views.c.key == key, saved_views.c.removed_at > since)
    row = connection.execute(asked).one_or_none()
    return None if row is None else StoredView(row.key, row.removed_name, row.query, row.shared, row.owner)


def _views() -> Select[Any]:
    columns = (saved_views.c.key, saved_views.c.name, saved_views.c.query, saved_views.c.shared)
    return select(*columns, operators.c.name.label("owner")).join(operators, operators.c.key == saved_views.c.operator)
