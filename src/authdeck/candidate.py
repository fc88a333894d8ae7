"""Rows of the account action queue: what accounts ask of a person, and when a row opens, rests and ends. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from authdeck import evidence
from authdeck.evidence import Action, Evidence, Signal, Source


class Status(StrEnum):
    """Where a row stands. The first three are live: one of them an account and reason; the others are closed."""

    PENDING = "pending"
    IGNORED = "ignored"
    FAILED = "failed"
    RESOLVED = "resolved"
    DONE = "done"


LIVE: Final = (Status.PENDING, Status.IGNORED, Status.FAILED)
OPEN: Final = (Status.PENDING, Status.FAILED)
"""Those that still ask for something."""


class Resolution(StrEnum):
    """Why a row closed, or rests. ``SERVED`` to ``ENDED`` is what newer evidence said."""

    SERVED = "served"
    REFRESHED = "refreshed"
    CONFIRMED = "confirmed"
    LIMITED = "limited"
    NEW_SIGN_IN = "new_sign_in"
    ENDED = "ended"
    PERSON = "person"
    DID = "did"
    DID_FAIL = "did_fail"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a row stands: ``until`` when it rests, why it is not pending, since when, by whom and by which batch."""

    status: Status
    until: datetime | None = None
    resolution: Resolution | None = None
    by: str | None = None
    at: datetime | None = None
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One live row for an account and a reason.

    ``hits`` counts observations between ``first_seen`` and ``last_seen``; ``evidence`` is the newest one's key.
    ``ignored_until``: asked again at that moment if it still stands; ``None`` of an ignored row: not while it stands.
    ``closed_at`` is when it last stopped being pending, ``resolution`` and ``closed_by`` why and by whom; ``batch`` is
    the change of accounts that did it, or failed to.
    """

    reason_code: str
    action: Action
    first_seen: datetime
    last_seen: datetime
    hits: int = 1
    status: Status = Status.PENDING
    evidence: int | None = None
    ignored_until: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    resolution: Resolution | None = None
    batch: str | None = None
    key: int = 0

    @property
    def standing(self) -> Standing:
        return Standing(
            self.status, self.ignored_until, self.resolution, self.closed_by, self.closed_at, self.batch
        )  # fmt: skip

    def stands(self, so: Standing) -> "Candidate":
        """The row as it is with that standing."""
        return replace(
            self, status=so.status, ignored_until=so.until, resolution=so.resolution, closed_by=so.by,
            closed_at=so.at, batch=so.batch,
        )  # fmt: skip

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


def candidates(standing: Iterable[Evidence], known: Sequence[Candidate], now: datetime) -> list[Candidate]:
    """The live rows that standing evidence asks for, as they should be now.

    A closed row opens anew only by what was observed after it was closed.
    """
    by_reason: dict[str, list[Evidence]] = defaultdict(list)
    for row in standing:
        if row.action is not Action.KEEP:
            by_reason[row.code].append(row)
    wanted = (_candidate(code, rows, known, now) for code, rows in sorted(by_reason.items()))
    return [candidate for candidate in wanted if candidate is not None]


def _candidate(code: str, rows: list[Evidence], known: Sequence[Candidate], now: datetime) -> Candidate | None:
    of_reason = [candidate for candidate in known if candidate.reason_code == code]
    live = next((each for each in of_reason if each.is_live), None)
    closed = max((each.closed_at for each in of_reason if not each.is_live and each.closed_at), default=None)
    new = [row for row in rows if closed is None or row.last_at > closed]
    if not new:
        return live if live is not None and closed is not None else None
    latest = max(new, key=lambda row: row.order)
    begun = min(row.first_at for row in new)
    seen = Candidate(
        reason_code=code,
        action=latest.action,
        first_seen=begun if closed is None else max(begun, closed),
        last_seen=latest.last_at,
        hits=sum(row.count for row in new),
        evidence=latest.key or None,
    )
    return seen if live is None else _as_live(live, seen, now)


def _as_live(live: Candidate, seen: Candidate, now: datetime) -> Candidate:
    """The live row with what is seen now: it rests or failed as before, or asks again."""
    rests = live.status is Status.IGNORED and (live.ignored_until is None or now < live.ignored_until)
    failed = live.status is Status.FAILED and live.closed_at is not None and seen.last_seen <= live.closed_at
    if not (rests or failed):
        return replace(seen, key=live.key)
    return replace(
        live,
        action=seen.action,
        first_seen=seen.first_seen,
        last_seen=seen.last_seen,
        hits=seen.hits,
        evidence=seen.evidence,
    )


def resolved(
    known: Iterable[Candidate], wanted: Iterable[Candidate], rows: Sequence[Evidence], generation: int, now: datetime
) -> list[Candidate]:
    """The live rows whose reason newer evidence has taken away, closed, each with what that evidence said."""
    asked = {candidate.reason_code for candidate in wanted}
    return [
        replace(
            each,
            status=Status.RESOLVED,
            closed_at=now,
            closed_by=None,
            resolution=_why(each, rows, generation),
        )
        for each in known
        if each.is_live and each.reason_code not in asked
    ]


def _why(closing: Candidate, rows: Sequence[Evidence], generation: int) -> Resolution:
    of_now = [row for row in rows if row.generation == generation]
    mine = [row for row in of_now if row.code == closing.reason_code]
    if not mine:
        return Resolution.ENDED if closing.evidence is None else Resolution.NEW_SIGN_IN
    clearing = [row for row in of_now if all(evidence.clears(row, each) for each in mine)]
    if not clearing:
        return Resolution.ENDED
    latest = max(clearing, key=lambda row: row.order)
    if latest.signal is not Signal.SUCCESS:
        return Resolution.LIMITED
    by_source = {Source.REFRESH: Resolution.REFRESHED, Source.QUOTA_QUERY: Resolution.CONFIRMED}
    return by_source.get(latest.source, Resolution.SERVED)
