"""Evidence: what was seen of an account, by whom and when. Immutable, sanitised, equal observations together.

Rows are facts. What they amount to is decided in ``reconcile``; what an answer means is decided in ``verdict``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from authdeck.clock import rfc3339


class Source(StrEnum):
    """Who saw it. The order decides where two observations carry the same time: the first one wins."""

    OPERATOR = "operator"
    RESPONSE = "response"
    HEADER = "header"
    QUOTA_QUERY = "quota_query"
    INSPECTION = "inspection"
    REFRESH = "refresh"


RANK: Final = {source: rank for rank, source in enumerate(Source)}


class Signal(StrEnum):
    """What an observation says. Which one ends which is ``CLEARS``."""

    SUCCESS = "success"
    CREDENTIAL = "credential"  # the token or key was not accepted
    REVIEW = "review"  # accepted or not, a person has to do something with the provider
    DEACTIVATED = "deactivated"  # account or workspace is closed
    ENTITLEMENT = "entitlement"  # the plan does not include this
    QUOTA = "quota"  # a window is used up
    RATE_LIMIT = "rate_limit"  # too fast just now
    MODEL = "model"  # this account does not serve this model
    TRANSIENT = "transient"  # network, time-out, 5xx
    EGRESS = "egress"  # the network edge refused us, not the account
    REQUEST = "request"  # the client's own fault: says nothing of the account
    CANCELLED = "cancelled"  # likewise


NEUTRAL: Final = frozenset({Signal.REQUEST, Signal.CANCELLED, Signal.EGRESS})
"""Signals that say nothing of the account."""

_ACCEPTED: Final = frozenset({Signal.CREDENTIAL, Signal.REVIEW, Signal.DEACTIVATED, Signal.TRANSIENT})
_SERVED: Final = _ACCEPTED | {Signal.ENTITLEMENT}

CLEARS: Final[Mapping[Signal, frozenset[Signal]]] = {
    Signal.SUCCESS: _SERVED,
    Signal.QUOTA: _ACCEPTED,  # a limit is told to those only whose credential was accepted
    Signal.RATE_LIMIT: _ACCEPTED,
}
"""Which older signals each newer one ends. A success ends no quota evidence: another model may have answered."""

_PROVE_THE_TOKEN: Final = frozenset({Source.REFRESH, Source.QUOTA_QUERY})
"""Where a success proves the credential and nothing else: billing answers say nothing of serving."""


class Confidence(StrEnum):
    """``LOW`` counts only when seen twice in a row."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Action(StrEnum):
    """What is suggested for an account, the same words everywhere."""

    KEEP = "keep"
    REAUTH = "reauth"
    REVIEW = "review"
    DISABLE = "disable"
    ENABLE = "enable"
    DELETE = "delete"


CALLED_EXPIRED: Final = "new_token_expired"
"""A token was called expired right after it was made."""

_EXPIRED: Final = "token_expired"
_MADE: Final = "made_at"

IN_A_ROW: Final = timedelta(minutes=10)
"""Transient failures farther apart have nothing to do with each other."""

EPISODE: Final = timedelta(hours=1)
"""Equal observations at most so far apart are one row."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row: ``count`` equal observations between ``first_at`` and ``last_at`` (UTC), by their observed time.

    ``generation`` is the account's at that time: evidence is never about another sign-in. ``scope`` is a model, or
    ``None`` for the account. ``previous_at`` is the newest observation before ``last_at``. ``is_dated``: the time of
    the observation is known; otherwise the times are those of learning it, and it never clears anything.
    ``until`` is when the provider serves again, as far as it said so; ``is_told``: the provider named that moment, it
    was not guessed. ``window`` names the quota window that is full, where known. ``may_automate``: a hold may follow
    without a person. ``detail`` is sanitised: status, summary, link.
    """

    generation: int
    source: Source
    signal: Signal
    code: str
    first_at: datetime
    last_at: datetime
    scope: str | None = None
    previous_at: datetime | None = None
    count: int = 1
    is_dated: bool = True
    until: datetime | None = None
    is_told: bool = False
    window: str | None = None
    action: Action = Action.KEEP
    confidence: Confidence = Confidence.HIGH
    may_automate: bool = False
    request_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    key: int = 0

    @property
    def kind(self) -> tuple[int, Source, Signal, str, str | None, bool]:
        """What makes two observations equal."""
        return self.generation, self.source, self.signal, self.code, self.scope, self.is_dated

    @property
    def order(self) -> tuple[datetime, int, str, str]:
        """Newest last; of the same time the one that wins last."""
        return self.last_at, -RANK[self.source], self.code, self.scope or ""


def together(one: Evidence, other: Evidence) -> Evidence:
    """Two rows of the same kind as one. The same whichever came first.

    What one and the same token met is one moment, however many requests it was sent with.
    """
    older, newer = sorted((one, other), key=lambda row: (row.last_at, row.until or row.last_at, row.request_id or ""))
    moments = (None if _is_same_token(older, newer) else older.last_at, older.previous_at, newer.previous_at)
    return replace(
        newer,
        first_at=min(one.first_at, other.first_at),
        previous_at=max((at for at in moments if at is not None), default=None),
        count=one.count + other.count,
        key=one.key or other.key,
    )


def of_new_token(row: Evidence, made_at: datetime) -> Evidence:
    """What a token that was made a moment ago met. ``made_at`` (UTC) tells such tokens apart.

    One that is called expired tells of clocks, or of the provider's state, and hardly of the sign-in: it was just
    renewed. So nothing follows by itself, and a person is asked once two such tokens in a row met the same.
    """
    if row.code != _EXPIRED:
        return row
    told = {**row.detail, _MADE: rfc3339(made_at)}
    return replace(row, code=CALLED_EXPIRED, confidence=Confidence.LOW, may_automate=False, detail=told)


def is_same_episode(one: Evidence, other: Evidence) -> bool:
    """Whether two rows are of one kind and near each other in time."""
    first, then = sorted((one, other), key=lambda row: row.first_at)
    return one.kind == other.kind and then.first_at - first.last_at <= EPISODE


def clears(newer: Evidence, older: Evidence) -> bool:
    """Whether ``newer`` ends what ``older`` says: observed strictly later, of the same sign-in, and of a fit kind.

    Nothing of unknown time clears, and nothing of unknown time is cleared.
    """
    if not (newer.is_dated and older.is_dated) or newer.generation != older.generation:
        return False
    if newer.last_at <= older.last_at:
        return False
    if older.source is Source.REFRESH and newer.source is not Source.REFRESH:
        return False  # an access token that still works says nothing of the refresh token
    if newer.source in _PROVE_THE_TOKEN and newer.signal is Signal.SUCCESS:
        is_another = newer.source is Source.REFRESH and older.code == CALLED_EXPIRED  # after a refresh, too
        return older.signal is Signal.CREDENTIAL and not is_another
    if newer.signal is Signal.SUCCESS and older.signal is Signal.MODEL:
        return newer.scope is not None and newer.scope == older.scope
    return older.signal in CLEARS.get(newer.signal, frozenset())


def standing(rows: Iterable[Evidence], generation: int) -> list[Evidence]:
    """Negative evidence of this sign-in that nothing newer cleared and that counts, newest first.

    What is transient or of low confidence counts when it came twice in a row, neutral observations left out: two
    moments without anything between them that clears it, transient ones near each other. The order of ``rows`` does
    not matter.
    """
    of_now = [row for row in rows if row.generation == generation]
    negative = [row for row in of_now if row.signal is not Signal.SUCCESS and row.signal not in NEUTRAL]
    left = [row for row in negative if not any(clears(other, row) for other in of_now)]
    counted = [row for row in left if not _needs_two(row) or _is_second(row, left, of_now)]
    return sorted(counted, key=lambda row: row.order, reverse=True)


def _is_same_token(one: Evidence, other: Evidence) -> bool:
    return _MADE in one.detail and one.detail[_MADE] == other.detail.get(_MADE)


def _needs_two(row: Evidence) -> bool:
    return row.signal is Signal.TRANSIENT or row.confidence is Confidence.LOW


def _is_second(row: Evidence, left: list[Evidence], of_now: list[Evidence]) -> bool:
    """Whether another one like it came before, with nothing since that would have cleared that one."""
    alike = [other for other in left if other.signal is row.signal and (other.scope or row.scope) == row.scope]
    moments = [moment for other in alike for moment in (other.last_at, other.previous_at) if moment is not None]
    if len(moments) < 2:  # noqa: PLR2004 - two in a row
        return False
    before, newest = sorted(moments)[-2:]
    if row.signal is Signal.TRANSIENT and newest - before > IN_A_ROW:
        return False
    former = replace(row, last_at=before)
    return not any(clears(other, former) for other in of_now)
