"""What a Codex account waits for, in the words of the filter: a sign-in, a quota window, or its recovery. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from authdeck import health
from authdeck.account import Provider
from authdeck.entry import Entry
from authdeck.evidence import Signal
from authdeck.hold import Hold, Owner
from authdeck.quota import Window
from authdeck.search import CodexStatus

_WINDOWS: Final[Mapping[str, CodexStatus]] = {
    Window.FIVE_HOUR: CodexStatus.FIVE_HOUR_LIMITED,
    Window.WEEKLY: CodexStatus.WEEKLY_LIMITED,
    Window.MONTHLY: CodexStatus.MONTHLY_LIMITED,
}


def of(entry: Entry, now: datetime) -> tuple[str, ...]:
    """The account's statuses at that moment, in the order of ``CodexStatus``; none for other providers.

    A quota counts whoever holds the account: one that a person switched off may wait for its window as well.
    """
    if entry.account.provider is not Provider.CODEX or not (entry.holds or entry.windows):
        return ()
    current = [hold for hold in entry.holds if hold.scope is None and hold.applies(now)]
    found = set(_limits(entry, current, now))
    if {hold.code for hold in current if hold.owner is Owner.CREDENTIAL} - health.REVIEW_CODES:
        found.add(CodexStatus.REAUTH)
    if not health.is_enabled(current, now) and next_reset(entry, now) is not None:
        found.add(CodexStatus.DISABLED_WITH_RESET)
    return tuple(status.value for status in CodexStatus if status in found)


def next_reset(entry: Entry, now: datetime) -> datetime | None:
    """When the next limit that the account has met ends: a cooldown of the whole account, or a full window."""
    if not (entry.holds or entry.windows):
        return None
    ends = [hold.until for hold in entry.holds if hold.owner is Owner.COOLDOWN and hold.scope is None]
    ends += [window.resets_at for window in entry.windows if window.limits(now)]
    return min((end for end in ends if end is not None and end > now), default=None)


def _limits(entry: Entry, current: Iterable[Hold], now: datetime) -> Iterable[CodexStatus]:
    """Used-up windows, and a cooldown for a quota even where no window was named."""
    for window in entry.windows:
        if window.limits(now):
            yield CodexStatus.QUOTA_LIMITED
            if window.window in _WINDOWS:
                yield _WINDOWS[window.window]
    if any(hold.owner is Owner.COOLDOWN and hold.detail.get("signal") == Signal.QUOTA for hold in current):
        yield CodexStatus.QUOTA_LIMITED
