"""Asking for the limits of many accounts: as fast as the pace allows, or lane by lane where tokens may be refreshed.

Refreshes of one OAuth client come one after the other, with a pause. When a lane shows that the provider ends a whole
family of sign-ins, no further account of it is refreshed; asking with tokens as they are rotates nothing and goes on.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from authdeck.errors import DeckError
from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.refresh_many import Outcome as Refreshed
from authdeck.operations.refresh_many import Row, Signs
from authdeck.quota_answer import Outcome, QuotaAnswer

WORKERS: Final = 32
"""Accounts under way or waiting for their turn; the pace decides how many of them are asked."""

_REFUSALS: Final = frozenset({"refresh_refused", "refresh_answer_lost"})

OnAnswer = Callable[[QuotaAnswer], Awaitable[None]]


async def query_many(
    desk: Desk, queries: QuotaQueries, auth_indexes: Sequence[str], on_answer: OnAnswer, *, refresh: bool = False
) -> None:
    """Ask for each once. ``on_answer`` hears of each as soon as it is known, in any order. Cancel the task to stop."""
    wanted = list(dict.fromkeys(auth_indexes))
    lanes = _lanes(desk, wanted) if refresh else [wanted[start::WORKERS] for start in range(WORKERS)]
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(_lane(desk, queries, lane, on_answer, refresh=refresh))


def _lanes(desk: Desk, auth_indexes: Sequence[str]) -> list[list[str]]:
    lanes: dict[str, list[str]] = defaultdict(list)
    for auth_index in auth_indexes:
        entry = desk.directory.get(auth_index)
        lanes[token_calls.lane_of(desk, entry.account.provider) if entry else ""].append(auth_index)
    return list(lanes.values())


async def _lane(
    desk: Desk, queries: QuotaQueries, auth_indexes: Sequence[str], on_answer: OnAnswer, *, refresh: bool
) -> None:
    signs = Signs()
    for auth_index in auth_indexes:
        before = _revision(desk, auth_index)
        try:
            answer = await queries.query_quota(auth_index, refresh=refresh and not signs.is_stopped)
        except DeckError as error:
            answer = QuotaAnswer(auth_index, Outcome.SKIPPED, desk.now(), code=error.code, params=error.params)
        await on_answer(answer)
        is_renewed = _revision(desk, auth_index) != before
        if is_renewed or answer.code in _REFUSALS:
            signs.saw(
                Row(auth_index, Refreshed.REFRESHED if is_renewed else Refreshed.FAILED, answer.code, answer.params)
            )
        if is_renewed and refresh:
            await asyncio.sleep(desk.settings.refresh.pace * random.uniform(1, 1.25))  # noqa: S311 - no secret


def _revision(desk: Desk, auth_index: str) -> int | None:
    entry = desk.directory.get(auth_index)
    return entry.account.revision if entry else None
