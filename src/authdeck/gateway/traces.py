"""Ids under which others know a request: the client's own trace, or the provider's id of what it refused."""

import re
from typing import Final

from authdeck.gateway.headers import Raw

_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PROVIDERS: Final = frozenset({b"x-request-id", b"request-id", b"x-oai-request-id"})
"""OpenAI, xAI and Kimi name theirs ``x-request-id``, Anthropic ``request-id``: what their support asks for."""
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def client_trace(traceparent: bytes | None) -> str | None:
    """The trace id of a W3C ``traceparent``; ``None`` where there is none, or one of another form."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    return found[1].decode() if found and found[1] != b"0" * 32 else None


def provider_trace(headers: Raw) -> str | None:
    """How the provider names its answer."""
    for name, value in headers:
        if name.lower() in _PROVIDERS and _HARMLESS.fullmatch(said := value.decode("latin-1")):
            return said
    return None
