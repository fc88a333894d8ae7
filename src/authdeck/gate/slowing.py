"""Wrong keys slow down; a right one never waits, since the wait comes after the check, for failures only."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from authdeck.clock import Clock
from authdeck.errors import DeckError

FIRST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 5.0
HALF_LIFE: Final = 30.0
MANY_WAITING: Final = 64
_SHARED_DELAY: Final = 0.02
_PREFIXES: Final = 1024
_PREFIX_LENGTH: Final = 8


@dataclass(slots=True)
class _Count:
    """Failures, fading: half of them are forgotten every ``HALF_LIFE`` seconds."""

    value: float = 0.0
    at: float = 0.0

    def raised(self, now: float) -> float:
        self.value = self.value * 0.5 ** ((now - self.at) / HALF_LIFE) + 1
        self.at = now
        return self.value


class SlowDown:
    """Counts failed presentations, all together and by their first characters; by nothing that a network can forge."""

    def __init__(self, clock: Clock, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._clock: Final = clock
        self._sleep: Final = sleep
        self._all: Final = _Count()
        self._by_prefix: Final[OrderedDict[str, _Count]] = OrderedDict()
        self._waiting = 0

    async def failed(self, presented: str) -> None:
        """Wait as this failure deserves. Raises ``too_many_attempts`` (429) at once when too many wait already."""
        delay = self._delay(presented[:_PREFIX_LENGTH])
        if self._waiting >= MANY_WAITING:
            raise DeckError("too_many_attempts", status=429, retry_after=delay)
        self._waiting += 1
        try:
            await self._sleep(delay)
        finally:
            self._waiting -= 1

    def _delay(self, prefix: str) -> float:
        now = self._clock.monotonic()
        own = self._by_prefix.setdefault(prefix, _Count(at=now))
        self._by_prefix.move_to_end(prefix)
        if len(self._by_prefix) > _PREFIXES:
            self._by_prefix.popitem(last=False)
        alone = FIRST_DELAY * 2 ** min(own.raised(now) - 1, 16)
        together = _SHARED_DELAY * self._all.raised(now)
        return min(max(alone, together), LONGEST_DELAY)
