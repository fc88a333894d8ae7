"""Every live account at once: what a process reads when it starts, or when it was away for too long."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import and_, select

from authdeck.account import Account
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.account_rows import account, selected
from authdeck.storage.tables import accounts, aliases


def all_live(connection: ReadConnection) -> Iterator[Account]:
    """By key, oldest first. Rows are let go as they are read."""
    other_names = _other_names(connection)
    for row in connection.stored(_STATEMENT):
        yield account(row, other_names.pop(row[0], ()))


def _other_names(connection: ReadConnection) -> dict[int, tuple[str, ...]]:
    """Of every account that ever was, by key: to ask for the live ones only would take longer."""
    found: dict[int, tuple[str, ...]] = {}
    for key, value in connection.stored(_OTHER_NAMES):
        found[key] = (*found[key], value) if key in found else (value,)
    return found


_OTHER_NAMES: Final = select(aliases.c.account, aliases.c.value).order_by(aliases.c.key)
_A: Final = accounts.c
_STATEMENT: Final = (
    selected().where(and_(_A.trashed_at.is_(None), _A.purged_at.is_(None), _A.merged_into.is_(None))).order_by(_A.key)
)
