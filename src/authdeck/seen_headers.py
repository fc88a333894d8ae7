"""Headers of answers that are kept to be looked at: what they say of limits, waits and ids. Pure.

An allow-list by the beginnings of names, each value sanitised by what it is. Never kept: cookies, credentials, and
ids of persons, organisations or sessions, whatever their names begin with.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields
from authdeck.clock import rfc3339
from authdeck.scrub import scrub

EVERYWHERE: Final = (b"retry-after", b"x-should-retry", b"x-ratelimit-", b"x-request-id", b"request-id", b"cf-ray")
"""How names begin that are kept of every provider's answers; its own ones are ``ProviderModule.KEPT_HEADERS``."""

MOST: Final = 48
"""Headers of one account."""

LONGEST: Final = 200
"""Characters of a value that is a text."""

KEPT: Final = timedelta(days=30)
"""What nobody said since then is forgotten."""

_NAME: Final = re.compile(rb"[a-z0-9][a-z0-9_-]{0,79}")
_PRIVATE: Final = re.compile(
    rb"(?:^|[-_])(?:cookies?|authorization|auth|bearer|secrets?|passwords?|keys?|jwt|sessions?|users?|accounts?|org"
    rb"|orgs|organizations?|email|customer|state|campaign|token|credential|accountid|userid|conversations?|threads?"
    rb"|turns?|installations?|devices?|workspaces?|tenants?)(?:[-_]|$)"
)
_ERROR_OF_SIGN_IN: Final = b"x-openai-authorization-error"
"""Named like a credential, and holds the code of an error."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,9})?%?")
_ID_NAMES: Final = re.compile(rb"(?:^|-)(?:request-id|trace-id|ray)$")
_ID: Final = re.compile(r"(?!eyJ)[A-Za-z0-9_.:-]{1,96}")
_ID_LIKE_A_SECRET: Final = re.compile(r"(?:sk|sess|rt|at|pk|ghp|ya29|AIza)[-_.]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SeenAnswer:
    """Headers of one answer, lower case, sanitised. ``request_id`` is ours; ``None``: it was no client's request."""

    at: datetime
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SeenHeader:
    """A header as it was last said."""

    name: str
    value: str
    at: datetime
    request_id: str | None = None


def kept(headers: Iterable[tuple[bytes, bytes]], own: tuple[bytes, ...]) -> dict[str, str]:
    """Those that may be kept, with values as they may be shown. ``own`` is how the provider's begin."""
    begins = EVERYWHERE + own
    found: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(begins) and _is_harmless(name) and (said := _sanitised(name, value)):
            found[name.decode("ascii")] = said
            if len(found) == MOST:
                break
    return found


def merged(answers: Iterable[SeenAnswer], now: datetime) -> tuple[SeenAnswer, ...]:
    """Newest first, each header in the newest answer that has it only; within the bounds."""
    said: set[str] = set()
    found: list[SeenAnswer] = []
    for answer in sorted(answers, key=lambda answer: answer.at, reverse=True):
        news = {name: value for name, value in answer.headers.items() if name not in said}
        news = dict(list(news.items())[: MOST - len(said)])
        if news and now - answer.at < KEPT:
            said |= news.keys()
            found.append(replace(answer, headers=news))
    return tuple(found)


def each(answers: Sequence[SeenAnswer]) -> dict[str, SeenHeader]:
    """By name, in the order of ``merged``."""
    return {
        name: SeenHeader(name, value, answer.at, answer.request_id)
        for answer in answers
        for name, value in answer.headers.items()
    }


def _is_harmless(name: bytes) -> bool:
    if name == _ERROR_OF_SIGN_IN:
        return True
    return _NAME.fullmatch(name) is not None and _PRIVATE.search(name) is None


def _sanitised(name: bytes, value: bytes) -> str:
    """Numbers as they are, ids where they look like ids; all else as text without secrets. Empty: none."""
    said = value[: LONGEST * 4].decode("utf-8", "replace").strip()
    if _NUMBER.fullmatch(said):
        return said
    if _ID_NAMES.search(name):
        return said if _ID.fullmatch(said) and not _ID_LIKE_A_SECRET.match(said) else ""
    return scrub(said, LONGEST)


# ---- as JSON, for the row that keeps them ----


def to_json(answers: Iterable[SeenAnswer]) -> list[dict[str, Any]]:
    return [
        {"at": rfc3339(answer.at), "request": answer.request_id, "headers": dict(answer.headers)} for answer in answers
    ]


def from_json(stored: Iterable[Mapping[str, Any]]) -> tuple[SeenAnswer, ...]:
    return tuple(
        SeenAnswer(at, each["headers"], each["request"])
        for each in stored
        if (at := fields.moment(each["at"])) is not None
    )
