"""Accounts of one OAuth client, refreshed one after the other with a pause between.

A provider that sees refreshes of one client in quick succession may take them for theft and end the whole family of
sign-ins. So nobody of a lane is refreshed any more after the first sign of that; other lanes go on.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from authdeck.account import Kind, RefreshBy
from authdeck.errors import DeckError
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
_TRIED: Final = _REFUSALS | {"refresh_failed", "refresh_unknown"}
SLICE: Final = 1_000
"""Accounts looked up before others on the loop have their turn."""


class Outcome(StrEnum):
    """``skipped``: nothing was sent."""

    REFRESHED = "refreshed"
    FAILED = "failed"
    SKIPPED = "skipped"


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
        found[_name(desk, auth_index)].append(auth_index)
    return list(found.values())


def _name(desk: Desk, auth_index: str) -> str:
    entry = desk.directory.get(auth_index)
    return token_calls.lane_of(desk, entry.account.provider) if entry else ""


class RefreshLane:
    """Keeps the pace of one lane: ``turn`` before each account, ``saw`` or ``heard`` what became of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._signs: Final = Signs()
        self._free_at = 0.0  # of the loop's time, which is the one that sleeping goes by

    @property
    def is_stopped(self) -> bool:
        """Nobody is to be refreshed any more."""
        return self._signs.is_stopped

    @property
    def pause(self) -> float:
        """Seconds that the refresh before still asks for."""
        return max(0.0, self._free_at - asyncio.get_running_loop().time())

    async def turn(self, auth_index: str) -> int | None:
        """Waits as long as the refresh before asks for. The account's revision, for ``heard``."""
        if pause := self.pause:
            await asyncio.sleep(pause)
        return self._revision(auth_index)

    def saw(self, row: Row) -> None:
        self._signs.saw(row)
        if row.outcome in (Outcome.REFRESHED, Outcome.FAILED):
            pause = self._desk.settings.refresh.pace * random.uniform(1, 1.25)  # noqa: S311 - no secret
            self._free_at = asyncio.get_running_loop().time() + pause

    def heard(self, answer: QuotaAnswer, before: int | None) -> None:
        """A question that was allowed to refresh: whether it did shows by the revision, which was ``before``."""
        auth_index, tried = answer.auth_index, answer.not_renewed or DeckError(answer.code, **answer.params)
        if self._revision(auth_index) != before:
            self.saw(Row(auth_index, Outcome.REFRESHED))
        elif tried.code in _TRIED:
            self.saw(Row(auth_index, Outcome.FAILED, tried.code, tried.params))
        else:
            self.saw(Row(auth_index, Outcome.SKIPPED))

    def _revision(self, auth_index: str) -> int | None:
        entry = self._desk.directory.get(auth_index)
        return entry.account.revision if entry else None


class Lanes:
    """The lanes of one selection that is gone through a few accounts at a time, in the order given."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._lanes: Final[dict[str, RefreshLane]] = {}

    def of(self, auth_index: str) -> RefreshLane:
        """The lane of the account's OAuth client."""
        return self._lanes.setdefault(_name(self._desk, auth_index), RefreshLane(self._desk))

    def apart(self, auth_indexes: Sequence[str]) -> int:
        """How many of the first ones can go side by side: until the second one that a lane may refresh."""
        taken: set[RefreshLane] = set()
        for number, auth_index in enumerate(auth_indexes):
            if not self._may_refresh(auth_index):
                continue
            if (lane := self.of(auth_index)) in taken:
                return number
            taken.add(lane)
        return len(auth_indexes)

    def pause(self, auth_indexes: Iterable[str]) -> float:
        """Seconds until each of them may be refreshed."""
        return max((self.of(each).pause for each in auth_indexes if self._may_refresh(each)), default=0.0)

    def _may_refresh(self, auth_index: str) -> bool:
        entry = self._desk.directory.get(auth_index)
        if entry is None or self.of(auth_index).is_stopped:
            return False
        return entry.account.kind is not Kind.API_KEY and entry.account.refresh_by is not RefreshBy.OTHER
