"""Requests whose answer is passed on while it arrives."""

from collections.abc import Sequence
from typing import Final

import aiohttp

from authdeck.exchange import Outgoing
from authdeck.upstream.failures import MAPPED, failure
from authdeck.upstream.sessions import Sessions, parsed

_REPEATS: Final = 2
"""How often a request that met a closing connection is sent again: no byte of an answer had arrived."""


class Stream:
    """An answer under way. ``headers`` are lower-case names and raw values in the order they came.

    ``read`` gives what has arrived, as it was sent (never decompressed), and ``b""`` at the proper end. Either it is
    read to its end or ``close`` is called; both give the connection back or end it.
    """

    __slots__ = ("_content", "_host", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, host: str) -> None:
        self._response: Final = response
        self._content: Final = response.content
        self._host: Final = host
        self.status: Final = response.status
        self.headers: Final[Sequence[tuple[bytes, bytes]]] = [
            (name.lower(), value) for name, value in response.raw_headers
        ]

    async def read(self) -> bytes:
        """The next piece. Raises ``UpstreamFailure`` when the answer breaks off, or nothing comes for too long."""
        try:
            return await self._content.readany()
        except MAPPED as error:
            raise failure(error, self._host) from None

    def close(self) -> None:
        """Stop: what has not been read is not wanted. A connection whose answer is complete is kept."""
        self._response.close()


class Streams:
    """Opens answers. Timeouts are seconds: to the first byte, and between two pieces."""

    def __init__(self, sessions: Sessions, *, first_byte_timeout: float = 300.0, idle_timeout: float = 300.0) -> None:
        self._sessions = sessions
        self._idle: Final = idle_timeout
        self._differ: Final = idle_timeout != first_byte_timeout
        self._timeout: Final = aiohttp.ClientTimeout(
            total=None, sock_connect=sessions.connect_timeout, sock_read=first_byte_timeout
        )

    async def open(self, outgoing: Outgoing) -> Stream:
        """The answer's status and headers, whatever they are. Raises ``UpstreamFailure``.

        A request that met a connection which the other side was just closing is sent again: that is no failure of the
        provider's, and nothing was answered.
        """
        host = self._sessions.origins.allows(outgoing.url).host
        session = self._sessions.through(outgoing.proxy_url)
        for left in range(_REPEATS, -1, -1):
            try:
                response = await self._request(session, outgoing)
            except aiohttp.ServerDisconnectedError as error:
                if not left:
                    raise failure(error, host) from None
            except MAPPED as error:
                raise failure(error, host) from None
            else:
                return Stream(response, host)
        raise AssertionError("the last repeat returns or raises")

    async def _request(self, session: aiohttp.ClientSession, outgoing: Outgoing) -> aiohttp.ClientResponse:
        response = await session.request(
            outgoing.method,
            parsed(outgoing.url),
            headers=outgoing.headers,
            data=outgoing.body,
            allow_redirects=False,
            timeout=self._timeout,
        )
        if self._differ and response.connection is not None and response.connection.protocol is not None:
            response.connection.protocol.read_timeout = self._idle
        return response
