"""Asking the directory without holding up the gateway, which shares the event loop with it."""

import asyncio

from authdeck.directory import Found
from authdeck.operations.desk import Desk
from authdeck.search import AccountSearch


async def find_accounts(desk: Desk, search: AccountSearch) -> Found:
    """The page asked for. What it takes to answer is done in slices. Raises ``DeckError('cursor_invalid')``."""
    await _prepare(desk, search)
    return desk.directory.find(search, desk.now())


async def matching_accounts(desk: Desk, search: AccountSearch) -> list[str]:
    """The auth_index of every account that matches, in the search's order, whatever its page size and cursor."""
    await _prepare(desk, search)
    return desk.directory.matching(search, desk.now())


async def take_in(desk: Desk) -> None:
    """The directory takes in what changed, a little at a time: the next question finds nothing left to do."""
    while not desk.directory.settle_some(desk.now()):  # noqa: ASYNC110 - it works, it does not wait
        await asyncio.sleep(0)


async def _prepare(desk: Desk, search: AccountSearch) -> None:
    for _ in desk.directory.steps(search, desk.now()):
        await asyncio.sleep(0)


SLICE = 50
"""Accounts put in force at a time: less than half a millisecond."""
