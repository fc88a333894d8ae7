"""Request events as a page shows them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from authdeck import wording
from authdeck.clock import from_micros
from authdeck.event import FailureKind, RequestEvent
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences

TONES: Final = {
    FailureKind.REQUEST: ("neutral", "neutral"),
    FailureKind.CLIENT_CLOSED: ("neutral", "neutral"),
    FailureKind.AUTH: ("reauth", "reauth"),
    FailureKind.QUOTA: ("exhausted", "exhausted"),
    FailureKind.TERMS: ("low", "bad"),
    FailureKind.NO_ACCOUNT: ("reauth", "bad"),
}
"""Colour and shape by kind of failure; all others are plainly bad."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """``what`` is a word or two beside the status; ``account`` is the masked file name."""

    event: RequestEvent
    id: str
    at: datetime
    tone: str
    glyph: str
    what: str
    account: str

    @property
    def href(self) -> str:
        return f"/monitoring/{self.id}"

    @property
    def tries(self) -> int:
        return max(1, len(self.event.attempts))


def row(event: RequestEvent, prefs: Preferences) -> RequestRow:
    tone, glyph = tone_of(event)
    name = event.file_name or event.auth_index or ""
    return RequestRow(
        event=event,
        id=event.id.hex(),
        at=from_micros(event.at_ms * 1000),
        tone=tone,
        glyph=glyph,
        what=_what(event, prefs.locale),
        account=masked(name) if prefs.masked else name,
    )


def tone_of(event: RequestEvent) -> tuple[str, str]:
    if event.failure is not None:
        return TONES.get(event.failure.kind, ("reauth", "bad"))
    return ("retry", "retry") if len(event.attempts) > 1 else ("available", "available")


def story(event: RequestEvent, locale: str) -> str:
    """What happened, in one sentence."""
    took = wording.duration(_span(event.latency_ms), locale)
    tries = len(event.attempts)
    params = {"took": took, "tries": tries, "more": tries - 1}
    if event.failure is None:
        return wording.sentence("story_retried" if tries > 1 else "story_answered", params, locale)
    why = wording.sentence(f"failure.{event.failure.kind.value}", {}, locale)
    return wording.sentence("story_failed" if tries else "story_not_sent", {**params, "why": why}, locale)


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt in a waterfall of 100 units' width: where it begins, how long it is."""

    x: float
    width: float
    failed: bool


def waterfall(event: RequestEvent) -> Sequence[Bar]:
    """The attempts one after the other, in the share of time that each took."""
    whole = max(event.latency_ms, sum(attempt.ms for attempt in event.attempts)) or 1
    bars, at = [], 0.0
    for attempt in event.attempts:
        width = max(100 * attempt.ms / whole, 0.8)
        bars.append(Bar(round(min(at, 99.2), 1), round(min(width, 100 - min(at, 99.2)), 1), attempt.kind is not None))
        at += 100 * attempt.ms / whole
    return bars


def _what(event: RequestEvent, locale: str) -> str:
    if event.failure is not None:
        return event.failure.code
    if len(event.attempts) > 1:
        return wording.sentence("tries", {"tries": len(event.attempts)}, locale)
    return ""


def _span(milliseconds: float) -> timedelta:
    return timedelta(milliseconds=milliseconds)
