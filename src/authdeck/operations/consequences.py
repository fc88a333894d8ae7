"""What stops serving when accounts are taken out of use: told before it is done, by provider and by prefix."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck.entry import Entry
from authdeck.operations.desk import Desk

_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Supply:
    """How many accounts can serve a provider or a prefix, now and afterwards."""

    kind: str
    name: str
    now: int
    then: int

    @property
    def ends(self) -> bool:
        """Nothing will serve there any more."""
        return self.now > 0 and self.then == 0


@dataclass(frozen=True, slots=True)
class Consequences:
    """``serving``: how many of the accounts serve now. ``supplies`` are those that shrink, the scarcest first."""

    serving: int
    supplies: tuple[Supply, ...]


async def of(desk: Desk, auth_indexes: Collection[str]) -> Consequences:
    """Of disabling or deleting these accounts. Looks at every account, a few at a time."""
    now, taken = desk.now(), frozenset(auth_indexes)
    before: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    serving = 0
    for at, entry in enumerate(list(desk.directory.entries())):
        if at % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if not serves(desk, entry, now):
            continue
        places = list(_places(entry))
        before.update(places)
        if entry.account.auth_index in taken:
            serving += 1
            lost.update(places)
    supplies = [Supply(*place, before[place], before[place] - number) for place, number in lost.items()]
    return Consequences(serving, tuple(sorted(supplies, key=lambda one: (one.then, -one.now, one.kind, one.name))))


def serves(desk: Desk, entry: Entry, now: datetime) -> bool:
    """Whether nothing speaks against the account as a whole; a pause of one model does not count."""
    return not any(reason.stops and reason.scope is None for reason in desk.directory.reasons(entry, now))


def _places(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "provider", entry.account.provider.value
    if entry.account.settings.prefix is not None:
        yield "prefix", entry.account.settings.prefix
