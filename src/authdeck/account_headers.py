"""Headers that an account adds to its requests: which are allowed. Pure."""

import re
from typing import Final

FORBIDDEN: Final = frozenset(
    {
        "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "chatgpt-account-id", "cookie", "host",
        "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
        "expect", "proxy-connection", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    }
)  # fmt: skip
"""Names that carry the credential, frame the message, or say where it goes."""

_NAME: Final = re.compile(r"[A-Za-z0-9!#%&'*+.^_`|~-]{1,128}")
_VALUE: Final = re.compile(r"[\x20-\x7e\x80-\xff\t]{1,8192}")


def problem(name: str, value: str) -> str | None:
    """Why the header is not allowed, ``None`` where it is: ``forbidden``, ``not_a_name``, ``not_a_value``, ``copies_client``.

    A value beginning with ``$`` asks another program to copy the client's header: that would leak what the gateway took out.
    """
    if not _NAME.fullmatch(name):
        return "not_a_name"
    if name.lower() in FORBIDDEN or name.lower().startswith("x-authdeck-"):
        return "forbidden"
    if value.startswith("$"):
        return "copies_client"
    return None if _VALUE.fullmatch(value) else "not_a_value"
