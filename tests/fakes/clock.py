"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class SetClock:
    """An ``authdeck.clock.Clock`` for tests; it starts at ``NOON``."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._seconds = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def move(self, **delta: float) -> None:
        """``clock.move(minutes=5)``."""
        step = timedelta(**delta)
        self._now += step
        self._seconds += step.total_seconds()
