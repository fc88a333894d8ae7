"""Named reads of holds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, select

from authdeck.hold import Hold, Owner
from authdeck.storage.among import Among
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import holds


def open_holds(connection: ReadConnection, account_keys: Sequence[int] | None = None) -> dict[int, tuple[Hold, ...]]:
    """Holds that nobody released, by account key, oldest first; of all accounts where no keys are given.

    One whose ``until`` has passed is still open here: whether it applies is asked with the time, by ``Hold.applies``.
    """
    statement, wanted = (_OPEN, None) if account_keys is None else (_OPEN_OF, {"wanted": account_keys})
    found: dict[int, list[Hold]] = defaultdict(list)
    for row in connection.execute(statement, wanted):
        found[row.account].append(_hold(row))
    return {account: tuple(together) for account, together in found.items()}


# Made once: batches ask again and again, and making a statement costs more than running it.
_OPEN: Final = select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.since, holds.c.key)
_OPEN_OF: Final = _OPEN.where(Among(holds.c.account))


@dataclass(frozen=True, slots=True)
class PastHold:
    """A hold as it once was, and who released it when; ``None`` while it is open."""

    hold: Hold
    released_at: datetime | None
    released_by: str | None


def history(connection: ReadConnection, account_key: int, before: datetime | None, limit: int) -> list[PastHold]:
    """Open and released ones, the newest first: the last ``limit`` to begin before then, and as many that ended."""
    found: dict[int, PastHold] = {}
    for when in (holds.c.since, holds.c.released_at):
        asked = select(holds).where(holds.c.account == account_key, when.is_not(None))
        asked = asked if before is None else asked.where(when < before)
        for row in connection.execute(asked.order_by(when.desc(), holds.c.key.desc()).limit(limit)):
            found[row.key] = PastHold(_hold(row), row.released_at, row.released_by)
    return sorted(found.values(), key=lambda past: past.hold.since, reverse=True)


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
