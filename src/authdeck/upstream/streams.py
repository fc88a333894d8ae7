"""Requests whose answer is passed on while it arrives."""

from collections.abc import Sequence
from typing import Final

import aiohttp

from authdeck.exchange import Outgoing
from authdeck.upstream.failures import MAPPED, failure
from authdeck.upstream.sessions import Sessions, parsed


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

        Nothing is sent twice: a request whose connection was lost may have been carried out all the same, and only the
        client knows whether it may be repeated (RFC 9112 §9.3.1).
        """
        host = self._sessions.origins.allows(outgoing.url).host
        try:
            return Stream(await self._request(self._sessions.through(outgoing.proxy_url), outgoing), host)
        except MAPPED as error:
            raise failure(error, host) from None

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
