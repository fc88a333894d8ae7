"""What happened to an account, as one story: its revisions, its holds, and who changed what. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from authdeck import wording
from authdeck.acts import Act
from authdeck.hold import Hold
from authdeck.storage.reading.audit import AuditEntry
from authdeck.storage.reading.batches import StoredBatch, StoredItem
from authdeck.storage.reading.holds import PastHold
from authdeck.storage.reading.revisions import StoredRevision
from authdeck.web import account_rows, batch_rows
from authdeck.web.account_rows import OWNER_TONES
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences

T = TypeVar("T")

KINDS: Final = ("", "revisions", "holds", "changes")
_ICONS: Final = {
    "refreshed": "refresh",
    "imported": "upload",
    "edited": "edit",
    "restored": "undo",
    "logged_in": "login",
}
_TOLD_ELSEWHERE: Final = frozenset(
    {
        Act.ACCOUNT_ADDED, Act.ACCOUNT_UPDATED, Act.DOCUMENT_EDITED, Act.REVISION_RESTORED, Act.ACCOUNT_DISABLED,
        Act.ACCOUNT_ENABLED, Act.HOLD_RELEASED, Act.LOGIN_DONE,
    }
)  # fmt: skip
"""Acts that a revision or a hold tells of already."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the story. ``revision``: a version of the auth file began there. ``batch``: many accounts changed."""

    at: datetime
    kind: str
    icon: str
    tone: str
    text: str
    by: str
    details: Sequence[str] = ()
    revision: StoredRevision | None = None
    changes: Sequence[tuple[str, str, str]] = ()
    batch: str = ""


def story(
    revisions: Iterable[StoredRevision],
    holds: Iterable[PastHold],
    entries: Iterable[AuditEntry],
    batches: Iterable[tuple[StoredBatch, StoredItem]],
    prefs: Preferences,
) -> list[Happening]:
    """Newest first."""
    told = [_of_revision(revision, prefs) for revision in revisions]
    told += [happening for past in holds for happening in _of_hold(past, prefs)]
    told += [_of_entry(entry, prefs) for entry in entries if entry.what not in _TOLD_ELSEWHERE]
    told += [_of_batch(batch, item, prefs) for batch, item in batches]
    return sorted(told, key=lambda happening: happening.at, reverse=True)


def page_of(told: Sequence[Happening], most: int) -> Sequence[Happening]:
    """The newest; what happened in the same moment is not torn apart, so that a page may begin before its last."""
    end = most
    while 0 < end < len(told) and told[end].at == told[end - 1].at:
        end += 1
    return told[:end]


def by_day(told: Iterable[Happening], now: datetime, prefs: Preferences) -> list[tuple[str, list[Happening]]]:
    return by_day_of(told, lambda happening: happening.at, now, prefs)


def by_day_of(
    told: Iterable[T], when: Callable[[T], datetime], now: datetime, prefs: Preferences
) -> list[tuple[str, list[T]]]:
    """What is told, under the days of the reader's zone, each with its name."""
    days: dict[date, list[T]] = {}
    for one in told:
        days.setdefault(when(one).astimezone(prefs.zone).date(), []).append(one)
    return [(wording.day(when(some[0]), now, prefs.zone, prefs.locale), some) for some in days.values()]


def changes_of(entry: AuditEntry, locale: str) -> list[tuple[str, str, str]]:
    """(field, before, after) of everything an audit entry names."""
    before, after = entry.before or {}, entry.after or {}
    return [
        (_field(name, locale), _value(before, name), _value(after, name))
        for name in dict.fromkeys((*before, *after))
        if (before.get(name) or None) != (after.get(name) or None) or before.get(name) == "***"
    ]


def _of_revision(revision: StoredRevision, prefs: Preferences) -> Happening:
    why = wording.sentence(f"why.{revision.why}", {}, prefs.locale)
    text = wording.sentence("story.revision", {"number": revision.number, "why": why}, prefs.locale)
    details = []
    if revision.changed_fields:
        fields = ", ".join(revision.changed_fields)
        details.append(wording.sentence("story.changed", {"fields": fields}, prefs.locale))
    icon = _ICONS.get(revision.why, "files")
    return Happening(revision.at, "revisions", icon, "neutral", text, revision.actor, details, revision)


def _of_hold(past: PastHold, prefs: Preferences) -> Iterable[Happening]:
    hold, tone = past.hold, OWNER_TONES.get(past.hold.owner.value, "neutral")
    params = {"owner": wording.sentence(f"owner.{hold.owner.value}", {}, prefs.locale), "model": hold.scope or ""}
    placed = "story.hold_model" if hold.scope else "story.hold"
    details = [_why(hold, prefs)]
    if hold.until is not None:
        end = wording.moment(hold.until, hold.since, prefs.zone, prefs.locale)
        details.append(wording.sentence("story.until", {"end": end}, prefs.locale))
    text = wording.sentence(placed, params, prefs.locale)
    yield Happening(hold.since, "holds", "pause", tone, text, hold.actor, details)
    if past.released_at is not None:
        text, by = wording.sentence("story.released", params, prefs.locale), past.released_by or ""
        yield Happening(past.released_at, "holds", "check", "available", text, by, [_why(hold, prefs)])


def _why(hold: Hold, prefs: Preferences) -> str:
    return account_rows.hold_sentence(hold, prefs.locale)


def _of_entry(entry: AuditEntry, prefs: Preferences) -> Happening:
    it = wording.sentence("act.it", {}, prefs.locale)
    text = f"{entry.actor} {wording.sentence(f'act.{entry.what}', {'it': it}, prefs.locale)}"
    icon = "send" if entry.what == Act.REQUEST_SENT else "edit"
    return Happening(
        entry.at, "changes", icon, "neutral", text, "", changes=_hidden(changes_of(entry, prefs.locale), prefs)
    )


def _of_batch(batch: StoredBatch, item: StoredItem, prefs: Preferences) -> Happening:
    code = "story.batch_undone" if batch.undo_of else "story.batch"
    text = wording.sentence(code, {"actor": batch.actor}, prefs.locale)
    lines = batch_rows.row(item, batch.created_at, prefs).lines
    changes = _hidden([(line.label, line.before, line.after) for line in lines], prefs)
    return Happening(batch.created_at, "changes", "rows", "neutral", text, "", changes=changes, batch=batch.id)


def _hidden(changes: Sequence[tuple[str, str, str]], prefs: Preferences) -> Sequence[tuple[str, str, str]]:
    return [(field, masked(before), masked(after)) for field, before, after in changes] if prefs.masked else changes


def _field(name: str, locale: str) -> str:
    code = f"field.{name}"
    return wording.sentence(code, {}, locale) if wording.has_sentence(code) else name


def _value(side: Mapping[str, Any], name: str) -> str:
    """As a person would write it; nothing where nothing was."""
    value = side.get(name)
    if value is None or value in ("", {}, []):
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "–"
    return _plain(value)


def _inner(item: Any) -> str:
    """A value within a value; of a hold what its owner wrote and its end."""
    if isinstance(item, Mapping):
        return ", ".join(str(item[name]) for name in ("note", "until") if item.get(name)) or "+"
    return _plain(item)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            ", ".join(f"{key}: {_inner(item)}" for key, item in value.items() if item not in (None, "", {}, [])) or "–"
        )
    return str(value).lower() if isinstance(value, bool) else str(value)
