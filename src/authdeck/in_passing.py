"""What answers tell in passing beside windows: credits, words about limits, limits by the minute. Pure.

Read from the headers that were kept (``seen_headers``), so that each thing has the age of the answer that said it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from authdeck import fields
from authdeck.evidence import Source
from authdeck.quota_answer import Credits, Extras, ResetCredits
from authdeck.seen_headers import SeenHeader

Seen = Mapping[str, SeenHeader]
"""Headers by name, as last seen."""

A_MINUTE_LASTS: Final = timedelta(minutes=10)
"""A limit by the minute that was seen longer ago says nothing any more."""

_MINUTE: Final = re.compile(
    r"x-ratelimit-remaining-(?P<of>requests|tokens)"
    r"|anthropic-ratelimit-(?P<theirs>requests|tokens|input-tokens|output-tokens)-remaining"
)
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_YES: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Words:
    """Headers in a provider's own words: how their names begin, and what the rest of each is called here.

    They are about one answer: those of an older one are history. A word ends with the ``reset`` beside it.
    """

    begins: str
    codes: Mapping[str, str]


NO_WORDS: Final = Words("", {})


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was told: a ``text`` in the provider's words, a ``moment``, or what is ``left`` of a ``limit``."""

    code: str
    by: SeenHeader
    text: str | None = None
    moment: datetime | None = None
    left: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures that queries tell as well, each with when it was seen."""

    credits: tuple[Credits, datetime] | None = None
    reset_credits: tuple[int, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Age:
    """When something was told, and how we know: ``HEADER`` or ``QUOTA_QUERY``."""

    at: datetime
    source: Source


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside windows. ``ages``: by field of ``extras``. ``said``: what only headers say."""

    extras: Extras = field(default_factory=Extras)
    ages: Mapping[str, Age] = field(default_factory=dict)
    said: tuple[Said, ...] = ()


def together(asked: Extras, asked_at: datetime | None, seen: Figures, said: tuple[Said, ...]) -> Beside:
    """Of each field the newest word. Credits: granted, unlimited and balance; the rest of them queries alone tell."""
    ages = {
        name: Age(asked_at, Source.QUOTA_QUERY)
        for name in _AGEING
        if asked_at is not None and getattr(asked, name) is not None
    }
    extras = asked
    if seen.credits is not None and _is_newer(seen.credits[1], ages.get("credits")):
        told, ages["credits"] = seen.credits[0], Age(seen.credits[1], Source.HEADER)
        known = asked.credits
        extras = replace(extras, credits=told if known is None else replace(
            known, granted=told.granted, unlimited=told.unlimited, balance=told.balance
        ))  # fmt: skip
    if seen.reset_credits is not None and _is_newer(seen.reset_credits[1], ages.get("reset_credits")):
        count, ages["reset_credits"] = seen.reset_credits[0], Age(seen.reset_credits[1], Source.HEADER)
        listed = asked.reset_credits
        ends = listed.ends if listed is not None and listed.count == count else ()
        extras = replace(extras, reset_credits=ResetCredits(count, ends))
    return Beside(extras, ages, said)


def words(seen: Seen, own: Words, now: datetime) -> Iterator[Said]:
    """What the newest answer that told anything of the kind said, as long as it counts."""
    if not own.begins:
        return
    newest = max((header.at for name, header in seen.items() if name.startswith(own.begins)), default=None)
    for rest, code in own.codes.items():
        header = seen.get(own.begins + rest)
        if header is None or header.at != newest or _is_over(header, seen, own, rest, now):
            continue
        if not rest.endswith("reset"):
            yield Said(code, header, text=header.value)
        elif (moment := fields.moment(header.value)) is not None:
            yield Said(code, header, moment=moment)


def minutes(seen: Seen, now: datetime) -> Iterator[Said]:
    """Limits by the minute: requests, tokens. No windows: they begin anew before anybody could read them."""
    for name, header in seen.items():
        found = _MINUTE.fullmatch(name)
        left = number(header.value)
        if found is None or left is None or now - header.at >= A_MINUTE_LASTS:
            continue
        of = found["of"] or found["theirs"]
        beside = f"x-ratelimit-limit-{of}" if found["of"] else f"anthropic-ratelimit-{of}-limit"
        limit = seen.get(beside)
        most = number(limit.value) if limit is not None and limit.at == header.at else None
        yield Said(f"minute_{of.replace('-', '_')}", header, left=left, limit=most)


def number(written: str) -> float | None:
    return float(written) if _NUMBER.fullmatch(written) else None


def yes(written: str) -> bool | None:
    """``true``, ``1``, ``yes`` and their opposites; ``None`` for anything else."""
    return _YES.get(written.lower())


_AGEING: Final = ("credits", "reset_credits", "extra_usage", "subscription_until", "spend_control")


def _is_newer(at: datetime, known: Age | None) -> bool:
    return known is None or at > known.at


def _is_over(header: SeenHeader, seen: Seen, own: Words, rest: str, now: datetime) -> bool:
    """Whether the moment has come that stood beside a word: ``overage-reset`` for those of overage, else ``reset``."""
    stem = "overage-" if rest.startswith("overage-") else ""
    ends = seen.get(f"{own.begins}{stem}reset")
    moment = fields.moment(ends.value) if ends is not None and ends.at == header.at else None
    return moment is not None and moment <= now
