"""Where an entry of the audit leads: to what was done to, and to where it is taken back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck import adjustable
from authdeck.access import AUTOMATION
from authdeck.acts import Act
from authdeck.errors import NotFound
from authdeck.operations import putting_back
from authdeck.storage.reading.audit import AuditEntry, Mentioned
from authdeck.web.addresses import address
from authdeck.web.pages.account.frame import at
from authdeck.web.toasts import Undo


@dataclass(frozen=True, slots=True)
class There:
    """What is there of what entries name: live and trashed accounts by auth_index with their names, and the rest."""

    live: Mapping[str, str]
    trashed: Mapping[str, str]
    rest: Mentioned


def subject(entry: AuditEntry, there: There) -> str:
    """The page of what it was done to; empty where there is none (any more)."""
    if entry.target in there.live:
        return at(entry.target, "history")
    if entry.target in there.trashed:
        return address("/trash", {"search": entry.target})
    group = entry.what.rpartition(":")[0]
    return _PLACES.get(group) or _PLACES.get(group.partition(":")[0]) or _place(entry, there)


def way_back(entry: AuditEntry, there: There) -> tuple[str, str] | None:
    """Where it can be taken back, with the code of how that link is called, while there is something to take back."""
    if entry.batch and entry.what != Act.FILES_IMPORTED:
        return (f"/batches/{entry.batch}", "undo_in.batch") if entry.batch in there.rest.batches else None
    if entry.what == Act.ACCOUNT_TRASHED:
        return (subject(entry, there), "undo_in.trash") if entry.target in there.trashed else None
    if entry.what in _UNDONE_AT:
        tab = _UNDONE_AT[entry.what]
        return (at(entry.target, tab), f"undo_in.{tab}") if entry.target in there.live else None
    if entry.what == Act.SETTING_CHANGED:
        return subject(entry, there), "undo_in.values"
    return _DECIDED_AT.get(entry.what)


def undo(entry: AuditEntry, there: There, me: str, now: datetime) -> Undo | None:
    """The form that takes it back here and now: what was taken away within a day, and is ours alone."""
    if not putting_back.is_possible(entry.at, now):
        return None
    if entry.what == Act.HOLD_RELEASED:
        told = entry.after or {}
        want = f"{told.get('owner')} {told.get('code')}"
        is_theirs = entry.actor != AUTOMATION.name and entry.target in there.live
        return Undo(f"/auth-files/{entry.target}/holding", want, "") if is_theirs else None
    if entry.what == Act.VIEW_REMOVED and not (entry.actor == me or (entry.before or {}).get("shared")):
        return None
    path = _PUT_BACK_AT.get(entry.what)
    return Undo(path.format(entry.target), "restored", "") if path else None


def _place(entry: AuditEntry, there: There) -> str:
    """Of things that have a page each, while they are there."""
    if entry.what.startswith("accounts:inspection"):
        return f"/inspection/{entry.target}" if entry.target in there.rest.inspections else "/inspection/history"
    if entry.what.startswith("accounts:"):
        batch = entry.batch or entry.target
        return f"/batches/{batch}" if batch in there.rest.batches else "/batches"
    if entry.what.startswith("schedule:"):
        there_is = entry.target in there.rest.schedules
        return f"/inspection/schedules/{entry.target}" if there_is else "/inspection/schedules"
    if entry.what.startswith("operator:"):
        return address("/audit", {"actor": entry.target})
    if entry.what == Act.SETTING_CHANGED:
        return _setting(entry.target)
    return ""


def _setting(name: str) -> str:
    """Where that value stands. A former version may have known others."""
    try:
        section = adjustable.named(name).section
    except NotFound:
        return "/settings"
    return f"/settings/{section}#{name.replace('.', '-')}"


_PLACES: Final[Mapping[str, str]] = {
    "client_key": "/client-keys",
    "login": "/oauth-login",
    "notification": "/settings/notifications",
    "queue:incident": "/queue?view=incidents",
    "queue": "/queue",
    "requests": "/monitoring",
    "terms": "/settings/terms",
    "upstream": "/settings/upstreams",
    "view": "/auth-files",
}
"""By what an act's name begins with."""

_UNDONE_AT: Final[Mapping[str, str]] = {
    Act.ACCOUNT_EDITED: "settings",
    Act.DOCUMENT_EDITED: "history",
    Act.REVISION_RESTORED: "history",
    Act.ACCOUNT_UPDATED: "history",
    Act.ACCOUNT_DISABLED: "overview",
    Act.ACCOUNT_LOCKED: "overview",
}
_DECIDED_AT: Final[Mapping[str, tuple[str, str]]] = {
    Act.TERMS_ACKNOWLEDGED: ("/settings/terms", "undo_in.terms"),
    Act.TERMS_WITHDRAWN: ("/settings/terms", "undo_in.terms"),
    Act.UPSTREAM_APPROVED: ("/settings/upstreams", "undo_in.upstreams"),
    Act.UPSTREAM_WITHDRAWN: ("/settings/upstreams", "undo_in.upstreams"),
    Act.QUEUE_IGNORED: ("/queue?view=ignored", "undo_in.queue"),
    Act.QUEUE_RESOLVED: ("/queue?view=resolved", "undo_in.queue"),
    Act.RULE_PAUSED: ("/settings/notifications", "undo_in.rule"),
}
_PUT_BACK_AT: Final[Mapping[str, str]] = {
    Act.CLIENT_KEY_REVOKED: "/client-keys/{}/restoration",
    Act.CHANNEL_REMOVED: "/settings/notifications/channels/{}/restoration",
    Act.RULE_REMOVED: "/settings/notifications/rules/{}/restoration",
    Act.VIEW_REMOVED: "/auth-files/views/{}/restoration",
}
