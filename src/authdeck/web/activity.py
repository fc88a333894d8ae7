"""An account's last 200 minutes as twenty bars: height is volume, the red cap is what failed, a tick is silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BUCKETS: Final = 20
_STEP, _HIGH, _LOW, _TICK = 6.7, 18.0, 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Activity:
    """``answered`` and ``failed`` requests within the time shown, and the rectangles that draw them in 132 × 18."""

    answered: int
    failed: int
    rects: Sequence[Bar]

    @property
    def total(self) -> int:
        return self.answered + self.failed


def activity(buckets: Sequence[tuple[int, int]]) -> Activity:
    """From (answered, failed) per ten minutes, oldest first."""
    top = max((good + bad for good, bad in buckets), default=0) or 1
    rects = [bar for at, (good, bad) in enumerate(buckets) for bar in _bars(at, good, bad, top)]
    return Activity(sum(good for good, _ in buckets), sum(bad for _, bad in buckets), rects)


def _bars(at: int, good: int, bad: int, top: int) -> list[Bar]:
    """Volume to the power 0.6, so that a quiet bucket beside a busy one is seen; a failure is never too thin."""
    x = round(at * _STEP, 1)
    if not good + bad:
        return [Bar("idle", x, _HIGH - _TICK, _TICK)]
    high = max(_LOW, round(_HIGH * ((good + bad) / top) ** 0.6, 1))
    failed = max(3.5, round(high * bad / (good + bad), 1)) if bad else 0.0
    bars = (
        [Bar("ok", x, round(_HIGH - high + failed, 1), round(high - failed, 1))] if good and high - failed > 0 else []
    )
    return [*bars, Bar("bad", x, round(_HIGH - high, 1), failed)] if bad else bars
