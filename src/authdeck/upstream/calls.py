"""Whole requests to providers: token endpoints, quota queries, sign-ins. A POST is never repeated here."""

from typing import Final

import aiohttp

from authdeck.event import FailureKind
from authdeck.exchange import Outgoing, Reply
from authdeck.upstream.failures import MAPPED, UpstreamFailure, failure
from authdeck.upstream.sessions import Sessions, parsed

REPLY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of an answer, decompressed."""


class Calls:
    """Sends a request and reads the whole answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def send(self, outgoing: Outgoing) -> Reply:
        """The answer, whatever its status. Redirects are answers like any other.

        Raises ``UpstreamFailure``; its ``sent`` tells whether the request may have arrived.
        """
        host = self._sessions.origins.allows(outgoing.url).host
        session = self._sessions.through(outgoing.proxy_url)
        try:
            async with session.request(
                outgoing.method,
                parsed(outgoing.url),
                headers=outgoing.headers,
                data=outgoing.body,
                allow_redirects=False,
                auto_decompress=True,
                timeout=aiohttp.ClientTimeout(
                    total=outgoing.timeout, sock_connect=min(self._sessions.connect_timeout, outgoing.timeout)
                ),
            ) as response:
                body = await _read(response, host)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, headers, body)
        except MAPPED as error:
            raise failure(error, host) from None


async def _read(response: aiohttp.ClientResponse, host: str) -> bytes:
    pieces = bytearray()
    while piece := await response.content.readany():
        pieces += piece
        if len(pieces) > REPLY_LIMIT:
            raise UpstreamFailure(FailureKind.UPSTREAM, "upstream_too_long", sent=True, host=host)
    return bytes(pieces)
