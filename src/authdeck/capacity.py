"""What the pool can serve and who comes back when, kept current account by account. Pure; memory only.

Only accounts with holds or windows are looked at: of the others nothing is known that could end or run out.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import Final, NamedTuple

from authdeck import health
from authdeck.account import Provider
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.hold import Owner
from authdeck.moments import Moments
from authdeck.quota import FULL, QuotaWindow, fullest
from authdeck.search import plan_name

WAITING: Final = frozenset({Health.COOLING, Health.EXHAUSTED})
SERVING: Final = frozenset({Health.AVAILABLE, Health.LOW})
"""Known to serve. Of unknown ones nobody knows; they are tried."""

_IN_THE_POOL: Final = WAITING | SERVING | {Health.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Back:
    """Accounts that come back together: how many, of which provider and plans, and after which window."""

    at: datetime
    provider: Provider
    state: Health
    count: int
    plans: tuple[str, ...]
    window: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """Percent left on average, of ``accounts`` whose windows are known; each counts by its tightest window."""

    percent: float
    accounts: int


class Capacity:
    """Not for several threads. ``put`` whenever an account changes, ``remove`` when it goes."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._sums: dict[Provider, float] = defaultdict(float)
        self._counts: Counter[Provider] = Counter()
        self._groups: dict[_Group, Counter[str]] = {}
        self._order: list[_Group] = []
        self._ends = Moments()

    def put(self, entry: Entry, now: datetime) -> None:
        auth_index = entry.account.auth_index
        self.remove(auth_index)
        if not (entry.holds or entry.windows):
            return
        known = _seen(entry, health.of(entry.account, entry.holds, now, entry.windows), now)
        self._known[auth_index] = known
        if known.left is not None:
            self._sums[known.provider] += known.left
            self._counts[known.provider] += 1
            self._ends.put(auth_index, min(window.ends_at for window in _limiting(entry, now)))
        if known.group is not None:
            self._join(known.group, known.plan)

    def remove(self, auth_index: str) -> None:
        known = self._known.pop(auth_index, None)
        if known is None:
            return
        if known.left is not None:
            self._sums[known.provider] -= known.left
            self._counts[known.provider] -= 1
        if known.group is not None:
            self._leave(known.group, known.plan)

    def ended(self, now: datetime) -> Iterator[str]:
        """Accounts of which a window has ended since: they are to be put again."""
        return self._ends.passed(now)

    def left(self) -> Mapping[Provider, Left]:
        """By provider; those of which nothing is known are left out."""
        counted = {provider: count for provider, count in self._counts.items() if count}
        return {provider: Left(max(0.0, self._sums[provider] / n), n) for provider, n in counted.items()}

    def backs(self, now: datetime, until: datetime) -> list[Back]:
        """Who comes back by then, soonest first; those of one provider and the same minute together."""
        return [self._back(group) for group in takewhile(lambda group: group.at <= until, self._from(now))]

    def next_backs(self, now: datetime) -> Mapping[Provider, Back]:
        """Who of each provider comes back next."""
        found: dict[Provider, Back] = {}
        for group in self._from(now):
            if group.provider not in found:
                found[Provider(group.provider)] = self._back(group)
            if len(found) == len(Provider):
                break
        return found

    def _join(self, group: "_Group", plan: str) -> None:
        plans = self._groups.get(group)
        if plans is None:
            plans = self._groups[group] = Counter()
            insort(self._order, group)
        plans[plan] += 1

    def _leave(self, group: "_Group", plan: str) -> None:
        plans = self._groups[group]
        plans[plan] -= 1
        if not plans[plan]:
            del plans[plan]
        if not plans:
            del self._groups[group]
            del self._order[bisect_left(self._order, group)]

    def _from(self, now: datetime) -> Iterator["_Group"]:
        start = bisect_left(self._order, _Group(_minute(now), "", "", ""))
        return islice(self._order, start, None)

    def _back(self, group: "_Group") -> Back:
        plans = self._groups[group]
        state, window = Health(group.state), group.window or None
        return Back(group.at, Provider(group.provider), state, plans.total(), tuple(sorted(plans)), window)


class _Group(NamedTuple):
    """What accounts share that come back together; in the order of the moments."""

    at: datetime
    provider: str
    state: str
    window: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of one account, so that it can be taken out again."""

    provider: Provider
    plan: str
    left: float | None
    group: _Group | None


def back_at(entry: Entry, now: datetime) -> datetime | None:
    """When an account that waits serves again: when every limit of it has ended. ``None``: nobody knows."""
    ends = [
        hold.until
        for hold in entry.holds
        if hold.owner is Owner.COOLDOWN and hold.scope is None and hold.applies(now)
    ]  # fmt: skip
    ends += [window.resets_at for window in entry.windows if window.limits(now)]
    return None if not ends or None in ends else max(end for end in ends if end is not None)


def left_of(entry: Entry, now: datetime) -> float | None:
    """Percent left of the account's tightest window; ``None`` where no figure is current."""
    return min((_left(window) for window in _limiting(entry, now)), default=None)


def _limiting(entry: Entry, now: datetime) -> list[QuotaWindow]:
    """Windows of the whole account that say something now."""
    return [
        window
        for window in entry.windows
        if window.counts and window.scope is None and window.is_current(now) and _is_told(window)
    ]


def _is_told(window: QuotaWindow) -> bool:
    return window.used_percent is not None or window.is_used_up


def _left(window: QuotaWindow) -> float:
    return 0.0 if window.is_used_up else FULL - (window.used_percent or 0.0)


def _seen(entry: Entry, state: Health, now: datetime) -> _Known:
    account = entry.account
    back = back_at(entry, now) if state in WAITING else None
    return _Known(
        account.provider,
        plan_name(account.plan),
        left_of(entry, now) if state in _IN_THE_POOL else None,
        None if back is None else _Group(_minute(back), account.provider.value, state.value, _window(entry, now)),
    )


def _window(entry: Entry, now: datetime) -> str:
    """The window that keeps it waiting, where one is known."""
    if (full := fullest(entry.windows, now)) is not None:
        return full.window
    held = (hold.detail.get("window") for hold in entry.holds if hold.owner is Owner.COOLDOWN and hold.scope is None)
    return next((str(name) for name in held if name), "")


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
