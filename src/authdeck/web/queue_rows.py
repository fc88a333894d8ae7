"""Rows of the action queue and incidents as the page shows them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from authdeck import wording
from authdeck.account import Provider
from authdeck.action import Cause, Incident
from authdeck.candidate import Candidate, Status
from authdeck.storage.reading.queue import QueueRow
from authdeck.web.account_rows import NAMES, plan_title
from authdeck.web.addresses import address
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.suggested import Group, safe_link


@dataclass(frozen=True, slots=True)
class QueueLine:
    """``why`` is what was observed, ``ended`` how the row ended or why it rests; ``link`` the provider's own page."""

    key: int
    candidate: Candidate
    auth_index: str
    provider: str
    name: str
    plan: str
    why: str
    status: int | None
    request: str
    link: str
    ended: str
    is_trashed: bool

    @property
    def href(self) -> str:
        return f"/auth-files/{self.auth_index}"

    @property
    def element(self) -> str:
        return f"q-{self.key}"


@dataclass(frozen=True, slots=True)
class IncidentLine:
    incident: Incident
    title: str
    told: str
    requests: str


def groups(rows: Iterable[QueueRow], totals: Mapping[str, int], prefs: Preferences) -> list[Group[QueueLine]]:
    """Rows that stand by action already, with how many there are of each."""
    return [
        Group(action, totals.get(action.value, 0), [line(row, prefs) for row in found])
        for action, found in groupby(rows, key=lambda row: row.candidate.action)
    ]


def line(row: QueueRow, prefs: Preferences) -> QueueLine:
    hide = masked if prefs.masked else str
    words = {"provider": NAMES[row.provider], "file_name": hide(row.file_name), **row.detail}
    return QueueLine(
        key=row.candidate.key,
        candidate=row.candidate,
        auth_index=row.auth_index,
        provider=row.provider.value,
        name=hide(row.file_name),
        plan=plan_title(row.plan or ""),
        why=wording.sentence(row.candidate.reason_code, words, prefs.locale),
        status=row.detail.get("status"),
        request=f"/monitoring/{row.request_id}" if row.request_id else "",
        link=safe_link(row.detail.get("link")),
        ended=_ended(row.candidate, prefs),
        is_trashed=row.is_trashed,
    )


def incident_line(incident: Incident, prefs: Preferences) -> IncidentLine:
    named = incident.subject.partition(":")[0]
    provider = named if named in set(Provider) and incident.cause is not Cause.PROXY else ""
    subject = NAMES[Provider(provider)] if provider else incident.subject
    reason = incident.subject.partition(":")[2]
    words = {"subject": subject, "count": wording.count(incident.count, prefs.locale), "code": reason}
    return IncidentLine(
        incident,
        wording.sentence(f"cause.{incident.cause.value}", words, prefs.locale),
        wording.sentence(f"cause.{incident.cause.value}.told", words, prefs.locale),
        address("/monitoring", {"status": "failed", "provider": provider}),
    )


def _ended(candidate: Candidate, prefs: Preferences) -> str:
    if candidate.resolution is None:
        return ""
    words = {"actor": candidate.closed_by or "authdeck"}
    if candidate.status is Status.IGNORED:
        code = "resolution.ignored_until" if candidate.ignored_until else "resolution.ignored"
        return wording.sentence(code, words, prefs.locale)
    return wording.sentence(f"resolution.{candidate.resolution.value}", words, prefs.locale)
