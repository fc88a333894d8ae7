"""Reading the fields of auth files: texts, moments in every spelling, and what a JWT says. Pure.

Nothing here verifies a signature: what a file's token says is a claim, not a proof.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

EXPIRY_KEYS: Final = ("expired", "expire", "expires_at", "expiresAt", "expiry", "expires")
REFRESH_KEYS: Final = ("last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt")
SEGMENT_LIMIT: Final = 16_384
"""Characters a segment of a JWT may have."""

_MILLISECONDS_FROM: Final = 10**12
_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
_JWT_PARTS: Final = 3


def text(document: Mapping[str, Any], *names: str) -> str | None:
    """The first of the named fields that is a non-blank text, trimmed."""
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and (trimmed := value.strip()):
            return trimmed
    return None


def moment(value: Any) -> datetime | None:
    """UTC from RFC 3339, ``YYYY-MM-DD HH:MM[:SS]``, or unix seconds (above 1e12: milliseconds); else ``None``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_unix(value)
    if not isinstance(value, str):
        return None
    written = value.strip()
    try:
        return _from_unix(float(written)) if _is_number(written) else _from_written(written)
    except (ValueError, OverflowError):
        return None


def expiry(document: Mapping[str, Any]) -> datetime | None:
    """When the file says its access token ends, by the first spelling that can be read, ``token`` inside included."""
    return _first_moment(document, EXPIRY_KEYS)


def last_refresh(document: Mapping[str, Any]) -> datetime | None:
    """When the file says its tokens were made; ``timestamp`` (unix ms) where it keeps nothing better."""
    return _first_moment(document, (*REFRESH_KEYS, "timestamp"))


def jwt_claims(token: str | None) -> Mapping[str, Any]:
    """The payload of a JWT, **unverified**. Empty for anything that is not one, or whose segments are too long."""
    parts = token.split(".") if token else []
    if len(parts) != _JWT_PARTS or not parts[1] or max(map(len, parts)) > SEGMENT_LIMIT:
        return {}
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return {}
    return payload if isinstance(payload, dict) else {}


def _first_moment(document: Mapping[str, Any], keys: tuple[str, ...]) -> datetime | None:
    inside = [document.get("token"), document.get("Token")]
    for place in (document, *(part for part in inside if isinstance(part, dict))):
        for key in keys:
            if (found := moment(place.get(key))) is not None:
                return found
    return None


def _from_unix(value: float) -> datetime | None:
    if value > _LAST_SECOND * 1000:  # an integer of hundreds of digits can't even be divided
        return None
    seconds = value / 1000 if value > _MILLISECONDS_FROM else value
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= _LAST_SECOND else None


def _from_written(written: str) -> datetime:
    parsed = datetime.fromisoformat(written)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _is_number(written: str) -> bool:
    return written.replace(".", "", 1).isdigit() and written.isascii()
