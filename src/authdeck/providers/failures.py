"""Reading failed answers: one table of what a status and the words in the body mean.

A provider puts its own rules before ``COMMON``; the first rule that fits wins. A status alone never says that an
account is done for: only words do.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authdeck.event import FailureKind
from authdeck.exchange import Observation
from authdeck.providers import waiting
from authdeck.scrub import scrub

_READ_AT_MOST: Final = 65_536
_CHALLENGES: Final = (
    "cf_chl",
    "__cf_chl_tk",
    "challenge-platform",
    "cf-challenge",
    "just a moment",
    "attention required! | cloudflare",
)
_PAGE_BEGINNINGS: Final = ("<!doctype", "<html", "<head", "<body")
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?(?:</(?:script|style)>|$)|<[^>]*>?", re.IGNORECASE | re.DOTALL)

_ANY: Final[frozenset[int]] = frozenset()
_AUTH_STATUSES: Final = frozenset({400, 401, 403})
_SERVER_STATUSES: Final = frozenset(range(500, 600))

_STATUS_OF_TYPE: Final = {
    "authentication_error": 401, "permission_error": 403, "not_found_error": 404, "invalid_request_error": 400,
    "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "usage_limit_reached": 429,
    "insufficient_quota": 429, "timeout_error": 504, "api_error": 500, "server_error": 500, "overloaded_error": 529,
    "server_is_overloaded": 503, "slow_down": 503, "context_length_exceeded": 400, "invalid_prompt": 400,
}  # fmt: skip
"""Statuses that errors inside a started answer would have had."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an answer with one of ``statuses`` (none: any) and one of ``words`` (none: any) means.

    ``of_model``: it concerns the model asked for, not the account.
    """

    kind: FailureKind
    code: str
    statuses: frozenset[int] = _ANY
    words: tuple[str, ...] = ()
    elsewhere: bool = False
    refreshable: bool = False
    of_model: bool = False

    def fits(self, status: int, text: str) -> bool:
        return (not self.statuses or status in self.statuses) and (
            not self.words or any(word in text for word in self.words)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A failed answer taken apart. ``text`` is lower case; ``error`` is the innermost error object, or empty."""

    status: int
    headers: Mapping[str, str]
    text: str
    error: Mapping[str, Any]
    message: str


COMMON: Final[tuple[Rule, ...]] = (
    Rule(FailureKind.AUTH, "workspace_deactivated", frozenset({402}), ("deactivated_workspace",), elsewhere=True),
    Rule(FailureKind.AUTH, "account_deactivated", _AUTH_STATUSES, ("account_deactivated",), elsewhere=True),
    Rule(
        FailureKind.AUTH,
        "token_revoked",
        frozenset({401, 403}),
        (
            "token_revoked",
            "token_invalidated",
            "invalidated_oauth_token",
            "invalidated oauth token",
            "oauth token revoked",
            "token has been revoked",
            "token has been invalidated",
        ),
        elsewhere=True,
        refreshable=True,
    ),
    Rule(
        FailureKind.AUTH,
        "token_expired",
        frozenset({401, 403}),
        ("token_expired", "token is expired", "token has expired", "jwt expired"),
        elsewhere=True,
        refreshable=True,
    ),
    Rule(FailureKind.AUTH, "unauthorized", frozenset({401}), elsewhere=True, refreshable=True),
    Rule(FailureKind.QUOTA, "payment_required", frozenset({402}), elsewhere=True),
    Rule(FailureKind.QUOTA, "usage_limit_reached", frozenset({429}), ("usage_limit_reached",), elsewhere=True),
    Rule(
        FailureKind.QUOTA,
        "insufficient_quota",
        frozenset({429, 403}),
        ("insufficient_quota", "exceeded_current_quota", "exceeded your current quota", "billing_hard_limit"),
        elsewhere=True,
    ),
    Rule(FailureKind.QUOTA, "rate_limited", frozenset({429}), elsewhere=True, of_model=True),
    Rule(FailureKind.AUTH, "permission_denied", frozenset({403}), elsewhere=True),
    Rule(FailureKind.TIMEOUT, "upstream_timeout", frozenset({408, 504}), elsewhere=True),
    Rule(FailureKind.UPSTREAM, "overloaded", frozenset({503, 529}), elsewhere=True),
    Rule(FailureKind.UPSTREAM, "server_error", _SERVER_STATUSES, elsewhere=True),
    Rule(FailureKind.REQUEST, "model_not_found", frozenset({400, 404}), ("model_not_found",), of_model=True),
    Rule(FailureKind.REQUEST, "not_found", frozenset({404})),
    Rule(FailureKind.REQUEST, "too_large", frozenset({413})),
    Rule(
        FailureKind.REQUEST,
        "context_too_long",
        frozenset({400, 422}),
        ("context_length_exceeded", "prompt is too long"),
    ),
    Rule(FailureKind.REQUEST, "cancelled", frozenset({499})),
    Rule(FailureKind.REQUEST, "invalid_request", frozenset(range(400, 500))),
    Rule(FailureKind.UPSTREAM, "broken_answer", elsewhere=True),
)

_CHALLENGE: Final = Rule(FailureKind.UPSTREAM, "challenge", elsewhere=True)


def read(
    answer: Answer, rules: Sequence[Rule], now: datetime, model: str | None = None, until: datetime | None = None
) -> Observation:
    """The first rule that fits, and the time the answer gives, unless the provider's file found a better ``until``."""
    rule = _CHALLENGE if _is_challenge(answer) else next(
        rule for rule in (*rules, *COMMON) if rule.fits(answer.status, answer.text)
    )  # fmt: skip
    return Observation(
        kind=rule.kind,
        code=rule.code,
        summary=scrub(answer.message),
        elsewhere=rule.elsewhere,
        refreshable=rule.refreshable,
        until=_until(rule, answer, now, until),
        scope=model if rule.of_model else None,
    )


def take_apart(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Never raises. A status below 400 with an error inside (a started stream) counts as that error's status."""
    text = body[:_READ_AT_MOST].decode("utf-8", "replace")
    error = _innermost_error(text)
    code = " ".join(str(error[name]) for name in ("type", "code", "status") if isinstance(error.get(name), str | int))
    hints = " ".join(headers.get(name, "") for name in ("x-openai-authorization-error", "x-openai-ide-error-code"))
    if status < 400:  # noqa: PLR2004 - the answer began well
        status = next((found for word in code.lower().split() if (found := _STATUS_OF_TYPE.get(word))), 502)
    return Answer(status, headers, f"{text} {code} {hints}".lower(), error, _message(text, error))


def _until(rule: Rule, answer: Answer, now: datetime, better: datetime | None) -> datetime | None:
    if rule.kind not in (FailureKind.QUOTA, FailureKind.UPSTREAM):
        return None
    return better or waiting.from_body(answer.error, now) or waiting.from_headers(answer.headers, now)


def _is_challenge(answer: Answer) -> bool:
    if answer.headers.get("cf-mitigated", "").lower() == "challenge":
        return True
    is_page = answer.text.lstrip().startswith(_PAGE_BEGINNINGS)
    return is_page and any(word in answer.text for word in _CHALLENGES)


def _innermost_error(text: str) -> Mapping[str, Any]:
    """The error object of the shapes in use: ``{error: {…}}``, ``{response: {error}}``, ``[{error}]``, ``{detail}``."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found = found[0] if isinstance(found, list) and found else found
    for name in ("response", "error", "detail"):
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    return found if isinstance(found, dict) else {}


def _message(text: str, error: Mapping[str, Any]) -> str:
    said = next(
        (
            error[name]
            for name in ("message", "error", "detail", "error_description")
            if isinstance(error.get(name), str)
        ),
        None,
    )
    if said is not None:
        return str(said)
    return _TAGS.sub(" ", text[:8192]) if text.lstrip().lower().startswith("<") else text
