"""Rows of a batch as a page shows them: which value becomes which, in words; identities masked. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authdeck import wording
from authdeck.change import HEADER, HOLD, MASKED, QUEUE, hold_from
from authdeck.fields import moment
from authdeck.storage.reading.batches import StoredItem
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences

OUTCOMES: Final = ("done", "unchanged", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One value: what it is called, what it was and what it becomes."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One account of a batch. ``why`` says why nothing, or not all, is done; ``differs`` what others changed since."""

    number: int
    auth_index: str | None
    name: str
    outcome: str
    lines: Sequence[ChangeLine]
    why: str
    differs: Sequence[ChangeLine]

    @property
    def href(self) -> str | None:
        return f"/auth-files/{self.auth_index}" if self.auth_index else None


def row(item: StoredItem, now: datetime, prefs: Preferences) -> BatchRow:
    say = _Words(now, prefs)
    reason = item.reason or {}
    return BatchRow(
        item.row,
        item.auth_index,
        masked(item.subject) if prefs.masked else item.subject,
        item.outcome,
        [say.line(name, (item.before or {}).get(name), value) for name, value in (item.after or {}).items()],
        wording.sentence(reason["code"], reason.get("params", {}), prefs.locale) if reason else "",
        [say.line(name, told.get("expected"), told.get("found")) for name, told in (item.differs or {}).items()],
    )


@dataclass(frozen=True, slots=True)
class _Words:
    now: datetime
    prefs: Preferences

    def line(self, name: str, before: Any, after: Any) -> ChangeLine:
        return ChangeLine(self._label(name), self._text(name, before), self._text(name, after))

    def _label(self, name: str) -> str:
        if name.startswith(HEADER):
            return self._say("batch_value.header", header=name.removeprefix(HEADER))
        if name.startswith(QUEUE):
            return self._say("batch_value.queue", reason=name.removeprefix(QUEUE))
        return self._say("batch_value.hold" if name.startswith(HOLD) else f"batch_value.{name}")

    def _text(self, name: str, value: Any) -> str:
        if name.startswith(HOLD):
            return self._hold(name, value) if value else self._say("batch_value.no_hold")
        if name.startswith(QUEUE):
            return self._stands(value)
        if name == "trashed":
            return self._say("batch_value.in_trash" if value else "batch_value.in_use")
        if isinstance(value, Mapping):
            value = value.get("shown", MASKED)
        if isinstance(value, bool):
            return self._say("batch_value.yes" if value else "batch_value.no")
        if isinstance(value, list):
            return ", ".join(map(str, _flat(value))) or "–"
        return "–" if value is None or value == "" else str(value)

    def _hold(self, name: str, value: Mapping[str, Any]) -> str:
        hold = hold_from(name, value)
        params = {**hold.detail, "note": hold.note, "actor": hold.actor}
        code = f"{hold.code}_noted" if hold.note and wording.has_sentence(f"{hold.code}_noted") else hold.code
        text = wording.sentence(code, params, self.prefs.locale)
        if hold.until is None:
            return text
        end = wording.until(hold.until, self.now, self.prefs.zone, self.prefs.locale)
        return self._say("until", text=text.rstrip(".。"), end=end)

    def _stands(self, value: Mapping[str, Any]) -> str:
        """Where a row of the queue stands."""
        until = moment(value["until"])
        if until is None:
            return self._say(f"queue.is.{value['status']}")
        end = wording.until(until, self.now, self.prefs.zone, self.prefs.locale)
        return self._say("queue.is.ignored_until", end=end)

    def _say(self, code: str, **params: Any) -> str:
        return wording.sentence(code, params, self.prefs.locale)


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield f"{value.get('alias')} → {value.get('model')}" if isinstance(value, Mapping) else value
