"""The token call: asking for new tokens, and telling apart what its answer means.

The four outcomes are kept apart exactly: a token that may have been rotated is never called "failed".
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from authdeck import fields
from authdeck.clock import rfc3339
from authdeck.credential import Credential
from authdeck.exchange import Outgoing, Refreshed, RefreshOutcome, Reply
from authdeck.providers.waiting import retry_after

PERMANENT: Final = frozenset(
    {
        "invalid_grant", "refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated",
        "invalid_refresh_token", "token_revoked", "token_invalidated", "token_expired", "account_deactivated",
    }
)  # fmt: skip
"""Error codes after which the same refresh token will never be taken again."""

_FORM: Final = "application/x-www-form-urlencoded"
_CODE: Final = re.compile(r"[a-z0-9_.:-]{1,64}")
_LONGEST: Final = 10**9
_TOKENS: Final = ("access_token", "refresh_token", "id_token")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,65536}")
"""Printable ASCII, as RFC 6749 has it: what can be stored in a file and sent in a header."""


def by_form(url: str, values: Mapping[str, str], credential: Credential) -> Outgoing:
    body = urlencode(values).encode()
    headers = [("content-type", _FORM), ("accept", "application/json")]
    return Outgoing("POST", url, headers, body, proxy_url=credential.sends.proxy_url)


def by_json(url: str, values: Mapping[str, str], credential: Credential) -> Outgoing:
    headers = [("content-type", "application/json"), ("accept", "application/json")]
    return Outgoing("POST", url, headers, json.dumps(values).encode(), proxy_url=credential.sends.proxy_url)


def read(
    reply: Reply, document: Mapping[str, Any], now: datetime, *, refusing: frozenset[int] = frozenset()
) -> Refreshed:
    """What the token endpoint's answer means.

    A 2xx with an access or refresh token is ``ok``; any other 2xx is ``unknown``: the token may be rotated and its
    successor lost. A permanent code, or a JSON answer with a status in ``refusing``, is ``refused``; else ``failed``.
    """
    answer = _object(reply.body)
    if 200 <= reply.status < 300:  # noqa: PLR2004 - success
        return _rotated(answer, document, now)
    code = error_code(answer)
    wait = retry_after(reply.headers, now)
    if code in PERMANENT and 400 <= reply.status < 500 and reply.status not in (408, 429):  # noqa: PLR2004
        return Refreshed(RefreshOutcome.REFUSED, code)
    if reply.status in refusing and answer is not None and code not in ("invalid_client", "unauthorized_client"):
        return Refreshed(RefreshOutcome.REFUSED, code or "refresh_token_rejected")
    return Refreshed(RefreshOutcome.FAILED, code or f"http_{reply.status}", retry_after=wait)


def error_code(answer: Mapping[str, Any] | None) -> str:
    """The machine's word in an error: ``error`` as text, ``error.code``, ``code``, ``error.type``; else empty."""
    if answer is None:
        return ""
    error = answer.get("error")
    inside: Mapping[str, Any] = error if isinstance(error, dict) else {}
    for value in (error, inside.get("code"), answer.get("code"), inside.get("type"), answer.get("detail")):
        if isinstance(value, str) and _CODE.fullmatch(code := value.strip().lower()):
            return code
    return ""


def _rotated(answer: Mapping[str, Any] | None, document: Mapping[str, Any], now: datetime) -> Refreshed:
    changes: dict[str, object] = {name: text for name in _TOKENS if answer and (text := _token(answer, name))}
    if answer is None or not ("access_token" in changes or "refresh_token" in changes):
        return Refreshed(RefreshOutcome.UNKNOWN, "answer_without_tokens")
    if "access_token" in changes:
        changes |= _dates(answer, changes["access_token"], document, now)
    changes["last_refresh"] = rfc3339(now.replace(microsecond=0))
    return Refreshed(RefreshOutcome.OK, changes=changes)


def _token(answer: Mapping[str, Any], name: str) -> str | None:
    said = fields.text(answer, name)
    return said if said is not None and _TOKEN.fullmatch(said) else None


def _dates(answer: Mapping[str, Any], access: object, document: Mapping[str, Any], now: datetime) -> dict[str, object]:
    """The new token's end. An end that is not known replaces a stale one, which would call a fresh token expired.

    ``expires_in`` and ``timestamp`` follow only in files that have them: other programs read them together.
    """
    lasts, made = _lifetime(answer.get("expires_in")), now.replace(microsecond=0)
    end = made + lasts if lasts is not None else fields.moment(fields.jwt_claims(str(access)).get("exp"))
    changes: dict[str, object] = {}
    if end is not None:
        changes["expired"] = rfc3339(end)
    else:
        changes |= dict.fromkeys((name for name in fields.EXPIRY_KEYS if name in document), "")
    if lasts is not None and "expires_in" in document:
        changes["expires_in"] = int(lasts.total_seconds())
    if "timestamp" in document:
        changes["timestamp"] = int(made.timestamp() * 1000)
    return changes


def _lifetime(said: Any) -> timedelta | None:
    """``expires_in`` as a number or a text of digits."""
    seconds = float(said) if isinstance(said, str) and said.isascii() and said.isdigit() else said
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < _LONGEST:
        return None
    return timedelta(seconds=seconds)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
