"""When a window will be used up at the pace so far, and what it carries in all. Names what it rests on. Pure.

Nothing is forecast from what is not known: only a running window of known length whose reset is exact or derived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from authdeck.quota import FULL, Accuracy, QuotaWindow

_ENOUGH: Final = 0.02
"""The part of a window that has to have passed before its own pace says anything."""

_ONE_PERCENT: Final = 1.0
"""Below it, figures are too coarse to multiply."""

_KNOWN: Final = frozenset({Accuracy.EXACT, Accuracy.DERIVED})


class Basis(StrEnum):
    """What a forecast rests on: the window's own use so far, or the completed window before it."""

    QUOTA = "quota"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class Use:
    """What was counted here since the window began: only what went through this gateway."""

    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """``per_hour`` is percent an hour. ``used_up_at``: before the reset; ``None``: not before it.

    ``carries`` is what the whole window carries in requests and tokens, never less than what it has carried;
    ``None`` where use elsewhere can't be told from use here.
    """

    basis: Basis
    per_hour: float
    used_up_at: datetime | None
    carries: Use | None = None


def began_at(window: QuotaWindow) -> datetime | None:
    """When the running window began; ``None`` where reset or length are not known."""
    if window.resets_at is None or not window.seconds or window.accuracy not in _KNOWN:
        return None
    return window.resets_at - timedelta(seconds=window.seconds)


def of(
    window: QuotaWindow,
    history: Sequence[tuple[QuotaWindow, bool]],
    now: datetime,
    *,
    use: Use | None = None,
    last_use_at: datetime | None = None,
) -> Forecast | None:
    """The forecast for a window, or ``None``. ``history`` is the account's, oldest first, with resets marked.

    ``use`` counts for ``carries`` only where the figure is not older than the last use.
    """
    began, used = began_at(window), window.used_percent
    if began is None or used is None or not window.is_current(now) or window.is_used_up:
        return None
    passed = (window.observed_at - began).total_seconds()
    assert window.seconds
    if used > 0 and passed >= window.seconds * _ENOUGH:
        per_hour, basis = used / passed * 3600, Basis.QUOTA
    elif (former := _former_pace(window, history)) is not None:
        per_hour, basis = former, Basis.PREVIOUS
    else:
        return None
    is_fresh = last_use_at is None or last_use_at <= window.observed_at
    carries = _carries(use, used) if window.scope is None and is_fresh and basis is Basis.QUOTA else None
    return Forecast(basis, round(per_hour, 3), _used_up_at(window, used, per_hour), carries)


def _used_up_at(window: QuotaWindow, used: float, per_hour: float) -> datetime | None:
    """From the observation on; a pace so slow that it never matters before the reset says nothing."""
    assert window.resets_at is not None
    if per_hour <= 0:
        return None
    left = (FULL - used) / per_hour
    hours_to_reset = (window.resets_at - window.observed_at).total_seconds() / 3600
    return window.observed_at + timedelta(hours=left) if left < hours_to_reset else None


def _former_pace(window: QuotaWindow, history: Sequence[tuple[QuotaWindow, bool]]) -> float | None:
    """Percent an hour of the completed window before this one: its highest figure over its whole length."""
    cycles = _cycles((seen, is_reset) for seen, is_reset in history if seen.key == window.key)
    if len(cycles) < 2 or not window.seconds:  # noqa: PLR2004 - one completed, one running
        return None
    peak = max((seen.used_percent for seen in cycles[-2] if seen.used_percent is not None), default=None)
    return peak / window.seconds * 3600 if peak else None


def _cycles(seen: Iterable[tuple[QuotaWindow, bool]]) -> list[list[QuotaWindow]]:
    cycles: list[list[QuotaWindow]] = [[]]
    for window, is_reset in seen:
        if is_reset and cycles[-1]:
            cycles.append([])
        cycles[-1].append(window)
    return cycles


def _carries(use: Use | None, used: float) -> Use | None:
    if use is None or not use.requests or used < _ONE_PERCENT:
        return None
    factor = FULL / used
    return Use(max(use.requests, round(use.requests * factor)), max(use.tokens, round(use.tokens * factor)))
