"""Which headers pass, in both directions."""

from collections.abc import Iterable, Sequence
from typing import Final

Raw = Sequence[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings",
    }
)  # fmt: skip
_NOT_PASSED_ON: Final = _HOP_BY_HOP | {
    b"host", b"content-length", b"expect", b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"cookie2",
    b"origin", b"referer", b"forwarded", b"via", b"x-real-ip", b"accept-encoding", b"chatgpt-account-id",
    b"true-client-ip", b"cf-connecting-ip",
}  # fmt: skip
_NOT_PASSED_BACK: Final = _HOP_BY_HOP | {
    b"set-cookie", b"set-cookie2", b"strict-transport-security", b"clear-site-data", b"refresh", b"location",
    b"content-location", b"alt-svc", b"nel", b"report-to", b"reporting-endpoints", b"content-security-policy",
    b"content-security-policy-report-only", b"x-content-type-options", b"service-worker-allowed", b"www-authenticate",
    b"date", b"server", b"via",
}  # fmt: skip
_OURS: Final = ((b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox; default-src 'none'"))

LONGEST_WAIT: Final = 120
"""Seconds that a client is told to wait at most. Some wait as long as they are told, others give up above this."""
_WAITS: Final = {b"retry-after": LONGEST_WAIT, b"retry-after-ms": LONGEST_WAIT * 1000}
DONT_RETRY: Final = (b"x-should-retry", b"false")
"""What the SDKs of OpenAI and Anthropic heed: they say what is wrong at once instead of waiting for nothing."""

READABLE_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "identity"})
"""Codings of an answer that the witness can read; no other is asked for."""


def passed_on(raw: Raw) -> list[tuple[str, str]]:
    """The client's headers for the provider, lower case: without its credential, cookies, and where it came from."""
    named = _named_by_connection(raw)
    kept: list[tuple[str, str]] = []
    for name, value in raw:
        if name in _NOT_PASSED_ON or name in named:
            if name == b"accept-encoding" and (codings := _readable(value.decode("latin-1"))):
                kept.append(("accept-encoding", codings))
        elif not name.startswith((b"x-forwarded-", b"x-authdeck-")):
            kept.append((name.decode("latin-1"), value.decode("latin-1")))
    return kept


def passed_back(raw: Raw, added: Iterable[tuple[bytes, bytes]] = ()) -> list[tuple[bytes, bytes]]:
    """The provider's headers for the client; nothing that sets state in a browser: its origin is the console's."""
    named = _named_by_connection(raw)
    kept = [
        pair
        for pair in raw
        if pair[0] not in _NOT_PASSED_BACK
        and pair[0] not in named
        and not pair[0].startswith((b"access-control-", b"x-authdeck-"))
    ]
    kept += _OURS
    kept += added
    return kept


def with_bounded_wait(raw: Raw) -> list[tuple[bytes, bytes]]:
    """A refusal's headers without a wait that no client should keep to."""
    kept = [pair for pair in raw if pair[0] not in _WAITS]
    waits = [(name, value.strip()) for name, value in raw if name in _WAITS]
    bounded = [(name, value) for name, value in waits if value.isdigit() and int(value[:12]) <= _WAITS[name]]
    if len(bounded) < len(waits):
        return [*kept, wait(LONGEST_WAIT), DONT_RETRY]
    return kept + bounded


def wait(seconds: float) -> tuple[bytes, bytes]:
    """``Retry-After``, bounded."""
    return b"retry-after", str(min(LONGEST_WAIT, max(1, round(seconds)))).encode()


def own(content_type: bytes, body: bytes, added: Iterable[tuple[bytes, bytes]] = ()) -> list[tuple[bytes, bytes]]:
    """Headers of an answer of ours."""
    return [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_OURS,
        *added,
    ]


def _named_by_connection(raw: Raw) -> frozenset[bytes]:
    """Headers that ``Connection`` names concern this hop only."""
    named: frozenset[bytes] = frozenset()
    for name, value in raw:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            named |= {word.strip().lower() for word in value.split(b",")}
    return named


def _readable(value: str) -> str:
    parts = (part.strip() for part in value.split(","))
    return ", ".join(part for part in parts if part.partition(";")[0].strip().lower() in READABLE_CODINGS)
