"""Named writes of holds: placing one, releasing one, and the watermark that a person's release leaves behind."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from authdeck.access import AUTOMATION
from authdeck.hold import Hold, Owner
from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import holds, watermarks


def place(connection: WriteConnection, account_key: int, hold: Hold) -> bool:
    """Open the hold, or bring the open one with the same owner, code and scope up to date. True: it is new.

    Another process may open the same one at the same time: then this waits for its commit, and brings that one up to
    date, or opens its own where that one was released by then.
    """
    same = and_(
        holds.c.account == account_key,
        holds.c.owner == hold.owner.value,
        holds.c.code == hold.code,
        holds.c.scope == (hold.scope or ""),
        holds.c.released_at.is_(None),
    )
    columns = {
        "until": hold.until,
        "note": hold.note,
        "detail": dict(hold.detail),
        "evidence": hold.evidence,
        "actor": hold.actor,
    }
    identity = {"account": account_key, "owner": hold.owner.value, "code": hold.code, "scope": hold.scope or ""}
    insert_ = sqlite.insert if connection.dialect == "sqlite" else postgresql.insert
    opening = (
        insert_(holds)
        .values({**identity, **columns, "since": hold.since})
        .on_conflict_do_nothing()
        .returning(holds.c.key)
    )
    while not connection.execute(update(holds).where(same).values(columns)).rowcount:
        if connection.execute(opening).first() is not None:
            return True
    return False


def release(
    connection: WriteConnection,
    account_key: int,
    owner: Owner,
    *,
    by: str,
    at: datetime,
    code: str | None = None,
) -> int:
    """Release the open holds of one owner (of one code, where given). How many there were."""
    open_ones = and_(holds.c.account == account_key, holds.c.owner == owner.value, holds.c.released_at.is_(None))
    if code is not None:
        open_ones = and_(open_ones, holds.c.code == code)
    statement = update(holds).where(open_ones).values(released_at=at, released_by=by)
    return connection.execute(statement).rowcount


def release_one(connection: WriteConnection, key: int, *, by: str, at: datetime) -> bool:
    """Release the hold with that key; whether it was open."""
    statement = update(holds).where(holds.c.key == key, holds.c.released_at.is_(None))
    return connection.execute(statement.values(released_at=at, released_by=by)).rowcount > 0


def raise_watermark(
    connection: WriteConnection, account_key: int, owner: Owner, code: str, *, by: str, at: datetime
) -> None:
    """Evidence observed before ``at`` never raises this hold again."""
    mark = _mark(account_key, owner, code)
    former = connection.execute(select(watermarks.c.at).where(mark)).scalar_one_or_none()
    connection.execute(delete(watermarks).where(mark))
    row = {"account": account_key, "owner": owner.value, "code": code, "at": at, "actor": by, "former_at": former}
    connection.execute(insert(watermarks).values(row))


def lower_watermark(connection: WriteConnection, account_key: int, owner: Owner, code: str) -> None:
    """As it was before it was last raised."""
    mark = _mark(account_key, owner, code)
    connection.execute(delete(watermarks).where(mark, watermarks.c.former_at.is_(None)))
    values = {"at": watermarks.c.former_at, "former_at": None}
    connection.execute(update(watermarks).where(mark, watermarks.c.former_at.is_not(None)).values(values))


def open_again(connection: WriteConnection, account_key: int, owner: Owner, code: str, since: datetime) -> int:
    """The holds that were last released together, by a person and after ``since``; how many.

    None where one of that code is open.
    """
    these = and_(holds.c.account == account_key, holds.c.owner == owner.value, holds.c.code == code)
    if connection.execute(select(holds.c.key).where(these, holds.c.released_at.is_(None))).first() is not None:
        return 0
    last = connection.execute(select(func.max(holds.c.released_at)).where(these)).scalar_one_or_none()
    if last is None or last <= since:
        return 0
    by_a_person = and_(these, holds.c.released_at == last, holds.c.released_by != AUTOMATION.name)
    return connection.execute(update(holds).where(by_a_person).values(released_at=None, released_by=None)).rowcount


def _mark(account_key: int, owner: Owner, code: str) -> ColumnElement[bool]:
    return and_(watermarks.c.account == account_key, watermarks.c.owner == owner.value, watermarks.c.code == code)


def was_placed(connection: WriteConnection, account_key: int, owner: Owner, code: str) -> bool:
    """Whether there ever was such a hold."""
    statement = select(holds.c.key).where(
        holds.c.account == account_key, holds.c.owner == owner.value, holds.c.code == code
    )
    return connection.execute(statement.limit(1)).one_or_none() is not None


def open_codes(connection: WriteConnection, account_key: int, owner: Owner) -> list[str]:
    statement = select(holds.c.code).where(
        holds.c.account == account_key, holds.c.owner == owner.value, holds.c.released_at.is_(None)
    )
    return list(connection.execute(statement).scalars())
