"""Named writes of evidence, quota windows, candidates, incidents and derived state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, func, insert, literal, select, update

from authdeck.action import Incident
from authdeck.candidate import LIVE, Candidate, Resolution, Status
from authdeck.evidence import EPISODE, Evidence, is_same_episode, together
from authdeck.quota import QuotaWindow
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import evidence as reading
from authdeck.storage.reading.evidence import DerivedState
from authdeck.storage.tables import (
    account_state,
    candidates,
    evidence,
    holds,
    incidents,
    quota_history,
    quota_windows,
    watermarks,
)
from authdeck.storage.writing.upserts import upserts


def note(connection: WriteConnection, account_key: int, seen: Evidence) -> Evidence:
    """Write an observation down: into the row of its episode, or as a new one. The row as it is then."""
    seen = _storable(seen)
    row = _joined(reading.near(connection, [(account_key, seen)], EPISODE), account_key, seen)
    if row.key:
        connection.execute(_UPDATE_EVIDENCE, {"of_key": row.key, **_evidence_columns(row)})
        return row
    key = connection.execute(insert(evidence), _new_evidence(account_key, row)).inserted_primary_key
    assert key is not None
    return replace(row, key=int(key[0]))


def note_all(connection: WriteConnection, seen: Sequence[tuple[int, Evidence]]) -> None:
    """Likewise for observations of many accounts, each with its account's key."""
    known, new = reading.near(connection, seen, EPISODE), dict[reading.Kind, Evidence]()
    changed: dict[int, Evidence] = {}
    for account_key, one in ((account_key, _storable(one)) for account_key, one in seen):
        name = account_key, one.kind
        row = _joined(known, account_key, one)
        known[name] = [row, *(other for other in known.get(name, ()) if other.key != row.key)]
        if row.key:
            changed[row.key] = row
        else:
            new[name] = row
    if changed:
        rows = [{"of_key": key, **_evidence_columns(row)} for key, row in changed.items()]
        connection.execute(_UPDATE_EVIDENCE, rows)
    if new:
        connection.execute(_INSERT_EVIDENCE, [_new_evidence(name[0], row) for name, row in new.items()])


def _storable(row: Evidence) -> Evidence:
    """An empty scope is none."""
    return row if row.scope else replace(row, scope=None)


def _joined(known: Mapping[reading.Kind, Sequence[Evidence]], account_key: int, seen: Evidence) -> Evidence:
    """The newest row of its episode with the observation in it; else the observation."""
    for row in known.get((account_key, seen.kind), ()):
        if is_same_episode(row, seen):
            return together(row, seen)
    return seen


def _new_evidence(account_key: int, row: Evidence) -> dict[str, Any]:
    return {
        "account": account_key,
        "generation": row.generation,
        "source": row.source.value,
        "signal": row.signal.value,
        "code": row.code,
        "scope": row.scope or "",
        "is_dated": row.is_dated,
        **_evidence_columns(row),
    }


def _evidence_columns(row: Evidence) -> dict[str, Any]:
    return {
        "first_at": row.first_at,
        "last_at": row.last_at,
        "previous_at": row.previous_at,
        "count": row.count,
        "request_id": row.request_id,
        "until": row.until,
        "detail": dict(row.detail),
        "judgement": {
            "action": row.action.value,
            "confidence": row.confidence.value,
            "may_automate": row.may_automate,
            "is_told": row.is_told,
            "window": row.window,
        },
    }


def replace_windows(connection: WriteConnection, seen: Mapping[int, Sequence[QuotaWindow]]) -> None:
    """Store these observations, by account key, as the newest ones of their windows."""
    rows = [
        {**_figures(account_key, window), "detail": _detail(window)}
        for account_key, windows in seen.items()
        for window in windows
    ]
    if rows:
        connection.execute(_STORE_WINDOWS[connection.dialect], rows)


def _detail(window: QuotaWindow) -> dict[str, object]:
    return {
        "limit_reached": window.limit_reached,
        "counts": window.counts,
        "seconds": window.seconds,
        "presence": window.presence.value,
    }


def add_snapshots(connection: WriteConnection, seen: Iterable[tuple[int, QuotaWindow, bool]]) -> None:
    """Account key, window, and whether that began anew before it."""
    rows = [{**_figures(account_key, window), "is_reset": is_reset} for account_key, window, is_reset in seen]
    if rows:
        connection.execute(_ADD_SNAPSHOTS, rows)


def copy_evidence(connection: WriteConnection, account_key: int, to: int, base: int) -> None:
    """What was seen of one account's sign-ins is known of the other's, whose generations are ``base`` higher."""
    columns = [column for column in evidence.c if column.name not in {"key", "account", "generation"}]
    theirs = select(literal(to), evidence.c.generation + base, *columns).where(evidence.c.account == account_key)
    names = ["account", "generation", *(column.name for column in columns)]
    connection.execute(insert(evidence).from_select(names, theirs))


def copy_watermarks(connection: WriteConnection, account_key: int, to: int) -> None:
    """What a person released there stays released here: of two moments the later one counts."""
    for mark in connection.execute(select(watermarks).where(watermarks.c.account == account_key)).all():
        same = and_(watermarks.c.account == to, watermarks.c.owner == mark.owner, watermarks.c.code == mark.code)
        known = connection.execute(select(watermarks.c.at).where(same)).scalar_one_or_none()
        if known is None:
            row = {"account": to, "owner": mark.owner, "code": mark.code, "at": mark.at, "actor": mark.actor}
            connection.execute(insert(watermarks).values(row))
        elif known < mark.at:
            connection.execute(update(watermarks).where(same).values(at=mark.at, actor=mark.actor))


def forget_generations(connection: WriteConnection, account_key: int, first: int, last: int) -> None:
    """What was seen of these sign-ins is no longer this account's."""
    mine = and_(evidence.c.account == account_key, evidence.c.generation.between(first, last))
    connection.execute(delete(evidence).where(mine))


def forget_windows(connection: WriteConnection, account_key: int, windows: Iterable[QuotaWindow]) -> None:
    """Windows that are just these observations become unknown."""
    for window in windows:
        same = and_(
            quota_windows.c.account == account_key,
            quota_windows.c.window == window.window,
            quota_windows.c.scope == (window.scope or ""),
            quota_windows.c.observed_at == window.observed_at,
        )
        connection.execute(delete(quota_windows).where(same))


def store_candidate(connection: WriteConnection, account_key: int, candidate: Candidate, *, by: str) -> None:
    """Open the row, or bring the one with its key up to date."""
    columns = {
        "suggested_action": candidate.action.value,
        "status": candidate.status.value,
        "hits": candidate.hits,
        "first_seen": candidate.first_seen,
        "last_seen": candidate.last_seen,
        "evidence": candidate.evidence,
        "ignored_until": candidate.ignored_until,
        "resolved_at": candidate.closed_at,
        "resolved_by": None if candidate.status is Status.PENDING else candidate.closed_by or by,
        "resolution": candidate.resolution,
        "batch": candidate.batch,
    }
    if candidate.key:
        connection.execute(update(candidates).where(candidates.c.key == candidate.key).values(columns))
        return
    connection.execute(
        insert(candidates).values({"account": account_key, "reason_code": candidate.reason_code, **columns})
    )


def resolve_candidates(connection: WriteConnection, account_key: int, action: str, *, by: str, at: datetime) -> int:
    """Close the account's live rows that suggest this: it was done. How many there were."""
    mine = (
        candidates.c.account == account_key,
        candidates.c.suggested_action == action,
        candidates.c.status.in_(LIVE),
    )
    values = {"status": Status.DONE.value, "resolved_at": at, "resolved_by": by, "resolution": Resolution.NEW_SIGN_IN}
    return connection.execute(update(candidates).where(*mine).values(values)).rowcount


def claim_bounds(connection: WriteConnection) -> None:
    """Until the transaction ends no other process counts holds of automation or incidents. Claim accounts before."""
    if connection.dialect != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(_BOUNDS_LOCK)))


_BOUNDS_LOCK: Final = 0x61757468_0003
"""PostgreSQL's advisory lock."""


def store_incident(connection: WriteConnection, incident: Incident) -> Incident:
    """Open it, or bring the one with its key up to date. The incident with its key."""
    columns = {"count": incident.count, "last_at": incident.last_at, "closed_at": incident.closed_at}
    columns |= {"closed_by": incident.closed_by or None}
    if incident.key:
        connection.execute(update(incidents).where(incidents.c.key == incident.key).values(columns))
        return incident
    identity = {"cause": incident.cause.value, "subject": incident.subject, "opened_at": incident.opened_at}
    key = connection.execute(insert(incidents).values({**identity, **columns, "detail": {}})).inserted_primary_key
    assert key is not None
    return replace(incident, key=int(key[0]))


def store_states(connection: WriteConnection, states: Mapping[int, DerivedState], at: datetime) -> None:
    """The derived state of these accounts, by account key; what was stored before goes."""
    if not states:
        return
    rows = [
        {
            "account": account_key,
            "health": state.health,
            "problem": state.problem,
            "risk": state.risk,
            "next_change_at": state.next_change_at,
            "computed_at": at,
        }
        for account_key, state in states.items()
    ]
    connection.execute(_STORE_STATES[connection.dialect], rows)


def prune(connection: WriteConnection, before: datetime) -> int:
    """Forget evidence, quota history and closed queue rows from before a moment.

    Evidence that a hold or a live queue row names stays, and so does a closed row while its evidence does: it says
    that nothing more is asked of that.
    """
    named = [
        select(table.c.evidence).where(table.c.evidence.is_not(None), is_open)
        for table, is_open in (
            (holds, holds.c.released_at.is_(None)),
            (candidates, candidates.c.status.in_(LIVE)),
        )
    ]
    old = and_(evidence.c.last_at < before, *(evidence.c.key.not_in(keys) for keys in named))
    count = connection.execute(delete(evidence).where(old)).rowcount
    named_still = select(evidence.c.key).where(evidence.c.key == candidates.c.evidence).exists()
    ended = and_(candidates.c.status.not_in(LIVE), candidates.c.resolved_at < before, ~named_still)
    count += connection.execute(delete(candidates).where(ended)).rowcount
    return count + connection.execute(delete(quota_history).where(quota_history.c.observed_at < before)).rowcount


def _figures(account_key: int, window: QuotaWindow) -> dict[str, object]:
    return {
        "account": account_key,
        "window": window.window,
        "scope": window.scope or "",
        "used_percent": window.used_percent,
        "resets_at": window.resets_at,
        "source": window.source.value,
        "accuracy": window.accuracy.value,
        "observed_at": window.observed_at,
    }


# Made once: making a statement costs more than running it.
_UPDATE_EVIDENCE: Final = update(evidence).where(evidence.c.key == bindparam("of_key"))
_INSERT_EVIDENCE: Final = insert(evidence)
_ADD_SNAPSHOTS: Final = insert(quota_history)
_STORE_WINDOWS: Final = upserts(quota_windows)
_STORE_STATES: Final = upserts(account_state)
