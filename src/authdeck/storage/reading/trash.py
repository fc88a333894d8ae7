"""Named reads of the trash: deleted accounts, the newest first, found by any text that they are known by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_

from authdeck.account import Account
from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.account_rows import selected
from authdeck.storage.reading.accounts import with_names
from authdeck.storage.tables import accounts, aliases

IN_TRASH: Final = and_(
    accounts.c.trashed_at.is_not(None), accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None)
)


@dataclass(frozen=True, slots=True)
class TrashSearch:
    """``words`` as for live accounts: any text, ``*`` for anything. ``cursor`` is a page's end."""

    words: str = ""
    page_size: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Trashed:
    """An account in the trash, and who put it there."""

    account: Account
    by: str


@dataclass(frozen=True, slots=True)
class TrashPage:
    items: Sequence[Trashed]
    total: int
    next: str | None


def page(connection: ReadConnection, search: TrashSearch) -> TrashPage:
    """Newest first, with the exact total. Raises ``DeckError('cursor_invalid')``."""
    wanted = and_(IN_TRASH, *_found_by(search.words))
    asked = selected().where(wanted).order_by(*_NEWEST_FIRST).limit(search.page_size + 1)
    if search.cursor is not None:
        asked = asked.where(tuple_(*_PLACE) < tuple_(*_place(search.cursor)))
    rows = connection.execute(asked).all()
    some = rows[: search.page_size]
    total = int(connection.execute(select(func.count()).select_from(accounts).where(wanted)).scalar_one())
    by = _by(connection, [row.key for row in some])
    items = [Trashed(account, by[account.key]) for account in with_names(connection, some)]
    return TrashPage(items, total, _cursor(items[-1].account) if len(rows) > len(some) else None)


def count(connection: ReadConnection, words: str = "") -> int:
    asked = select(func.count()).select_from(accounts).where(IN_TRASH, *_found_by(words))
    return int(connection.execute(asked).scalar_one())


def indexes(connection: ReadConnection, words: str = "") -> list[str]:
    """The auth_index of all that are found, newest first."""
    asked = select(accounts.c.auth_index).where(IN_TRASH, *_found_by(words)).order_by(*_NEWEST_FIRST)
    return list(connection.execute(asked).scalars())


def since_before(connection: ReadConnection, moment: datetime, limit: int) -> list[str]:
    """Those that lie there since that moment or longer, the oldest first."""
    asked = select(accounts.c.auth_index).where(IN_TRASH, accounts.c.trashed_at <= moment)
    return list(connection.execute(asked.order_by(accounts.c.trashed_at, accounts.c.key).limit(limit)).scalars())


def names(connection: ReadConnection, wanted: Sequence[str]) -> dict[str, str]:
    """File names by auth_index of those among them that lie in the trash; for a page of something."""
    columns = (accounts.c.auth_index, accounts.c.file_name)
    rows = connection.execute(select(*columns).where(IN_TRASH, accounts.c.auth_index.in_(wanted)))
    return {row.auth_index: row.file_name for row in rows}


_TEXTS: Final = (
    accounts.c.file_name, accounts.c.auth_index, accounts.c.provider, accounts.c.email, accounts.c.plan,
    accounts.c.label, accounts.c.organization, accounts.c.subject, accounts.c.prefix, accounts.c.project_id,
    accounts.c.note,
)  # fmt: skip
_PLACE: Final = (accounts.c.trashed_at, accounts.c.key)
_NEWEST_FIRST: Final = tuple(column.desc() for column in _PLACE)
_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


def _by(connection: ReadConnection, keys: Sequence[int]) -> dict[int, str]:
    asked = select(accounts.c.key, accounts.c.trashed_by).where(accounts.c.key.in_(keys))
    return {row.key: row.trashed_by or "" for row in connection.execute(asked)}


def _found_by(words: str) -> list[ColumnElement[bool]]:
    """One of its texts has the words in it. What a database can't fold itself is found as it was typed, or folded."""
    typed = words.strip()
    if not typed.strip("*"):
        return []
    also = accounts.c.key.in_(select(aliases.c.account).where(_has(aliases.c.value, typed)))
    folded = accounts.c.file_name_folded.like(_pattern(typed.casefold()), escape=_ESCAPE)
    texts = _TEXTS if "*" in typed else (_TOGETHER,)  # a star stands for anything within one text
    return [or_(folded, *(_has(text, typed) for text in texts), also)]


def _has(text: ColumnElement[Any], typed: str) -> ColumnElement[bool]:
    lowered = func.lower(text).like(_pattern(typed.casefold()), escape=_ESCAPE)
    return lowered if typed.isascii() else or_(lowered, text.like(_pattern(typed), escape=_ESCAPE))


def _joined(texts: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """In one: looking once through a longer text is much quicker than often through short ones."""
    return reduce(lambda one, other: one.op("||")("\n").op("||")(func.coalesce(other, "")), texts[1:], texts[0])


_TOGETHER: Final = _joined(_TEXTS)
_ESCAPE: Final = "\\"


def _pattern(text: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return f"%{escaped.replace('*', '%')}%"


def _cursor(account: Account) -> str:
    assert account.trashed_at is not None
    return f"{to_micros(account.trashed_at)}-{account.key}"


def _place(cursor: str) -> tuple[ColumnElement[datetime], int]:
    if (found := _CURSOR.fullmatch(cursor)) is None:
        raise DeckError("cursor_invalid")
    return literal(from_micros(int(found[1])), accounts.c.trashed_at.type), int(found[2])
