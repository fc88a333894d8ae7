"""Time comes from here, so that a test can set it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Clock(Protocol):
    """Wall time and a stop watch."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; only differences mean something."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads it

    def monotonic(self) -> float:
        return time.monotonic()


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC: how moments are stored.

    Integer arithmetic: a float of today's epoch seconds cannot hold every microsecond. A zone can take a moment out of
    the years that Python knows; it is stored as the last or first one, or nothing could ever read it again.
    """
    return min(max(_micros(moment), _FIRST), _LAST)


def _micros(moment: datetime) -> int:
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


_FIRST: Final = _micros(datetime.min.replace(tzinfo=UTC))
_LAST: Final = _micros(datetime.max.replace(tzinfo=UTC))


def from_micros(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def rfc3339(moment: datetime) -> str:
    """``2026-11-23T21:00:00.123456Z``; whole seconds without a fraction."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
