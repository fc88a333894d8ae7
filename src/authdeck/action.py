"""How much automation may do, and failures that are nobody's own. Pure.

``Watch`` holds memory of the last minutes, no I/O.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from authdeck.event import FailureKind
from authdeck.evidence import Confidence, Evidence, Signal


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most ``accounts``, or ``percent`` of a provider's accounts, within ``within``; the smaller of the two."""

    accounts: int = 5
    percent: float = 10
    within: timedelta = timedelta(hours=1)

    def allowance(self, provider_accounts: int) -> int:
        """How many accounts of a provider automation may hold. A share of less than one account counts as one."""
        share = int(provider_accounts * self.percent / 100)
        return min(self.accounts, max(1, share) if self.percent > 0 else 0)


def is_bounded(row: Evidence) -> bool:
    """Whether the hold that follows counts against the bounds: one that only a person or new tokens end.

    A limit ends by itself, at a time the provider named or after a try: an account that can't serve is no harm done.
    """
    return row.may_automate and row.signal in LASTING


LASTING: Final = frozenset({Signal.CREDENTIAL, Signal.REVIEW, Signal.DEACTIVATED, Signal.ENTITLEMENT})


# ---- failures that are nobody's own ----


class Cause(StrEnum):
    """What many like failures have in common."""

    PROXY = "proxy"
    PROVIDER = "provider"
    EGRESS = "egress"
    REQUEST = "request_content"
    BOUNDS = "automation_bounds"


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause of many failures. ``subject``: the proxy, the provider, or the reason code with its provider.

    ``closed_by`` is who closed it: automation, once it was quiet for long enough, or a person.
    """

    cause: Cause
    subject: str
    opened_at: datetime
    last_at: datetime
    count: int = 1
    closed_at: datetime | None = None
    closed_by: str = ""
    key: int = 0

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def is_over(self, now: datetime) -> bool:
        """Whether nothing like it was seen for long enough."""
        return now - self.last_at >= _QUIET[self.cause]


_QUIET: Final = {
    Cause.PROXY: timedelta(minutes=15),
    Cause.PROVIDER: timedelta(minutes=15),
    Cause.EGRESS: timedelta(minutes=15),
    Cause.REQUEST: timedelta(minutes=15),
    Cause.BOUNDS: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One failure, with what it may have in common with others. ``proxy`` is shown without user and password."""

    at: datetime
    auth_index: str
    provider: str
    signal: Signal
    kind: FailureKind
    code: str
    confidence: Confidence = Confidence.HIGH
    proxy: str | None = None
    request_id: str | None = None


WITHIN: Final = timedelta(minutes=5)
_OF_PROXY: Final = 2
_OF_PROVIDER: Final = 3
_OF_REQUEST: Final = 2
_KEPT: Final = 256


@dataclass(slots=True)
class Watch:
    """Failures of the last five minutes, by what they may have in common; a success there begins anew.

    Different accounts count, not failures: one account that keeps failing is its own cause.
    """

    _seen: dict[tuple[Cause, str], deque[Sighting]] = field(default_factory=dict)

    def cause(self, sighting: Sighting) -> tuple[Cause, str] | None:
        """Note a failure; the common cause it belongs to, once there are enough of them."""
        found = None
        for shared, needed in _shared(sighting):
            alike = self._seen.setdefault(shared, deque(maxlen=_KEPT))
            alike.append(sighting)
            while alike and sighting.at - alike[0].at > WITHIN:
                alike.popleft()
            if found is None and len({each.auth_index for each in alike}) >= needed:
                found = shared
        return found

    def served(self, provider: str, proxy: str | None) -> None:
        """An account of the provider was answered through the proxy: neither of them is down."""
        self._seen.pop((Cause.PROVIDER, provider), None)
        self._seen.pop((Cause.PROXY, proxy or ""), None)
        self._seen.pop((Cause.EGRESS, provider), None)

    def forget(self, now: datetime) -> None:
        """Drop what is older than five minutes."""
        ended = [shared for shared, alike in self._seen.items() if not alike or now - alike[-1].at > WITHIN]
        for shared in ended:
            del self._seen[shared]


def _shared(sighting: Sighting) -> list[tuple[tuple[Cause, str], int]]:
    """What the failure may share with others, the nearest cause first, and how many accounts make it one."""
    found: list[tuple[tuple[Cause, str], int]] = []
    if sighting.signal is Signal.EGRESS:
        found.append(((Cause.EGRESS, sighting.provider), _OF_PROVIDER))
    if sighting.signal is Signal.TRANSIENT:
        if sighting.kind is FailureKind.NETWORK and sighting.proxy:
            found.append(((Cause.PROXY, sighting.proxy), _OF_PROXY))
        found.append(((Cause.PROVIDER, sighting.provider), _OF_PROVIDER))
    if sighting.signal in LASTING and sighting.confidence is not Confidence.HIGH and sighting.request_id:
        found.append(((Cause.REQUEST, sighting.request_id), _OF_REQUEST))
    return found
