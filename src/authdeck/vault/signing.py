"""Signing what leaves, so that its receiver can tell that it is ours and new: HMAC-SHA256 over ``timestamp.body``."""

import hashlib
import hmac

from authdeck.secret import Secret


def signature(secret: Secret, timestamp: int, body: bytes) -> str:
    """As the header carries it: ``v1=`` and 64 hex digits. ``timestamp`` is Unix seconds."""
    signed = b"%d." % timestamp + body
    return "v1=" + hmac.new(secret.open().encode(), signed, hashlib.sha256).hexdigest()
