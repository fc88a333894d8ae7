"""Which account a conversation is on. Pure, in memory.

A provider keeps caches and reasoning by account, so a conversation stays where it began while that account can serve.
"""

from collections import OrderedDict
from typing import Final

from authdeck.routing import Ask

LIMIT: Final = 100_000
"""Conversations remembered; the longest unused is forgotten first."""

Place = tuple[str | None, str | None, str | None]
"""Prefix, session, and the model where a conversation is on several accounts."""


class Bindings:
    """Auth indexes by place. ``ttl`` is seconds since the last request; 0 remembers nothing."""

    def __init__(self, ttl: float) -> None:
        self._ttl: Final = ttl
        self._bound: OrderedDict[Place, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bound)

    def at(self, place: Place, now: float) -> str | None:
        auth_index, until = self._bound.get(place, (None, 0.0))
        return auth_index if now < until else None

    def put(self, place: Place, auth_index: str, now: float) -> None:
        if self._ttl <= 0:
            return
        self._bound[place] = auth_index, now + self._ttl
        self._bound.move_to_end(place)
        if len(self._bound) > LIMIT:
            self._bound.popitem(last=False)


def places(ask: Ask) -> tuple[Place, ...]:
    """Where to look: the conversation as a whole, then this model of it."""
    whole = (ask.prefix, ask.session, None)
    return (whole,) if ask.model is None else (whole, (ask.prefix, ask.session, ask.model))
