"""When to look at something again: one moment for each name. Pure; memory only."""

from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush


class Moments:
    """The earliest moment told of a name counts. What was put off since is told its later moment when it is looked at.

    Most moments never come: each use of an account puts off the end of its proof. So a later one costs nothing.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._at: dict[str, datetime] = {}

    def put(self, name: str, at: datetime) -> None:
        known = self._at.get(name)
        if known is None or at < known:
            self._at[name] = at
            heappush(self._heap, (at, name))

    def passed(self, now: datetime) -> Iterator[str]:
        """The names whose moment has come by now, each once; they are forgotten."""
        while self._heap and self._heap[0][0] <= now:
            moment, name = heappop(self._heap)
            if self._at.get(name) == moment:
                del self._at[name]
                yield name
