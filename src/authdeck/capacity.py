"""What the pool can serve and who comes back when, kept current account by account. Pure; memory only.

Only accounts with holds or windows are looked at: of the others nothing is known that could end or run out.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import takewhile
from typing import Final

from authdeck import health
from authdeck.account import Provider
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.hold import Owner
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of one account, so that it can be taken out again."""

    provider: Provider
    left: float | None
    back_at: datetime | None
    state: Health
    plan: str
    window: str | None


class Capacity:
    """Not for several threads. ``put`` whenever an account changes, ``remove`` when it goes."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._sums: dict[Provider, float] = defaultdict(float)
        self._counts: Counter[Provider] = Counter()
        self._backs: list[tuple[datetime, str]] = []
        self._waiting: Counter[Provider] = Counter()
        self._ends: list[tuple[datetime, str]] = []

    def put(self, entry: Entry, now: datetime) -> None:
        auth_index = entry.account.auth_index
        self.remove(auth_index)
        if not (entry.holds or entry.windows):
            return
        state = health.of(entry.account, entry.holds, now, entry.windows)
        known = _known(entry, state, now)
        if known.left is None and known.back_at is None:
            return
        self._known[auth_index] = known
        if known.left is not None:
            self._sums[known.provider] += known.left
            self._counts[known.provider] += 1
            heappush(self._ends, (min(window.ends_at for window in _limiting(entry, now)), auth_index))
        if known.back_at is not None:
            insort(self._backs, (known.back_at, auth_index))
            self._waiting[known.provider] += 1

    def remove(self, auth_index: str) -> None:
        known = self._known.pop(auth_index, None)
        if known is None:
            return
        if known.left is not None:
            self._sums[known.provider] -= known.left
            self._counts[known.provider] -= 1
        if known.back_at is not None:
            del self._backs[bisect_left(self._backs, (known.back_at, auth_index))]
            self._waiting[known.provider] -= 1

    def ended(self, now: datetime) -> Iterator[str]:
        """Accounts of which a window has ended since: they are to be put again."""
        while self._ends and self._ends[0][0] <= now:
            yield heappop(self._ends)[1]

    def left(self) -> Mapping[Provider, Left]:
        """By provider; those of which nothing is known are left out."""
        counted = {provider: count for provider, count in self._counts.items() if count}
        return {provider: Left(max(0.0, self._sums[provider] / n), n) for provider, n in counted.items()}

    def backs(self, now: datetime, until: datetime) -> list[Back]:
        """Who comes back by then, soonest first; those of one provider and the same minute together."""
        start = bisect_left(self._backs, (now, ""))
        together: dict[tuple[datetime, Provider, Health, str | None], list[_Known]] = defaultdict(list)
        for at, auth_index in takewhile(lambda back: back[0] <= until, _from(self._backs, start)):
            known = self._known[auth_index]
            together[at.replace(second=0, microsecond=0), known.provider, known.state, known.window].append(known)
        return [_back(key, some) for key, some in sorted(together.items(), key=lambda pair: str(pair[0]))]

    def next_backs(self, now: datetime) -> Mapping[Provider, datetime]:
        """When the next one of each provider comes back."""
        found: dict[Provider, datetime] = {}
        waiting = sum(count > 0 for count in self._waiting.values())
        for at, auth_index in _from(self._backs, bisect_left(self._backs, (now, ""))):
            found.setdefault(self._known[auth_index].provider, at)
            if len(found) == waiting:
                break
        return found


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


def _known(entry: Entry, state: Health, now: datetime) -> _Known:
    account = entry.account
    full = fullest(entry.windows, now)
    held = next((hold.detail.get("window") for hold in entry.holds if hold.owner is Owner.COOLDOWN), None)
    return _Known(
        account.provider,
        left_of(entry, now) if state in _IN_THE_POOL else None,
        back_at(entry, now) if state in WAITING else None,
        state,
        plan_name(account.plan),
        full.window if full is not None else held,
    )


def _back(key: tuple[datetime, Provider, Health, str | None], some: Iterable[_Known]) -> Back:
    at, provider, state, window = key
    plans = [known.plan for known in some]
    return Back(at, provider, state, len(plans), tuple(sorted(set(plans))), window)


def _from(backs: list[tuple[datetime, str]], start: int) -> Iterator[tuple[datetime, str]]:
    for place in range(start, len(backs)):
        yield backs[place]
