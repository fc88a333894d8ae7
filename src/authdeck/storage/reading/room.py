"""How much room monitoring takes on the disk."""

from typing import Final

from sqlalchemy import func, select, text

from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import requests

_PAGES: Final = {
    name: text(f"SELECT {name} FROM pragma_{name}")  # noqa: S608 - names of ours
    for name in ("page_count", "freelist_count", "page_size")
}
_BESIDE_A_ROW: Final = 28 + 5 * 24
"""Bytes that PostgreSQL adds to a row: its head, and an entry in each of five indexes."""
_WIDTH: Final = text(
    "SELECT avg(pg_column_size(newest.*)) FROM (SELECT * FROM requests ORDER BY n DESC LIMIT 1000) AS newest"
)


def used(c: ReadConnection) -> int:
    """Bytes in use. Room that deleting freed does not count: it is filled before a file grows.

    On PostgreSQL it is estimated from the number and width of the requests; their sums are not in it.
    """
    if c.dialect == "sqlite":
        pages, free, size = (int(c.execute(_PAGES[name]).scalar_one()) for name in _PAGES)
        return (pages - free) * size
    return int(number(c) * (float(c.execute(_WIDTH).scalar() or 0) + _BESIDE_A_ROW))


def excess(c: ReadConnection, limit: int) -> int:
    """How many requests have to go for the room in use to be ``limit`` bytes: about so many, by their mean size."""
    bytes_used = used(c)
    return 0 if bytes_used <= limit else -(-number(c) * (bytes_used - limit) // bytes_used)


def number(c: ReadConnection) -> int:
    return int(c.execute(select(func.count()).select_from(requests)).scalar_one())
