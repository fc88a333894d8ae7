"""Refreshing a selection because a person asked: one after the other in each OAuth client's lane, with a pause between.

A provider that sees refreshes of one client in quick succession may take them for theft and end the whole family. So a
lane stops at the first sign of that; the others go on.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.operations.refresh import Refresher

REVOKED: Final = frozenset(
    {"refresh_token_reused", "refresh_token_invalidated", "token_revoked", "token_invalidated", "refresh_answer_lost"}
)
"""Words of a provider that ended a sign-in on purpose. (``invalid_grant`` alone may be an old sign-in that ran out.)"""

REFUSALS: Final = 2
"""So many refusals in a row are a sign, whatever the words."""

_NOT_ASKED: Final = frozenset(
    {"refresh_is_elsewhere", "refresh_not_possible", "account_not_found", "client_secret_missing"}
)
"""Nothing was sent for these, and nothing could be."""


class Outcome(StrEnum):
    """``skipped``: there is nothing to refresh, or not here. ``stopped``: not tried after a sign of revocation."""

    REFRESHED = "refreshed"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one account. ``code`` and ``params`` make the sentence that says why; empty when refreshed."""

    auth_index: str
    outcome: Outcome
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


class Signs:
    """Watches the rows of one lane for the provider's signs that it ends the family."""

    def __init__(self) -> None:
        self._refusals = 0
        self.is_stopped = False

    def saw(self, row: Row) -> None:
        if row.outcome is Outcome.REFRESHED:
            self._refusals = 0
        if row.code not in {"refresh_refused", "refresh_answer_lost"}:
            return
        self._refusals += 1
        words = {row.code, row.params.get("reason")}
        self.is_stopped = self.is_stopped or bool(words & REVOKED) or self._refusals >= REFUSALS


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
    lanes: dict[str, list[str]] = defaultdict(list)
    for auth_index in dict.fromkeys(auth_indexes):
        entry = desk.directory.get(auth_index)
        lanes[token_calls.lane_of(desk, entry.account.provider) if entry else ""].append(auth_index)
    await asyncio.gather(*(_lane(desk, refresher, lane, on_row) for lane in lanes.values()))


async def _lane(
    desk: Desk, refresher: Refresher, auth_indexes: Sequence[str], on_row: Callable[[Row], Awaitable[None]]
) -> None:
    signs, was_sent = Signs(), False
    for auth_index in auth_indexes:
        if signs.is_stopped:
            await on_row(Row(auth_index, Outcome.STOPPED, "refresh_stopped"))
            continue
        if was_sent:
            await asyncio.sleep(desk.settings.refresh.pace * random.uniform(1, 1.25))  # noqa: S311 - no secret
        row = await _row(refresher, auth_index)
        was_sent = row.outcome is not Outcome.SKIPPED
        signs.saw(row)
        await on_row(row)


async def _row(refresher: Refresher, auth_index: str) -> Row:
    try:
        await refresher.refresh(auth_index)
    except DeckError as error:
        outcome = Outcome.SKIPPED if error.code in _NOT_ASKED else Outcome.FAILED
        return Row(auth_index, outcome, error.code, error.params)
    return Row(auth_index, Outcome.REFRESHED)
