"""Named reads of holds."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Row, select

from authdeck.hold import Hold, Owner
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import holds


def open_holds(connection: ReadConnection, account_keys: Sequence[int] | None = None) -> dict[int, tuple[Hold, ...]]:
    """Holds that nobody released, by account key, oldest first; of all accounts where no keys are given.

    One whose ``until`` has passed is still open here: whether it applies is asked with the time, by ``Hold.applies``.
    """
    statement = select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.since, holds.c.key)
    if account_keys is not None:
        statement = statement.where(holds.c.account.in_(account_keys))
    found: dict[int, list[Hold]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.account].append(_hold(row))
    return {account: tuple(together) for account, together in found.items()}


def _hold(row: Row[tuple[object, ...]]) -> Hold:
    return Hold(
        owner=Owner(row.owner),
        code=row.code,
        since=row.since,
        until=row.until,
        scope=row.scope or None,
        note=row.note,
        actor=row.actor,
        evidence=row.evidence,
        detail=row.detail,
        key=row.key,
    )
