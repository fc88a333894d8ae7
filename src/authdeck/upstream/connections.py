"""Connections to providers for answers under way: made, kept for the next request, watched, ended.

One pool for each origin and proxy. What a connection does between requests is nobody's concern but this file's: an idle
one goes after a while, before the provider closes it under a request if that can be helped.
"""

import asyncio
import socket
import ssl
from collections import defaultdict
from math import inf
from typing import Final, cast
from weakref import WeakKeyDictionary

import aiohappyeyeballs
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from python_socks.async_.asyncio.v2 import Proxy

from authdeck import tasks
from authdeck.event import FailureKind
from authdeck.secret import Secret
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.http1 import Answer, Connection
from authdeck.upstream.origins import Origin, Origins

KEEP_ALIVE: Final = 30.0
"""Seconds; shorter than any provider's, so that few requests meet a closing connection."""
NAMES_KEPT: Final = 30.0
"""Seconds that the addresses of a name are remembered."""
MARGIN: Final = 1.0
"""Seconds before the moment at which the other side says that it closes an idle connection."""
LOOKS: Final = 4
"""How often within the shortest time-out connections are looked at."""

_DELAY: Final = 0.25  # until the next address is tried beside the first: RFC 8305 §8

# A proxy's library hands over a transport together with its writer, which would close it when nobody holds it any more.

Place = tuple[Origin, Secret | None]
_Found = list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]]


class Connections:
    """All of a process. Made before the loop runs; opens what is needed. ``close`` ends everything."""

    def __init__(self, origins: Origins, *, connect_timeout: float = 10.0, tls: ssl.SSLContext | None = None) -> None:
        self._origins: Final = origins
        self._connect_timeout: Final = connect_timeout
        self._tls = tls
        self._idle: Final[defaultdict[Place, list[Connection]]] = defaultdict(list)
        self._places: Final[dict[Connection, Place]] = {}
        self._names: Final[dict[tuple[str, int], tuple[float, asyncio.Task[_Found]]]] = {}
        self._writers: Final[WeakKeyDictionary[asyncio.Protocol, asyncio.StreamWriter]] = WeakKeyDictionary()
        self._look: asyncio.TimerHandle | None = None
        self._first_byte = self._between = 300.0

    def set_timeouts(self, first_byte: float, between: float) -> None:
        """Seconds until an answer begins, and between two pieces of it."""
        self._first_byte, self._between = first_byte, between

    def __len__(self) -> int:
        return len(self._places)

    async def free(self, place: Place, *, fresh: bool = False) -> Connection:
        """One to ask on: an idle one unless ``fresh``, else a new one. Raises ``UpstreamFailure``, nothing sent."""
        idle = self._idle[place]
        while idle and not fresh:
            connection = idle.pop()
            if connection.is_usable:
                return connection
        return await self._made(place)

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for connection in list(self._places):
            connection.end()
        for _, resolving in self._names.values():
            resolving.cancel()
        self._names.clear()
        while self._places:  # noqa: ASYNC110 - the loop tells each connection that it is lost in its next turn
            await asyncio.sleep(0)

    # ---- kept ----

    def _freed(self, connection: Connection) -> None:
        place = self._places.get(connection)
        if place is not None:
            self._idle[place].append(connection)

    def _lost(self, connection: Connection) -> None:
        place = self._places.pop(connection, None)
        if place is not None and (idle := self._idle.get(place)) is not None:
            if connection in idle:
                idle.remove(connection)
            if not idle:
                del self._idle[place]

    def _look_again(self) -> None:
        """Look after time-outs from time to time: that costs less than a timer for each piece."""
        if self._look is None and self._places:
            often = min(1.0, self._first_byte / LOOKS, self._between / LOOKS)
            self._look = asyncio.get_running_loop().call_later(often, self._look_after)

    def _look_after(self) -> None:
        self._look = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._places):
            self._end_if_late(connection, now)
        self._look_again()

    def _end_if_late(self, connection: Connection, now: float) -> None:
        answer, silent = connection.answer, now - connection.heard
        if answer is None:
            keeps = KEEP_ALIVE if connection.keeps is None else min(KEEP_ALIVE, connection.keeps - MARGIN)
            if silent >= keeps:
                connection.end()
        elif silent >= self._patience(connection, answer):
            connection.end(UpstreamFailure(FailureKind.TIMEOUT, "upstream_timeout", sent=True, host=answer.host))

    def _patience(self, connection: Connection, answer: Answer) -> float:
        """Seconds. A provider that waits for our reader is not silent."""
        if connection.is_waiting_for_its_reader:
            return inf
        return self._between if answer.is_begun else self._first_byte

    # ---- made ----

    async def connect(self, protocol: asyncio.Protocol, place: Place) -> None:
        """Make a connection for ``protocol``, which is its own from then on. Raises ``UpstreamFailure``."""
        origin, proxy_url = place
        try:
            async with asyncio.timeout(self._connect_timeout):
                if proxy_url is None:
                    await self._connect(protocol, origin)
                else:
                    await self._connect_through(protocol, origin, proxy_url)
        except (OSError, ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise _not_made(error, origin.host, is_proxied=proxy_url is not None) from None

    async def _made(self, place: Place) -> Connection:
        connection = Connection(asyncio.get_running_loop(), self._freed, self._lost)
        await self.connect(connection, place)
        if not connection.is_usable:  # closed before we came to it
            raise UpstreamFailure(FailureKind.NETWORK, "upstream_reset", sent=False, host=place[0].host)
        self._places[connection] = place
        self._look_again()
        return connection

    async def _connect(self, protocol: asyncio.Protocol, origin: Origin) -> None:
        found = await self._addresses(origin.host, origin.port)
        reached = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_DELAY, interleave=1)
        try:
            reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            secure = self._context() if origin.scheme == "https" else None
            await asyncio.get_running_loop().create_connection(
                lambda: protocol, sock=reached, ssl=secure, server_hostname=origin.host if secure else None
            )
        except BaseException:
            reached.close()
            raise

    async def _connect_through(self, protocol: asyncio.Protocol, origin: Origin, proxy_url: Secret) -> None:
        """By way of ``socks4``, ``socks5``, ``socks5h``, ``http`` or ``https``; names are resolved by the proxy."""
        scheme, _, rest = proxy_url.open().partition("://")
        spoken = {"socks5h": "socks5", "https": "http"}.get(scheme, scheme)
        try:
            proxy = Proxy.from_url(f"{spoken}://{rest}", rdns=True, proxy_ssl=_context() if scheme == "https" else None)
        except ValueError:
            raise UpstreamFailure(FailureKind.NETWORK, "proxy_invalid", sent=False) from None
        secure = self._context() if origin.scheme == "https" else None
        stream = await proxy.connect(origin.host, origin.port, dest_ssl=secure, timeout=self._connect_timeout)
        transport = cast("asyncio.Transport", stream.writer.transport)
        self._writers[protocol] = stream.writer
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    async def _addresses(self, host: str, port: int) -> _Found:
        """What the name stands for now, each address checked. Those who ask meanwhile wait for the same answer."""
        loop = asyncio.get_running_loop()
        until, resolving = self._names.get((host, port), (0.0, None))
        if resolving is None or until < loop.time() or (resolving.done() and resolving.cancelled()):
            resolving = tasks.start(_resolved(host, port), name="resolve")
            self._names[host, port] = loop.time() + NAMES_KEPT, resolving
        try:
            found = await asyncio.shield(resolving)
        except OSError:
            self._names.pop((host, port), None)
            raise UpstreamFailure(FailureKind.NETWORK, "upstream_name_unknown", sent=False, host=host) from None
        for *_, address in found:
            self._origins.check_address(host, port, address[0].partition("%")[0])
        return found

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _context()
        return self._tls


async def _resolved(host: str, port: int) -> _Found:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [tuple(each) for each in found]  # type: ignore[misc]


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _not_made(error: Exception, host: str, *, is_proxied: bool) -> UpstreamFailure:
    kind, code = FailureKind.NETWORK, "upstream_unreachable"
    if isinstance(error, ProxyTimeoutError):
        kind, code = FailureKind.TIMEOUT, "proxy_unreachable"
    elif isinstance(error, ProxyConnectionError):
        code = "proxy_unreachable"
    elif isinstance(error, ProxyError):
        code = "proxy_refused"
    elif isinstance(error, TimeoutError):
        kind, code = FailureKind.TIMEOUT, "proxy_unreachable" if is_proxied else "upstream_connect_timeout"
    elif isinstance(error, ssl.SSLError):
        code = "upstream_tls_failed"
    return UpstreamFailure(kind, code, sent=False, host=host)
