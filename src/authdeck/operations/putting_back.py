"""What a person takes away can be put back for a day: revoked client keys, channels and rules, views, holds."""

from datetime import datetime, timedelta
from typing import Final

from authdeck.operations.desk import Desk
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import notices, saved_views

KEPT: Final = timedelta(days=1)
"""Long enough to see that something fails without it; short enough that what was taken away for a reason stays so."""


def since(now: datetime) -> datetime:
    """What was taken away after this can be put back."""
    return now - KEPT


def is_possible(taken_away_at: datetime, now: datetime) -> bool:
    return taken_away_at > since(now)


async def forget(desk: Desk) -> None:
    """Let go for good what was taken away before, a channel's sealed URL with it. For the timetable."""
    before = since(desk.now())

    def work(connection: WriteConnection) -> None:
        notices.forget_removed(connection, before)
        saved_views.forget_removed(connection, before)

    await desk.write(work)
