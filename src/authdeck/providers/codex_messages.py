"""What Codex says on a websocket where by POST it has headers and a status: limits, and refusals.

Both are handed on as by POST, so that everything about headers is read in one place. Source: openai/codex
``codex-api/src/rate_limits.rs`` and ``endpoint/responses_websocket.rs``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

LIMITS: Final = "codex.rate_limits"

_BEGINNING: Final = 4096
"""Bytes in which a message says what it is: most are something else, and are not read for it."""

_LIMITS_MARK: Final = b'"codex.rate_limits"'
_ERROR_MARK: Final = b'"error"'
_OWN_LIMIT: Final = "codex"
_LONGEST_NAME: Final = 48
_OF_THE_BODY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


class _Window(msgspec.Struct):
    used_percent: float | None = None
    window_minutes: int | None = None
    reset_at: int | None = None


class _Windows(msgspec.Struct):
    primary: _Window | None = None
    secondary: _Window | None = None


class _Limits(msgspec.Struct):
    type: str = ""
    plan_type: str | None = None
    rate_limits: _Windows | None = None
    metered_limit_name: str | None = None
    limit_name: str | None = None


class _Refused(msgspec.Struct):
    type: str = ""
    status_code: Any = None
    status: Any = None
    headers: Any = None


_limits = msgspec.json.Decoder(_Limits)
_refused = msgspec.json.Decoder(_Refused)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An ``error`` event, as an answer would have been."""

    status: int
    headers: Headers = field(repr=False)


def limits(data: bytes) -> Headers:
    """The headers that tell by POST what a ``codex.rate_limits`` event tells; nothing for any other message."""
    said = _decoded(_limits, data) if _LIMITS_MARK in data[:_BEGINNING] else None
    if said is None or said.type != LIMITS:
        return []
    limit = _spelled(said.metered_limit_name or said.limit_name or "") or _OWN_LIMIT
    told: dict[str, object] = {"x-codex-plan-type": said.plan_type}
    if said.metered_limit_name and said.limit_name and limit != _OWN_LIMIT:
        told[f"x-{limit}-limit-name"] = said.limit_name
    windows = said.rate_limits or _Windows()
    for place, window in (("primary", windows.primary), ("secondary", windows.secondary)):
        if window is not None:
            start = f"x-{limit}-{place}"
            told[f"{start}-used-percent"] = window.used_percent
            told[f"{start}-window-minutes"] = window.window_minutes
            told[f"{start}-reset-at"] = window.reset_at
    return _as_headers(told)


def refusal(data: bytes) -> Refusal | None:
    """The status and headers of an ``error`` event; ``None`` for any other message, and for one without a status."""
    said = _decoded(_refused, data) if _ERROR_MARK in data[:_BEGINNING] else None
    if said is None or said.type != "error":
        return None
    told = (said.status_code, said.status)
    status = next((each for each in told if isinstance(each, int) and not isinstance(each, bool)), None)
    if status is None:
        return None
    return Refusal(status, _as_headers(said.headers if isinstance(said.headers, dict) else {}))


def _as_headers(told: Mapping[str, object]) -> Headers:
    """Names in small letters; those of the body are left out: it came otherwise here."""
    found: Headers = []
    for name, value in told.items():
        low = name.strip().lower()
        if low not in _OF_THE_BODY and (text := _text(value)) is not None:
            found.append((low.encode("latin-1", "replace"), text.encode("latin-1", "replace")))
    return found


def _text(value: object) -> str | None:
    """A header's value. Proxies that pass headers on as they have them write lists."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = value[0] if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else None


def _spelled(limit: str) -> str:
    """A limit's id as names of headers have it."""
    return re.sub(r"[^a-z0-9]+", "-", limit.strip().lower()).strip("-")[:_LONGEST_NAME]


def _decoded(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
