"""Requests whose answer is passed on while it arrives."""

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from authdeck.errors import DeckError
from authdeck.exchange import Outgoing
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.http1 import Answer as Stream
from authdeck.upstream.sessions import Sessions

_REPEATABLE: Final = frozenset({"GET"})


class Streams:
    """Opens answers. Timeouts are seconds: to the first byte, and between two pieces."""

    def __init__(self, sessions: Sessions, *, first_byte_timeout: float = 300.0, idle_timeout: float = 300.0) -> None:
        self._origins: Final = sessions.origins
        self._connections: Final = sessions.connections
        self._connections.set_timeouts(first_byte_timeout, idle_timeout)

    async def open(self, outgoing: Outgoing) -> Stream:
        """The answer's status and headers, whatever they are. Raises ``UpstreamFailure``; ``header_not_sendable``.

        A POST is never sent twice: one whose connection was lost may have been carried out all the same, and only the
        client knows whether it may be repeated (RFC 9112 §9.3.1). A GET that met a connection which the provider was
        just closing is.
        """
        origin = self._origins.allows(outgoing.url)
        proxy_url = outgoing.proxy_url
        if proxy_url is not None and proxy_url.open() == "direct":
            proxy_url = None
        place = (origin, proxy_url)
        head = written(outgoing)
        connection = await self._connections.free(place)
        answer = connection.ask(head, outgoing.body, origin.host)
        try:
            await answer.begun()
        except UpstreamFailure as error:
            was_stale = connection.is_reused and not answer.is_heard and error.code == "upstream_reset"
            if not was_stale or outgoing.method not in _REPEATABLE:
                raise
            answer = (await self._connections.free(place, fresh=True)).ask(head, outgoing.body, origin.host)
            await answer.begun()
        return answer


def written(outgoing: Outgoing) -> bytes:
    """The request's head. Nothing is added but the host and the body's length. Raises ``header_not_sendable``."""
    host, target = _addressed(outgoing.url)
    lines = [f"{outgoing.method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in outgoing.headers]
    if outgoing.body or outgoing.method == "POST":
        lines.append(f"content-length: {len(outgoing.body or b'')}")
    text = "\r\n".join(lines)
    # Each line was one header; one that holds a line break of its own would be several.
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1 or "\0" in text:
        raise DeckError("header_not_sendable", status=503)
    try:
        return f"{text}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise DeckError("header_not_sendable", status=503) from None


@lru_cache(4096)
def _addressed(url: str) -> tuple[str, str]:
    """Host header and target. Path and query stand as they are: nothing is decoded, re-encoded or normalised."""
    parts = urlsplit(url)
    target = parts.path or "/"
    return parts.netloc, f"{target}?{parts.query}" if parts.query else target


__all__ = ("Stream", "Streams")
