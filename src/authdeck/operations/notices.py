"""Writing down what people asked to be told, in the transaction in which it happens. No rule, no row."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck.account import Account, Provider
from authdeck.action import Cause, Incident
from authdeck.evidence import Source
from authdeck.health import Health
from authdeck.masking import masked
from authdeck.notice import Happening, Kind
from authdeck.quota import QuotaWindow
from authdeck.reconcile import Facts, Plan
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import notices as reading
from authdeck.storage.reading.evidence import DerivedState
from authdeck.storage.writing import notices as writing

_NEW: Final = timedelta(minutes=10)


def note(connection: WriteConnection, happened: Sequence[Happening]) -> None:
    """For each rule what it wants of these."""
    if not happened:
        return
    rules = [rule for rule in reading.rules(connection) if not rule.paused]
    writing.note(connection, ((rule.id, each) for rule in rules for each in happened if rule.wants(each)))


def changes_of(
    facts: Facts, plan: Plan, former: DerivedState | None, state: DerivedState, now: datetime
) -> Iterable[Happening]:
    """What became of an account: another state, and a refresh that was refused for the first time."""
    account = facts.account
    before = _before(account, former, now)
    if before is not None and before != state.health:
        yield _of(account, Kind.STATE_CHANGED, now, {"from": before, "to": state.health})
    refused = {row.key: row.code for row in facts.evidence if row.source is Source.REFRESH}
    for candidate in plan.candidates:
        if not candidate.key and candidate.evidence in refused:
            yield _of(account, Kind.REFRESH_REFUSED, now, {"code": candidate.reason_code})


def _before(account: Account, former: DerivedState | None, now: datetime) -> str | None:
    """The state it had: a new account began as unknown. An old one's, whose stored state was rebuilt, nobody knows."""
    if former is not None:
        return former.health
    is_new = account.created_at is not None and now - account.created_at < _NEW
    return Health.UNKNOWN.value if is_new else None


def note_windows(connection: WriteConnection, seen: Iterable[tuple[Account, QuotaWindow | None, QuotaWindow]]) -> None:
    """Accounts' windows with what was known of each before: those of which less is left."""
    happened = []
    for account, former, window in seen:
        left, before = _left(window), _left(former)
        if left is not None and (before is None or left < before) and window.counts:
            told = {"window": window.window, "scope": window.scope, "left": left, "former": before}
            happened.append(_of(account, Kind.QUOTA_LOW, window.observed_at, told))
    note(connection, happened)


def note_incidents(connection: WriteConnection, incidents: Iterable[Incident], now: datetime) -> None:
    """Incidents that were opened or closed just now."""
    note(connection, [_of_incident(incident, now) for incident in incidents])


def _left(window: QuotaWindow | None) -> float | None:
    return None if window is None or window.used_percent is None else round(100 - window.used_percent, 1)


def _of(account: Account, kind: Kind, at: datetime, detail: dict[str, Any]) -> Happening:
    return Happening(kind, at, account.auth_index, account.provider, {"name": masked(account.file_name), **detail})


def _of_incident(incident: Incident, now: datetime) -> Happening:
    kind = Kind.INCIDENT_OPENED if incident.is_open else Kind.INCIDENT_CLOSED
    named = incident.subject.partition(":")[0] if incident.cause is not Cause.PROXY else ""
    provider = Provider(named) if named in set(Provider) else None
    told = {"cause": incident.cause.value, "id": incident.key, "count": incident.count}
    return Happening(kind, now, incident.subject, provider, told)
