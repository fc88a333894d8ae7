"""Telling people what happened: which rule asks for it, when it may go out, and the message it becomes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from authdeck.account import Provider
from authdeck.clock import rfc3339
from authdeck.health import Health


class Kind(StrEnum):
    """What can be told."""

    STATE_CHANGED = "state_changed"
    QUOTA_LOW = "quota_low"
    REFRESH_REFUSED = "refresh_refused"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_CLOSED = "incident_closed"


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    APPRISE = "apprise"


PAUSE: Final = timedelta(minutes=1)
"""Between two messages of a rule: what happens meanwhile is one message."""

TOLD_EACH: Final = 20
"""Happenings that a message names; the others are a number."""

WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 3_600, 21_600))
"""Between the tries of a delivery."""

TRIES: Final = len(WAITS) + 1
LONGEST_DIGEST: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened: to the account ``subject`` (an auth_index), or to what an incident is about."""

    kind: Kind
    at: datetime
    subject: str
    provider: Provider | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quiet:
    """From ``begins`` to ``ends`` each day nothing goes out; over midnight where it ends before it begins."""

    begins: time
    ends: time
    zone: tzinfo

    def until(self, moment: datetime) -> datetime:
        """The moment itself, or the end of the quiet hours that it falls into."""
        local = moment.astimezone(self.zone)
        is_quiet = (
            self.begins <= local.time() < self.ends
            if self.begins <= self.ends
            else local.time() >= self.begins or local.time() < self.ends
        )
        if not is_quiet:
            return moment
        day = local.date() if local.time() < self.ends else local.date() + timedelta(days=1)
        return datetime.combine(day, self.ends, self.zone).astimezone(moment.tzinfo)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who wants to hear what, and when. Empty ``providers`` and ``states`` are all of them.

    ``below``: percent left under which a quota window is low. ``digest_minutes``: how long happenings are gathered;
    0 sends at once. ``sent_at`` is when its last message was made.
    """

    id: str
    name: str
    channel: str
    kinds: frozenset[Kind]
    providers: frozenset[Provider] = frozenset()
    states: frozenset[Health] = frozenset()
    below: int | None = None
    digest_minutes: int = 0
    quiet_from: int | None = None
    quiet_until: int | None = None
    zone: str = "UTC"
    locale: str = "en"
    paused: bool = False
    sent_at: datetime | None = None
    created_by: str = ""
    created_at: datetime | None = None

    def wants(self, happening: Happening) -> bool:
        if self.paused or happening.kind not in self.kinds:
            return False
        if self.providers and happening.provider is not None and happening.provider not in self.providers:
            return False
        if happening.kind is Kind.STATE_CHANGED and self.states:
            return happening.detail.get("to") in self.states
        if happening.kind is Kind.QUOTA_LOW:
            return self.below is not None and _crossed(happening.detail, self.below)
        return True

    @property
    def quiet(self) -> Quiet | None:
        if self.quiet_from is None or self.quiet_until is None:
            return None
        return Quiet(_of_day(self.quiet_from), _of_day(self.quiet_until), ZoneInfo(self.zone))

    def due_at(self, oldest: datetime) -> datetime:
        """When what has waited since ``oldest`` goes out."""
        due = oldest + timedelta(minutes=self.digest_minutes)
        if self.sent_at is not None:
            due = max(due, self.sent_at + PAUSE)
        return due if self.quiet is None else self.quiet.until(due)


def _crossed(detail: Mapping[str, Any], below: int) -> bool:
    """Whether the mark lies between what was left and what is left."""
    former, left = detail.get("former"), detail["left"]
    return bool(left < below and (former is None or former >= below))


def _of_day(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


def minutes_of(text: str) -> int:
    """``22:30`` as minutes of the day. Raises ``ValueError``."""
    found = time.fromisoformat(text)
    return found.hour * 60 + found.minute


def text_of(minutes: int) -> str:
    return _of_day(minutes).strftime("%H:%M")


def wait_after(attempts: int) -> timedelta | None:
    """How long until the next try after so many; ``None``: there is none."""
    return WAITS[attempts - 1] if attempts <= len(WAITS) else None


def message(
    delivery_id: str, rule: str, named: Iterable[Happening], counts: Mapping[str, int], now: datetime
) -> dict[str, Any]:
    """What is sent, without its text: some by name, all of them as numbers by kind. No secret, no document."""
    return {
        "id": delivery_id,
        "at": rfc3339(now),
        "rule": rule,
        "count": sum(counts.values()),
        "counts": dict(counts),
        "events": [_told(each) for each in named],
    }


def _told(happening: Happening) -> dict[str, Any]:
    return {
        "kind": happening.kind.value,
        "at": rfc3339(happening.at),
        "subject": happening.subject,
        "provider": happening.provider.value if happening.provider else None,
        **happening.detail,
    }
