"""Connections to providers for whole calls: one pool for direct ones, and one for each proxy."""

import socket
import ssl
from functools import lru_cache
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp_socks import ProxyConnector
from yarl import URL

from authdeck.event import FailureKind
from authdeck.secret import Secret
from authdeck.upstream.connections import Connections
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.origins import Origins

OWN_HEADERS: Final = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
"""What aiohttp would add by itself. What a client sent is passed on as it is, and nothing is added."""

_KEEP_ALIVE: Final = 30.0  # seconds; shorter than any provider's, so that few requests meet a closing connection


class Sessions:
    """The only place that opens connections. No cookies, no redirects, no proxies from the environment.

    Made before the loop runs; connections open when they are needed. ``close`` ends them all. ``tls`` says whom to
    trust, by default the system's authorities.
    """

    def __init__(self, origins: Origins, *, connect_timeout: float = 10.0, tls: ssl.SSLContext | None = None) -> None:
        self.origins: Final = origins
        self.connect_timeout: Final = connect_timeout
        self.connections: Final = Connections(origins, connect_timeout=connect_timeout, tls=tls)
        self._direct: aiohttp.ClientSession | None = None
        self._by_proxy: dict[Secret, aiohttp.ClientSession] = {}

    def through(self, proxy_url: Secret | None) -> aiohttp.ClientSession:
        """The pool for that proxy; ``None`` or ``direct`` is none. Raises ``UpstreamFailure('proxy_invalid')``."""
        if proxy_url is None or proxy_url.open() == "direct":
            if self._direct is None:
                resolver = CheckedResolver(self.origins)
                self._direct = _session(
                    aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE, resolver=resolver, ttl_dns_cache=30)
                )
            return self._direct
        if proxy_url not in self._by_proxy:
            self._by_proxy[proxy_url] = _session(_proxied(proxy_url.open()))
        return self._by_proxy[proxy_url]

    async def close(self) -> None:
        sessions = [*self._by_proxy.values(), *([self._direct] if self._direct else [])]
        self._direct, self._by_proxy = None, {}
        for session in sessions:
            await session.close()
        await self.connections.close()


class CheckedResolver(AbstractResolver):
    """Resolves names, and refuses addresses that the name's approval does not cover."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._resolver: Final = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            self._origins.check_address(host, port, result["host"].partition("%")[0])
        return found

    async def close(self) -> None:
        await self._resolver.close()


@lru_cache(4096)
def parsed(url: str) -> URL:
    """The URL with its path and query as they stand: nothing is decoded, re-encoded or normalised."""
    return URL(url, encoded=True)


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=OWN_HEADERS,
        auto_decompress=False,
        trust_env=False,
        max_field_size=32 * 1024,  # content-security-policy and rate-limit headers can be long
    )


def _proxied(url: str) -> ProxyConnector:
    """A pool through ``socks4``, ``socks5``, ``socks5h``, ``http`` or ``https``; names are resolved by the proxy."""
    scheme, _, rest = url.partition("://")
    proxy_ssl = ssl.create_default_context() if scheme == "https" else None
    spoken = {"socks5h": "socks5", "https": "http"}.get(scheme, scheme)
    try:
        return ProxyConnector.from_url(
            f"{spoken}://{rest}", rdns=True, proxy_ssl=proxy_ssl, limit=0, keepalive_timeout=_KEEP_ALIVE
        )
    except ValueError:
        raise UpstreamFailure(FailureKind.NETWORK, "proxy_invalid", sent=False) from None
