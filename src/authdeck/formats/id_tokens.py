"""Id tokens that claim who somebody is without anybody's signature: refused in auth files, dropped when converting."""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from authdeck.fields import SEGMENT_LIMIT

UNSAFE: Final = "id_token_unsafe"
DROPPED: Final = "id_token_dropped"

_PARTS: Final = 3


def is_unsafe(document: Mapping[str, Any]) -> bool:
    """Whether the document's id token is a JWT whose header says ``alg`` none, or whose signature is empty.

    What is no JWT at all proves nothing to anybody and is left as it is.
    """
    token = document.get("id_token")
    if not isinstance(token, str):
        return False
    parts = token.strip().split(".")
    if len(parts) not in {_PARTS - 1, _PARTS}:
        return False
    header = _header(parts[0])
    if header is None:
        return False
    algorithm = header.get("alg")
    is_none = not isinstance(algorithm, str) or algorithm.strip().lower() in {"", "none"}
    return is_none or len(parts) < _PARTS or not parts[2].strip("=")


def _header(segment: str) -> dict[str, Any] | None:
    if len(segment) > SEGMENT_LIMIT:
        return None
    try:
        header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return None
    return header if isinstance(header, dict) else None
