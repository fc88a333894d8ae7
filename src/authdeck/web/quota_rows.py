"""Quota windows as a page shows them: how much is left, until when, who said so. Unknown stays unknown. Pure."""

from dataclasses import dataclass
from datetime import datetime

from authdeck.quota import FULL, Presence, QuotaWindow
from authdeck.web.account_rows import window_name


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """``left`` is percent 0-100, ``None`` where it is not known (any more); ``was_left`` what was last seen then."""

    window: QuotaWindow
    name: str
    left: int | None
    was_left: int | None
    tone: str

    @property
    def is_gone(self) -> bool:
        return self.window.presence is Presence.INACTIVE


def shown(window: QuotaWindow, now: datetime, locale: str) -> ShownWindow:
    seen = _left(window)
    is_current = window.is_current(now)
    tone = "exhausted" if window.is_full(now) else "low" if window.is_low(now) else ""
    return ShownWindow(window, window_name(window.window, locale), seen if is_current else None, seen, tone)


def _left(window: QuotaWindow) -> int | None:
    """Whole percent; never 0 while something is left, never 100 once something is used."""
    if window.limit_reached:
        return 0
    if window.used_percent is None:
        return None
    if 0 < window.used_percent < FULL:
        return min(99, max(1, round(FULL - window.used_percent)))
    return round(FULL - window.used_percent)
