"""Fictional tokens. They look like the providers' own and like nothing real: every one says FAKE."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

SIGNATURE: Final = base64.urlsafe_b64encode(b"signature FAKE").rstrip(b"=").decode()


def unsigned_jwt(claims: Mapping[str, Any]) -> str:
    """Three non-empty parts, so that clients parse it, and a signature that proves nothing."""
    return f"{_part({'alg': 'RS256', 'kid': 'FAKE', 'typ': 'JWT'})}.{_part(claims)}.{SIGNATURE}"


def claims_of(jwt: str) -> dict[str, Any]:
    middle = jwt.split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert isinstance(decoded, dict)
    return decoded


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()
