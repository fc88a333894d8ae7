"""What can go wrong on the way to a provider, as a closed list of words."""

import asyncio
import ssl
from typing import Final

import aiohttp
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from authdeck.errors import DeckError
from authdeck.event import FailureKind


class UpstreamFailure(DeckError):
    """No usable answer arrived.

    ``sent`` says whether bytes of the request may have gone out: if so, whatever was asked for may have happened.
    ``code`` is one of ``CODES``.
    """

    def __init__(self, kind: FailureKind, code: str, *, sent: bool, host: str = "") -> None:
        super().__init__(code, status=_STATUS.get(kind, 502), host=host, origin=host)
        self.kind: Final = kind
        self.sent: Final = sent


CODES: Final = (
    "upstream_not_approved",
    "upstream_needs_https",
    "upstream_redirected",
    "upstream_address_refused",
    "upstream_name_unknown",
    "upstream_unreachable",
    "upstream_tls_failed",
    "upstream_reset",
    "upstream_malformed",
    "upstream_too_long",
    "upstream_connect_timeout",
    "upstream_timeout",
    "proxy_invalid",
    "proxy_unreachable",
    "proxy_refused",
)

_STATUS: Final = {FailureKind.TIMEOUT: 504}

# In this order: the first class that fits decides. Bytes can only have gone out once a connection stood.
_KNOWN: Final[tuple[tuple[type[BaseException], FailureKind, str, bool], ...]] = (
    (ProxyTimeoutError, FailureKind.TIMEOUT, "proxy_unreachable", False),
    (ProxyConnectionError, FailureKind.NETWORK, "proxy_unreachable", False),
    (ProxyError, FailureKind.NETWORK, "proxy_refused", False),
    (aiohttp.ClientConnectorCertificateError, FailureKind.NETWORK, "upstream_tls_failed", False),
    (aiohttp.ClientConnectorSSLError, FailureKind.NETWORK, "upstream_tls_failed", False),
    (aiohttp.ClientConnectorDNSError, FailureKind.NETWORK, "upstream_name_unknown", False),
    (aiohttp.ConnectionTimeoutError, FailureKind.TIMEOUT, "upstream_connect_timeout", False),
    (aiohttp.ClientConnectorError, FailureKind.NETWORK, "upstream_unreachable", False),
    (aiohttp.InvalidURL, FailureKind.NETWORK, "upstream_address_refused", False),
    (aiohttp.ServerTimeoutError, FailureKind.TIMEOUT, "upstream_timeout", True),
    (asyncio.TimeoutError, FailureKind.TIMEOUT, "upstream_timeout", True),
    (ssl.SSLError, FailureKind.NETWORK, "upstream_tls_failed", True),
    (aiohttp.ClientPayloadError, FailureKind.UPSTREAM, "upstream_reset", True),
    (aiohttp.ClientResponseError, FailureKind.UPSTREAM, "upstream_malformed", True),
    (aiohttp.ClientConnectionError, FailureKind.NETWORK, "upstream_reset", True),
    (OSError, FailureKind.NETWORK, "upstream_reset", True),
)

MAPPED: Final = (
    aiohttp.ClientError, asyncio.TimeoutError, OSError, ProxyError, ProxyConnectionError, ProxyTimeoutError,
)  # fmt: skip
"""What ``failure`` understands; anything else is a mistake of ours and is not hidden."""


def failure(error: BaseException, host: str) -> UpstreamFailure:
    """The failure in our words. Nothing of the original text is kept: it may name a proxy's user."""
    for known, kind, code, sent in _KNOWN:
        if isinstance(error, known):
            return UpstreamFailure(kind, code, sent=sent, host=host)
    return UpstreamFailure(FailureKind.NETWORK, "upstream_malformed", sent=True, host=host)
