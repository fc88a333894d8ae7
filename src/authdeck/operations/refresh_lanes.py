"""Accounts of one OAuth client, refreshed one after the other with a pause between.

A provider that sees refreshes of one client in quick succession may take them for theft and end the whole family of
sign-ins. So nobody of a lane is refreshed any more after the first sign of that; other lanes go on.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.quota_answer import QuotaAnswer

REVOKED: Final = frozenset(
    {"refresh_token_reused", "refresh_token_invalidated", "token_revoked", "token_invalidated", "refresh_answer_lost"}
)
"""Words of a provider that ended a sign-in on purpose. (``invalid_grant`` alone may be an old sign-in that ran out.)"""

REFUSALS: Final = 2
"""So many refusals in a row are a sign, whatever the words."""

_REFUSALS: Final = frozenset({"refresh_refused", "refresh_answer_lost"})
SLICE: Final = 1_000
"""Accounts looked up before others on the loop have their turn."""


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
        if row.code not in _REFUSALS:
            return
        self._refusals += 1
        words = {row.code, row.params.get("reason")}
        self.is_stopped = self.is_stopped or bool(words & REVOKED) or self._refusals >= REFUSALS


async def in_lanes(desk: Desk, auth_indexes: Iterable[str]) -> list[list[str]]:
    """The accounts by their OAuth client, each lane in the order given; unknown ones have a lane of their own."""
    found: dict[str, list[str]] = defaultdict(list)
    for number, auth_index in enumerate(auth_indexes):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        entry = desk.directory.get(auth_index)
        found[token_calls.lane_of(desk, entry.account.provider) if entry else ""].append(auth_index)
    return list(found.values())


class RefreshLane:
    """Keeps the pace of one lane: ``turn`` before each account, ``saw`` or ``heard`` what became of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._signs: Final = Signs()
        self._must_pause = False

    @property
    def is_stopped(self) -> bool:
        """Nobody is to be refreshed any more."""
        return self._signs.is_stopped

    async def turn(self, auth_index: str) -> int | None:
        """Waits as long as the refresh before asks for. The account's revision, for ``heard``."""
        if self._must_pause:
            await asyncio.sleep(self._desk.settings.refresh.pace * random.uniform(1, 1.25))  # noqa: S311 - no secret
        return self._revision(auth_index)

    def saw(self, row: Row) -> None:
        self._signs.saw(row)
        self._must_pause = row.outcome in (Outcome.REFRESHED, Outcome.FAILED)

    def heard(self, answer: QuotaAnswer, before: int | None) -> None:
        """A question that was allowed to refresh: whether it did shows by the revision, which was ``before``."""
        auth_index = answer.auth_index
        if self._revision(auth_index) != before:
            self.saw(Row(auth_index, Outcome.REFRESHED))
        elif answer.code in _REFUSALS:
            self.saw(Row(auth_index, Outcome.FAILED, answer.code, answer.params))
        else:
            self.saw(Row(auth_index, Outcome.SKIPPED))

    def _revision(self, auth_index: str) -> int | None:
        entry = self._desk.directory.get(auth_index)
        return entry.account.revision if entry else None
