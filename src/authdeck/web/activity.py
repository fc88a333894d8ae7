"""An account's last 200 minutes as twenty bars: height is volume, the red cap is what failed, a tick is silence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

BUCKETS: Final = 20
HIGH: Final = 18
_LOW, _CAP = 5, 4


@dataclass(frozen=True, slots=True)
class Activity:
    """``answered`` and ``failed`` requests within the time shown, and outlines that draw them, ``BUCKETS`` × ``HIGH``.

    ``good`` stands before ``bad``, whose bars are as high as all of their time; both are empty where there is nothing.
    The gaps between bars and the ticks are the style sheet's: a list has thousands of bars, in whole numbers for that.
    """

    answered: int
    failed: int
    good: str
    bad: str

    @property
    def total(self) -> int:
        return self.answered + self.failed


def activity(buckets: Sequence[tuple[int, int]]) -> Activity:
    """From (answered, failed) per ten minutes, oldest first."""
    top = max((good + bad for good, bad in buckets), default=0) or 1
    bars = [_bar(good, bad, top) for good, bad in buckets]
    return Activity(
        sum(good for good, _ in buckets),
        sum(bad for _, bad in buckets),
        _outline(high - failed for high, failed in bars),
        _outline(high if failed else 0 for high, failed in bars),
    )


def _bar(good: int, bad: int, top: int) -> tuple[int, int]:
    """Its height, and that of its failed part.

    Volume to the power 0.6, so that a quiet time beside a busy one is seen; a failure is never too thin.
    """
    if not good + bad:
        return 0, 0
    high = max(_LOW, round(HIGH * ((good + bad) / top) ** 0.6))
    failed = min(high - bool(good), max(_CAP, round(high * bad / (good + bad)))) if bad else 0
    return high, failed


def _outline(heights: Iterable[int]) -> str:
    runs = [(height, len(list(run))) for height, run in groupby(heights)]
    if not any(height for height, _ in runs):
        return ""
    return f"M0 {HIGH}{''.join(f'V{HIGH - height}h{wide}' for height, wide in runs)}V{HIGH}z"
