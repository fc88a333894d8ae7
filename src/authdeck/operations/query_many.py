"""Asking for the limits of many accounts: as fast as the pace allows, or lane by lane where tokens may be refreshed.

When a lane shows that the provider ends a whole family of sign-ins, no further account of it is refreshed; asking with
tokens as they are rotates nothing and goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.refresh_lanes import RefreshLane, in_lanes
from authdeck.quota_answer import Outcome, QuotaAnswer

WORKERS: Final = 32
"""Accounts under way or waiting for their turn; the pace decides how many of them are asked."""

OnAnswer = Callable[[QuotaAnswer], Awaitable[None]]


async def query_many(
    desk: Desk, queries: QuotaQueries, auth_indexes: Sequence[str], on_answer: OnAnswer, *, refresh: bool = False
) -> None:
    """Ask for each once. ``on_answer`` hears of each as soon as it is known, in any order. Cancel the task to stop."""
    wanted = list(dict.fromkeys(auth_indexes))
    walk = _refreshing if refresh else _asking
    parts = await in_lanes(desk, wanted) if refresh else [wanted[start::WORKERS] for start in range(WORKERS)]
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(walk(desk, queries, part, on_answer))


async def _asking(desk: Desk, queries: QuotaQueries, auth_indexes: Sequence[str], on_answer: OnAnswer) -> None:
    for auth_index in auth_indexes:
        await on_answer(await _asked(desk, queries, auth_index, refresh=False))


async def _refreshing(desk: Desk, queries: QuotaQueries, auth_indexes: Sequence[str], on_answer: OnAnswer) -> None:
    lane = RefreshLane(desk)
    for auth_index in auth_indexes:
        before = await lane.turn(auth_index)
        answer = await _asked(desk, queries, auth_index, refresh=not lane.is_stopped)
        lane.heard(answer, before)
        await on_answer(answer)


async def _asked(desk: Desk, queries: QuotaQueries, auth_index: str, *, refresh: bool) -> QuotaAnswer:
    try:
        return await queries.query_quota(auth_index, refresh=refresh)
    except DeckError as error:
        return QuotaAnswer(auth_index, Outcome.SKIPPED, desk.now(), code=error.code, params=error.params)
