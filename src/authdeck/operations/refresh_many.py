"""Refreshing a selection because a person asked: lane by lane, as ``refresh_lanes`` says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.operations.refresh import Refresher
from authdeck.operations.refresh_lanes import Outcome, RefreshLane, Row, in_lanes

_NOT_ASKED: Final = frozenset(
    {"refresh_is_elsewhere", "refresh_not_possible", "account_not_found", "client_secret_missing"}
)
"""Nothing was sent for these, and nothing could be."""


async def refresh_many(
    desk: Desk,
    refresher: Refresher,
    auth_indexes: Sequence[str],
    actor: Actor,
    on_row: Callable[[Row], Awaitable[None]],
) -> None:
    """Refresh them, whether disabled or not. ``on_row`` hears of each once, in any order, as soon as it is known.

    Lanes go on side by side, in a lane one call after the other, ``refresh.pace`` seconds apart.
    """
    count = {"accounts": len(auth_indexes)}
    await desk.write(lambda connection: record(desk, connection, actor, Act.REFRESH_ASKED, "", after=count))
    lanes = await in_lanes(desk, dict.fromkeys(auth_indexes))
    await asyncio.gather(*(_lane(desk, refresher, lane, on_row) for lane in lanes))


async def _lane(
    desk: Desk, refresher: Refresher, auth_indexes: Sequence[str], on_row: Callable[[Row], Awaitable[None]]
) -> None:
    lane = RefreshLane(desk)
    for auth_index in auth_indexes:
        if lane.is_stopped:
            await on_row(Row(auth_index, Outcome.STOPPED, "refresh_stopped"))
            continue
        await lane.turn(auth_index)
        row = await _row(refresher, auth_index)
        lane.saw(row)
        await on_row(row)


async def _row(refresher: Refresher, auth_index: str) -> Row:
    try:
        await refresher.refresh(auth_index)
    except DeckError as error:
        outcome = Outcome.SKIPPED if error.code in _NOT_ASKED else Outcome.FAILED
        return Row(auth_index, outcome, error.code, error.params)
    return Row(auth_index, Outcome.REFRESHED)
