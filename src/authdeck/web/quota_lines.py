"""Quota windows as lines of a list: what is left, when it begins anew, how old the figure is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Final

from authdeck import wording
from authdeck.quota import FULL, Presence, QuotaWindow, Window
from authdeck.web.preferences import Preferences

MOST: Final = 2
"""Lines of a row; the account's page shows all."""

_ORDER: Final = {window.value: at for at, window in enumerate(Window)}
_LOW: Final = 20


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """``left`` is whole percent, ``None`` where nobody knows. ``long`` says it all in a sentence."""

    name: str
    long: str
    left: int | None
    tone: str
    reset: str
    age: str
    scope: str = ""
    source: str = ""


def lines(windows: Iterable[QuotaWindow], now: datetime, prefs: Preferences, most: int = MOST) -> Sequence[QuotaLine]:
    """The account's own windows first, by length; windows that the provider no longer lists are left out."""
    listed = [window for window in windows if window.presence is not Presence.INACTIVE]
    listed.sort(
        key=lambda one: (one.scope is not None, not one.counts, _ORDER.get(one.window, len(_ORDER)), one.window)
    )
    return [_line(window, now, prefs) for window in listed[:most]]


def left_of(window: QuotaWindow, now: datetime) -> int | None:
    """Percent left, rounded down; ``None`` for what was not told or has begun anew since."""
    if not window.is_current(now):
        return None
    if window.is_used_up:
        return 0
    return None if window.used_percent is None else floor(FULL - window.used_percent)


def short_name(window: QuotaWindow, locale: str) -> str:
    known = f"window_short.{window.window}"
    return wording.sentence(known, {}, locale) if wording.has_sentence(known) else window.window.replace("_", " ")


def _line(window: QuotaWindow, now: datetime, prefs: Preferences) -> QuotaLine:
    left, locale = left_of(window, now), prefs.locale
    name = short_name(window, locale)
    ends = window.resets_at if window.is_current(now) else None
    reset = (
        wording.sentence("reset_unknown", {}, locale) if ends is None else wording.soon(ends, now, prefs.zone, locale)
    )
    age = wording.age(now - window.observed_at, locale)
    said = {
        "window": name,
        "scope": window.scope or "",
        "left": "?" if left is None else left,
        "reset": reset,
        "age": age,
    }
    code = "quota_line.scoped" if window.scope else "quota_line"
    source = wording.sentence(f"source_short.{window.source.value}", {}, locale)
    return QuotaLine(
        name, wording.sentence(code, said, locale), left, _tone(left), reset, age, window.scope or "", source
    )


def _tone(left: int | None) -> str:
    if left is None or left >= _LOW:
        return ""
    return "low" if left else "exhausted"
