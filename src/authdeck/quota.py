"""Quota windows: how much of which limit is used, until when, and who says so. Pure.

A window is named by its length, never by the place it was found in: the same place holds another window on another
plan. The newest observation of a window is the one that counts.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from authdeck.evidence import RANK, Evidence, Signal, Source


class Window(StrEnum):
    """Windows known by their length. Any other name is a limit that the provider calls so (``named``)."""

    FIVE_HOUR = "five_hour"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ROLLING_24H = "rolling_24h"


NAMED: Final = "named"
"""What the outside calls every other window; its own name goes beside it."""


class Accuracy(StrEnum):
    """How a figure was come by: told, computed from what was told, guessed, or not at all."""

    EXACT = "exact"
    DERIVED = "derived"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class Presence(StrEnum):
    """Whether the provider still lists the window. Missing once may be a slip, missing twice is gone."""

    ACTIVE = "active"
    PENDING_ABSENT = "pending_absent"
    INACTIVE = "inactive"


FULL: Final = 100.0
LOW_FROM: Final = 80.0
"""Percent used above which less than a fifth is left."""

KEPT_ON_CHANGE: Final = 1.0
KEPT_EVERY: Final = timedelta(minutes=15)
JITTER: Final = timedelta(seconds=60)
"""Two resets nearer than this are the same one."""

_FIVE_HOURS: Final = 5 * 3600
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_MONTHS: Final = (28 * _DAY, 31 * _DAY)
_TOLERANCE: Final = 0.01  # 299 and 10,079 minutes have been seen
_LONGEST: Final = timedelta(days=31)
_NAME_LIMIT: Final = 24
_EMPTY: Final = 1.0
_USED: Final = 5.0
_DROP: Final = 20.0


@dataclass(frozen=True, slots=True)
class QuotaWindow:
    """One limit as it was last seen.

    ``window`` is one of ``Window`` or the limit's own name. ``scope`` is a model (or a family of models as the provider
    names it), or ``None`` for the account. ``used_percent`` is 0-100, ``None`` where unknown. ``resets_at`` is UTC;
    ``accuracy`` is that of the reset and the figure together, the worse of the two. ``limit_reached``: the provider
    says that it is full, whatever the figure. ``counts``: being full keeps the account from serving (limits of side
    services do not). ``seconds`` is its length, where told.
    """

    window: str
    used_percent: float | None
    observed_at: datetime
    source: Source
    accuracy: Accuracy = Accuracy.EXACT
    scope: str | None = None
    resets_at: datetime | None = None
    limit_reached: bool = False
    counts: bool = True
    seconds: int | None = None
    presence: Presence = Presence.ACTIVE

    @property
    def key(self) -> tuple[str, str | None]:
        return self.window, self.scope

    @property
    def ends_at(self) -> datetime:
        """When the observation stops saying anything: at the reset, else after one whole length."""
        if self.resets_at is not None:
            return self.resets_at
        return self.observed_at + (timedelta(seconds=self.seconds) if self.seconds else _LONGEST)

    @property
    def is_named(self) -> bool:
        return self.window not in _KNOWN

    def is_current(self, now: datetime) -> bool:
        """Whether it still says something: listed by the provider, and not reset since."""
        return self.presence is not Presence.INACTIVE and now < self.ends_at

    def is_full(self, now: datetime) -> bool:
        return self.is_current(now) and self.is_used_up

    @property
    def is_used_up(self) -> bool:
        return self.limit_reached or (self.used_percent is not None and self.used_percent >= FULL)

    def is_low(self, now: datetime) -> bool:
        """Less than 20 % left."""
        return self.is_current(now) and self.used_percent is not None and self.used_percent > LOW_FROM

    def limits(self, now: datetime) -> bool:
        """Whether it keeps the whole account from serving now."""
        return self.counts and self.scope is None and self.is_full(now)


_KNOWN: Final = frozenset(window.value for window in Window)


def name_of(seconds: float | None, otherwise: str = "") -> str:
    """The window of that length; else ``otherwise`` as a short name, else one that tells the length."""
    if seconds is None or seconds <= 0:
        return slug(otherwise) or "limit"
    for length, window in ((_FIVE_HOURS, Window.FIVE_HOUR), (_WEEK, Window.WEEKLY)):
        if abs(seconds - length) <= length * _TOLERANCE:
            return window.value
    if _MONTHS[0] <= seconds <= _MONTHS[1]:
        return Window.MONTHLY.value
    return slug(otherwise) or _told(seconds)


def lasts_otherwise(former: QuotaWindow, seen: QuotaWindow) -> bool:
    """Whether it has another length, not only a rounded one or that of another month."""
    if not former.seconds or not seen.seconds or seen.window == Window.MONTHLY:
        return False
    return abs(seen.seconds - former.seconds) > former.seconds * _TOLERANCE


def slug(name: str) -> str:
    """A limit's own name as we keep it: lower case, ``_`` between words, at most 24 characters."""
    found = re.sub(r"[^a-z0-9]+", "_", name[:200].lower()).strip("_")[:_NAME_LIMIT].strip("_")
    return f"{found}_"[:_NAME_LIMIT] if found in _KNOWN else found


def percent(value: object) -> float | None:
    """0-100 from a number or a text that may end in ``%``; above 100 is 100, anything else is unknown."""
    if isinstance(value, str):
        written = value.strip().removesuffix("%").strip()
        if len(written) > _NAME_LIMIT or not re.fullmatch(r"\d+(?:\.\d+)?", written, re.ASCII):
            return None
        value = float(written)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return min(float(value), FULL)


def newest(*observed: Iterable[QuotaWindow]) -> tuple[QuotaWindow, ...]:
    """Of each window the newest observation; of the same time the better source. Sorted by window and scope."""
    best: dict[tuple[str, str | None], QuotaWindow] = {}
    for window in (each for some in observed for each in some):
        known = best.get(window.key)
        if known is None or _age(window) > _age(known):
            best[window.key] = window
    return tuple(sorted(best.values(), key=lambda window: (window.window, window.scope or "")))


def inventory(
    known: Iterable[QuotaWindow], seen: Sequence[QuotaWindow], at: datetime, source: Source
) -> tuple[QuotaWindow, ...]:
    """Windows after a **complete** listing: those that it leaves out wait for a second one to confirm, then are gone.

    Only what the same source listed before, earlier than ``at``, can be missed: headers list the main windows only.
    """
    listed = {window.key for window in seen}
    rest = [
        replace(window, presence=_NEXT[window.presence], observed_at=at)
        if window.key not in listed and window.source is source and window.observed_at < at
        else window
        for window in known
    ]
    return newest(rest, seen)


def is_kept(former: QuotaWindow | None, seen: QuotaWindow) -> bool:
    """Whether it is worth writing down: a change of a point, a limit met or lifted, or a quarter of an hour."""
    if former is None or seen.observed_at - former.observed_at >= KEPT_EVERY:
        return True
    if seen.observed_at <= former.observed_at:
        return False
    if (former.used_percent is None) != (seen.used_percent is None) or former.is_used_up != seen.is_used_up:
        return True
    moved = abs((seen.used_percent or 0.0) - (former.used_percent or 0.0)) >= KEPT_ON_CHANGE
    return moved or former.presence is not seen.presence or not _is_same_reset(former, seen)


def was_reset(former: QuotaWindow, seen: QuotaWindow) -> bool:
    """Whether the window began anew between two observations.

    By use: at most 1 % after at least 5 %, or 20 points fewer. By time: the former reset has passed.
    """
    if former.resets_at is not None and former.resets_at + JITTER <= seen.observed_at:
        return True
    if former.used_percent is None or seen.used_percent is None:
        return False
    is_empty_again = seen.used_percent <= _EMPTY and former.used_percent >= _USED
    return is_empty_again or former.used_percent - seen.used_percent >= _DROP


def told(
    windows: Iterable[QuotaWindow], generation: int, at: datetime, source: Source, *, serves: bool | None = None
) -> Evidence:
    """A listing that a provider gave when asked, as one observation: a limit of the account, or a success.

    Of several full windows the one that lasts longest counts: until then nothing is served, whatever the others say.
    ``serves``: it is the provider's own word that the account is served though a window is full.
    """
    full = None if serves else fullest(windows, at)
    if full is None:
        return Evidence(generation, source, Signal.SUCCESS, "quota_told", at, at)
    return Evidence(
        generation, source, Signal.QUOTA, "usage_limit_reached", at, at,
        until=full.resets_at, is_told=full.resets_at is not None, window=full.window, may_automate=True,
    )  # fmt: skip


def fullest(windows: Iterable[QuotaWindow], now: datetime) -> QuotaWindow | None:
    """The full window that lasts longest, of those that limit the account."""
    return max((window for window in windows if window.limits(now)), key=lambda window: window.ends_at, default=None)


def _age(window: QuotaWindow) -> tuple[datetime, int, bool, float, datetime]:
    """Newer is greater; equal times are settled by source, then the worse news, so that the order never decides."""
    used = -1.0 if window.used_percent is None else window.used_percent
    return window.observed_at, -RANK[window.source], window.limit_reached, used, window.ends_at


_NEXT: Final = {
    Presence.ACTIVE: Presence.PENDING_ABSENT,
    Presence.PENDING_ABSENT: Presence.INACTIVE,
    Presence.INACTIVE: Presence.INACTIVE,
}


def _is_same_reset(one: QuotaWindow, other: QuotaWindow) -> bool:
    if one.resets_at is None or other.resets_at is None:
        return one.resets_at is other.resets_at
    return abs(one.resets_at - other.resets_at) <= JITTER


def _told(seconds: float) -> str:
    """``3h``, ``2d``, ``90m``: a length as a name."""
    for unit, length in (("d", _DAY), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"
