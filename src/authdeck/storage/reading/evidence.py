"""Named reads of evidence, quota windows, candidates, incidents and derived state."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select

from authdeck.account import Provider
from authdeck.action import Cause, Incident
from authdeck.candidate import OPEN, Candidate, Resolution, Status
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.hold import Owner
from authdeck.quota import Accuracy, Presence, QuotaWindow
from authdeck.storage.among import Among
from authdeck.storage.database import ReadConnection
from authdeck.storage.tables import (
    account_state,
    accounts,
    candidates,
    evidence,
    holds,
    incidents,
    quota_history,
    quota_windows,
    watermarks,
)

T = TypeVar("T")

LIVE: Final = and_(accounts.c.trashed_at.is_(None), accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None))


def of_sign_in(connection: ReadConnection, account_keys: Sequence[int]) -> dict[int, tuple[Evidence, ...]]:
    """What was seen of the accounts under the sign-in that each has now, newest first, by account key."""
    return _by_account(connection, _OF_SIGN_IN, _evidence, account_keys)


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Evidence]
    total: int


def history(connection: ReadConnection, account_key: int, limit: int, offset: int = 0) -> Page:
    """Evidence of all sign-ins, newest first."""
    mine = evidence.c.account == account_key
    order = (evidence.c.last_at.desc(), evidence.c.key.desc())
    rows = connection.execute(select(evidence).where(mine).order_by(*order).limit(limit).offset(offset))
    total = connection.execute(select(func.count()).select_from(evidence).where(mine)).scalar_one()
    return Page([_evidence(row) for row in rows], total)


Kind = tuple[int, tuple[object, ...]]
"""An account's key, and what makes two observations of it equal (``Evidence.kind``)."""


def near(
    connection: ReadConnection, seen: Sequence[tuple[int, Evidence]], apart: timedelta
) -> dict[Kind, list[Evidence]]:
    """Rows that these observations may join, each given with its account's key: newest first, near enough in time."""
    found: dict[Kind, list[Evidence]] = defaultdict(list)
    if seen:
        wanted = {"wanted": [key for key, _ in seen], "since": min(row.first_at for _, row in seen) - apart}
        for row in connection.execute(_NEAR, wanted):
            known = _evidence(row)
            found[row.account, known.kind].append(known)
    return found


def newest_of_code(connection: ReadConnection, account_key: int, code: str) -> datetime | None:
    """When this was last observed of the account."""
    mine = and_(evidence.c.account == account_key, evidence.c.code == code)
    statement = select(evidence.c.last_at).where(mine).order_by(evidence.c.last_at.desc()).limit(1)
    return connection.execute(statement).scalar_one_or_none()


def windows(
    connection: ReadConnection, account_keys: Sequence[int] | None = None
) -> dict[int, tuple[QuotaWindow, ...]]:
    """The newest observation of each window, by account key; of all accounts where no keys are given."""
    statement = _WINDOWS if account_keys is None else _WINDOWS_OF
    return _by_account(connection, statement, lambda row: _window(row, row.detail), account_keys)


def snapshots(connection: ReadConnection, account_key: int) -> list[tuple[QuotaWindow, bool]]:
    """An account's quota history, oldest first, each with whether the window began anew before it."""
    mine = quota_history.c.account == account_key
    rows = connection.execute(select(quota_history).where(mine).order_by(quota_history.c.observed_at))
    return [snapshot(row) for row in rows]


def snapshot(row: Row[Any]) -> tuple[QuotaWindow, bool]:
    """A row of the quota history, with whether the window began anew before it."""
    return _window(row, {}), row.is_reset


def marks(connection: ReadConnection, account_keys: Sequence[int]) -> dict[int, dict[tuple[Owner, str], datetime]]:
    """Up to when evidence no longer raises a hold, by account key, then by owner and code."""
    found: dict[int, dict[tuple[Owner, str], datetime]] = defaultdict(dict)
    for row in connection.execute(_MARKS_OF, {"wanted": account_keys}):
        found[row.account][Owner(row.owner), row.code] = row.at
    return found


def queue_of(connection: ReadConnection, account_keys: Sequence[int]) -> dict[int, tuple[Candidate, ...]]:
    """Open rows of the queue and the closed ones, which decide when a reason may open again. By account key."""
    return _by_account(connection, _QUEUE_OF, candidate_of, account_keys)


def open_candidates(
    connection: ReadConnection, account_keys: Sequence[int] | None = None
) -> dict[int, tuple[Candidate, ...]]:
    """Open rows of the queue, by account key, oldest first; of all accounts where no keys are given."""
    statement = _OPEN if account_keys is None else _OPEN_OF
    return _by_account(connection, statement, candidate_of, account_keys)


# Made once: batches and settling ask again and again, and making a statement costs more than running it.
_WINDOWS: Final = select(quota_windows).order_by(quota_windows.c.account, quota_windows.c.window, quota_windows.c.scope)
_WINDOWS_OF: Final = _WINDOWS.where(Among(quota_windows.c.account))
_OPEN: Final = select(candidates).where(candidates.c.status.in_(OPEN)).order_by(candidates.c.key)
_OPEN_OF: Final = _OPEN.where(Among(candidates.c.account))
_QUEUE_OF: Final = select(candidates).where(Among(candidates.c.account)).order_by(candidates.c.key.desc())
_MARKS_OF: Final = select(watermarks).where(Among(watermarks.c.account))
_STATES_OF: Final = select(account_state).where(Among(account_state.c.account))
_NEAR: Final = (
    select(evidence)
    .where(Among(evidence.c.account), evidence.c.last_at >= bindparam("since", type_=evidence.c.last_at.type))
    .order_by(evidence.c.last_at.desc(), evidence.c.key.desc())
)
_OF_SIGN_IN: Final = (
    select(evidence)
    .join(accounts, and_(accounts.c.key == evidence.c.account, accounts.c.generation == evidence.c.generation))
    .where(Among(evidence.c.account))
    .order_by(evidence.c.last_at.desc(), evidence.c.key.desc())
)


def _by_account(
    connection: ReadConnection,
    statement: Select[Any],
    made: Callable[[Row[Any]], T],
    account_keys: Sequence[int] | None,
) -> dict[int, tuple[T, ...]]:
    """Of all accounts where no keys are given; the statement asks for them as ``wanted``."""
    found: dict[int, list[T]] = defaultdict(list)
    for row in connection.execute(statement, None if account_keys is None else {"wanted": account_keys}):
        found[row.account].append(made(row))
    return {account: tuple(together) for account, together in found.items()}


def open_incidents(connection: ReadConnection) -> dict[tuple[Cause, str], Incident]:
    rows = connection.execute(select(incidents).where(incidents.c.closed_at.is_(None)))
    return {(found.cause, found.subject): found for found in map(incident_of, rows)}


def held_since(connection: ReadConnection, provider: Provider, since: datetime) -> frozenset[int]:
    """Accounts of the provider that automation took out for their sign-in since a moment, released or not."""
    statement = (
        select(holds.c.account)
        .join(accounts, accounts.c.key == holds.c.account)
        .where(
            accounts.c.provider == provider.value,
            holds.c.owner.in_((Owner.CREDENTIAL.value, Owner.INSPECTION.value)),
            holds.c.actor == "authdeck",
            holds.c.since > since,
        )
        .distinct()
    )
    return frozenset(connection.execute(statement).scalars())


def count_of_provider(connection: ReadConnection, provider: Provider) -> int:
    """Live accounts of the provider."""
    statement = select(func.count()).select_from(accounts).where(accounts.c.provider == provider.value, LIVE)
    return int(connection.execute(statement).scalar_one())


def due(connection: ReadConnection, now: datetime) -> list[str]:
    """Live accounts whose state may have changed by time alone, or was never computed. Longest due first."""
    is_due: ColumnElement[bool] = or_(account_state.c.account.is_(None), account_state.c.next_change_at <= now)
    statement = (
        select(accounts.c.auth_index)
        .outerjoin(account_state, account_state.c.account == accounts.c.key)
        .where(LIVE, is_due)
        .order_by(account_state.c.next_change_at, accounts.c.key)
    )
    return list(connection.execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class DerivedState:
    """A row of ``account_state``: health, whether it is a problem, its rank, and when it may be different."""

    health: str
    problem: bool
    risk: int
    next_change_at: datetime | None


def states(connection: ReadConnection, account_keys: Sequence[int]) -> dict[int, DerivedState]:
    rows = connection.execute(_STATES_OF, {"wanted": account_keys})
    return {row.account: DerivedState(row.health, row.problem, row.risk, row.next_change_at) for row in rows}


def _evidence(row: Row[Any]) -> Evidence:
    judged = row.judgement or {}
    return Evidence(
        generation=row.generation,
        source=Source(row.source),
        signal=Signal(row.signal),
        code=row.code,
        first_at=row.first_at,
        last_at=row.last_at,
        scope=row.scope or None,
        previous_at=row.previous_at,
        count=row._mapping["count"],  # noqa: SLF001 - a row has a method of that name
        is_dated=row.is_dated,
        until=row.until,
        is_told=judged.get("is_told", False),
        window=judged.get("window"),
        action=Action(judged.get("action", Action.KEEP)),
        confidence=Confidence(judged.get("confidence", Confidence.HIGH)),
        may_automate=judged.get("may_automate", False),
        request_id=row.request_id,
        detail=row.detail,
        key=row.key,
    )


def _window(row: Row[Any], detail: Mapping[str, Any]) -> QuotaWindow:
    return QuotaWindow(
        window=row.window,
        used_percent=row.used_percent,
        observed_at=row.observed_at,
        source=Source(row.source),
        accuracy=Accuracy(row.accuracy),
        scope=row.scope or None,
        resets_at=row.resets_at,
        limit_reached=detail.get("limit_reached", False),
        counts=detail.get("counts", True),
        seconds=detail.get("seconds"),
        presence=Presence(detail.get("presence", Presence.ACTIVE)),
    )


def candidate_of(row: Row[Any]) -> Candidate:
    return Candidate(
        reason_code=row.reason_code,
        action=Action(row.suggested_action),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        hits=row.hits,
        status=Status(row.status),
        evidence=row.evidence,
        ignored_until=row.ignored_until,
        closed_at=row.resolved_at,
        closed_by=row.resolved_by,
        resolution=Resolution(row.resolution) if row.resolution else None,
        batch=row.batch,
        key=row.key,
    )


def incident_of(row: Row[Any]) -> Incident:
    return Incident(
        cause=Cause(row.cause),
        subject=row.subject,
        opened_at=row.opened_at,
        last_at=row.last_at or row.opened_at,
        count=row._mapping["count"],  # noqa: SLF001 - a row has a method of that name
        closed_at=row.closed_at,
        closed_by=row.closed_by or "",
        key=row.key,
    )
