"""Taking failed answers apart, so that ``verdict`` can say what they mean."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from authdeck.providers import waiting
from authdeck.scrub import scrub
from authdeck.verdict import CHALLENGE, Rule, Said, Verdict, classify, judged

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

_HINTS: Final = ("x-openai-authorization-error", "x-openai-ide-error-code", "x-openai-ide-root-error-code")
_LINK_NAMES: Final = ("validation_link", "validation_url", "validationUrl")
_LINK_LIMIT: Final = 2_048

_STATUS_OF_TYPE: Final = {
    "authentication_error": 401, "permission_error": 403, "not_found_error": 404, "invalid_request_error": 400,
    "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "usage_limit_reached": 429,
    "insufficient_quota": 429, "timeout_error": 504, "api_error": 500, "server_error": 500, "overloaded_error": 529,
    "server_is_overloaded": 503, "slow_down": 503, "context_length_exceeded": 400, "invalid_prompt": 400,
}  # fmt: skip
"""Statuses that errors inside a started answer would have had."""


def read(said: Said, rules: Sequence[Rule], now: datetime, model: str | None = None) -> Verdict:
    """The verdict, with the time the answer gives."""
    until = waiting.told(said.error, said.headers, now)
    if _is_challenge(said):
        return judged(said, CHALLENGE, until=until)
    return classify(said, rules, model=model, until=until)


def take_apart(status: int, headers: Mapping[str, str], body: bytes) -> Said:
    """Never raises. A status below 400 with an error inside (a started stream) counts as that error's, else 0."""
    text = body[:_READ_AT_MOST].decode("utf-8", "replace")
    error = _innermost_error(text)
    code = " ".join(str(error[name]) for name in ("type", "code", "status") if isinstance(error.get(name), str | int))
    hints = " ".join(headers.get(name, "") for name in _HINTS)
    if status < 400:  # noqa: PLR2004 - the answer began well
        status = next((found for word in code.lower().split() if (found := _STATUS_OF_TYPE.get(word))), 0)
    summary = scrub(_message(text, error))
    return Said(status, headers, f"{text} {code} {hints}".lower(), error, summary, _link(error))


def _is_challenge(said: Said) -> bool:
    if said.headers.get("cf-mitigated", "").lower() == "challenge":
        return True
    is_page = said.text.lstrip().startswith(_PAGE_BEGINNINGS)
    return is_page and any(word in said.text for word in _CHALLENGES)


def _link(error: Mapping[str, Any]) -> str | None:
    """Where Google sends a person who has to prove something: ``Help`` links, else ``ErrorInfo`` metadata.

    Only an https address of Google's own is passed on to people. Shape: gemini-cli ``utils/googleQuotaErrors.ts``.
    """
    offered: list[object] = []
    for detail in _objects(error.get("details")):
        links = [link for link in _objects(detail.get("links")) if not _is_learn_more(link)]
        metadata = detail.get("metadata")
        said = metadata if isinstance(metadata, dict) else {}
        offered += [*(link.get("url") for link in links), *(said.get(name) for name in _LINK_NAMES)]
    return next((link for link in offered if isinstance(link, str) and _is_googles(link)), None)


def _objects(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _is_learn_more(link: Mapping[str, Any]) -> bool:
    return str(link.get("description", "")).strip().lower() == "learn more"


def _is_googles(link: str) -> bool:
    try:
        address = urlsplit(link)
        host = address.hostname or ""
    except ValueError:
        return False
    is_plain = len(link) <= _LINK_LIMIT and address.username is None and link.isprintable() and " " not in link
    return is_plain and address.scheme == "https" and (host == "google.com" or host.endswith(".google.com"))


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
