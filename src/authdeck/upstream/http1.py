"""HTTP/1.1 as a client, on one connection: a request out, its answer in, piece by piece as it arrives.

The parser is llhttp, strict: an answer with two lengths, a length beside chunks, a broken chunk or a bare line feed is
no answer. Only GET and POST are sent, so that every answer's end follows from its own head (RFC 9112 §6.3).
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from authdeck.event import FailureKind
from authdeck.upstream.failures import UpstreamFailure

HEAD_LIMIT: Final = 128 * 1024
"""Bytes of an answer's head, of a trailer, and of chunks without content in a row."""
BUFFER_LIMIT: Final = 256 * 1024
"""Bytes that wait for a reader before the provider has to wait."""
INTERIM_LIMIT: Final = 8
"""Interim answers (1xx) before the one that counts."""

_INTERIM: Final = range(100, 200)
_SWITCHING: Final = 101
_VERSIONS: Final = frozenset({"1.1", "1.0"})
_WITHOUT_BODY: Final = frozenset({204, 304})


class Answer:
    """An answer under way. ``headers`` are lower-case names and raw values in the order they came.

    ``read`` gives what has arrived, as it was sent (never decompressed), and ``b""`` at the proper end. Either it is
    read to its end or ``close`` is called; both give the connection back or end it. ``is_counted``: its end was
    announced by a length or chunks; else the end of the connection is its end, and nobody can tell that from a break.
    """

    __slots__ = (
        "_buffered", "_connection", "_failure", "_pieces", "_waiter", "headers", "host", "is_begun", "is_complete",
        "is_counted", "is_heard", "status",
    )  # fmt: skip

    def __init__(self, connection: "Connection", host: str) -> None:
        self._connection: Final = connection
        self._pieces: Final[list[bytes]] = []
        self._buffered = 0
        self._failure: UpstreamFailure | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.host: Final = host
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_heard = self.is_begun = self.is_complete = self.is_counted = False

    async def begun(self) -> None:
        """Wait for status and headers. Raises ``UpstreamFailure``; the connection is over then, as when cancelled."""
        try:
            while not self.is_begun:
                await self._something()
        except BaseException:
            self.close()
            raise

    async def read(self) -> bytes:
        """The next piece. Raises ``UpstreamFailure`` when the answer breaks off, or nothing comes for too long."""
        while not self._pieces:
            if self.is_complete:
                return b""
            await self._something()
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        if self._connection.answer is self:
            self._connection.resume()
        return piece

    @property
    def is_over(self) -> bool:
        """Whether it came to its proper end and all of it was read."""
        return self.is_complete and not self._pieces

    def must_be_whole(self) -> None:
        """Raises ``UpstreamFailure`` where nobody can tell that nothing is missing."""
        if not self.is_counted:
            raise UpstreamFailure(FailureKind.UPSTREAM, "upstream_reset", sent=True, host=self.host)

    def close(self) -> None:
        """Stop: what has not been read is not wanted. A connection whose answer is complete is kept."""
        if not self.is_complete and self._failure is None:
            self._failure = UpstreamFailure(FailureKind.NETWORK, "upstream_reset", sent=True, host=self.host)
            self._connection.end()

    async def _something(self) -> None:
        """Wait for the next thing to happen. Raises what has failed."""
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # ---- for the connection ----

    def take(self, piece: bytes) -> bool:
        """Keep a piece; false when so much waits that no more should come."""
        self._pieces.append(piece)
        self._buffered += len(piece)
        return self._buffered < BUFFER_LIMIT

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, failure: UpstreamFailure) -> None:
        if not self.is_complete and self._failure is None:
            self._failure = failure
            self.wake()


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. ``freed`` is told when it can take the next, ``lost`` when it is over.

    ``heard`` is the loop's time at which something last happened, ``keeps`` for how many seconds the other side says
    that it keeps an idle connection.
    """

    __slots__ = (
        "__weakref__",
        "_answer",
        "_freed",
        "_interims",
        "_is_interim",
        "_is_paused",
        "_is_spoiled",
        "_loop",
        "_lost",
        "_parser",
        "_transport",
        "_unread",
        "heard",
        "is_reused",
        "keeps",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        freed: Callable[["Connection"], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        self._loop: Final = loop
        self._freed: Final = freed
        self._lost: Final = lost
        self._parser: Final = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._interims = self._unread = 0
        self._is_interim = self._is_paused = self._is_spoiled = False
        self.heard = loop.time()
        self.keeps: float | None = None
        self.is_reused = False

    @property
    def is_usable(self) -> bool:
        """Whether the next request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    @property
    def answer(self) -> Answer | None:
        """What is under way."""
        return self._answer

    @property
    def is_waiting_for_its_reader(self) -> bool:
        """Whether it is silent because nobody takes what has come."""
        return self._is_paused

    def ask(self, head: bytes, body: bytes | None, host: str) -> Answer:
        """Send a request; its answer, not begun yet."""
        assert self._transport is not None
        answer = self._answer = Answer(self, host)
        self.heard = self._loop.time()
        self._interims = 0
        if body:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        return answer

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.heard = self._loop.time()
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def end(self, failure: UpstreamFailure | None = None) -> None:
        """Close at once; what is under way fails."""
        if self._answer is not None and failure is not None:
            self._answer.fail(failure)
        self._is_spoiled = True
        if self._transport is not None:
            self._transport.abort()

    # ---- called by the loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:  # nobody asked, and it must not become the answer to the next request
            self.end()
            return
        self.heard = self._loop.time()
        self._unread += len(data)
        answer.is_heard = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.end(_malformed(answer.host))
        else:
            if self._unread > HEAD_LIMIT and not answer.is_complete:
                self.end(_malformed(answer.host))
        if answer.is_complete:
            self._is_free()
        answer.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        answer, self._answer, self._transport = self._answer, None, None
        if answer is not None and not answer.is_complete:
            if answer.is_begun and not answer.is_counted and exc is None and not self._is_spoiled:
                answer.is_complete = True  # it was to end so
                answer.wake()
            else:
                kind = FailureKind.UPSTREAM if answer.is_begun else FailureKind.NETWORK
                answer.fail(UpstreamFailure(kind, "upstream_reset", sent=True, host=answer.host))
        self._lost(self)

    # ---- called by the parser ----

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.is_complete:
            self._is_spoiled = True  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and not self._answer.is_begun:  # else a trailer: of no use to anybody here
            self._answer.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        answer = self._answer
        if answer is None or answer.is_complete:
            return
        status = self._parser.get_status_code()
        self._is_interim = status in _INTERIM
        if self._is_interim:
            self._interims += 1
            answer.headers = []
            if status == _SWITCHING or self._interims > INTERIM_LIMIT:
                raise HttpParserError
            return
        if self._parser.get_http_version() not in _VERSIONS:
            raise HttpParserError
        self._unread = 0
        answer.status = status
        answer.is_counted = status in _WITHOUT_BODY
        self._read_framing(answer)
        answer.is_begun = True

    def on_body(self, body: bytes) -> None:
        answer = self._answer
        if answer is None or answer.is_complete:
            return
        self._unread = 0
        if not answer.take(body) and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        answer = self._answer
        if self._is_interim:
            self._is_interim = False
        elif answer is not None:
            self._unread = 0
            answer.is_complete = answer.is_counted = True
            self._is_spoiled = self._is_spoiled or not self._parser.should_keep_alive()

    def _read_framing(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == b"content-length":
                answer.is_counted = True
            elif name == b"transfer-encoding":
                if value.strip().lower() != b"chunked":  # a coding below the body that would be lost on the way
                    raise HttpParserError
                answer.is_counted = True
            elif name == b"keep-alive":
                self.keeps = _kept(value)

    def _is_free(self) -> None:
        """The answer is whole: free for the next, unless something about it says that nothing more should follow."""
        transport, self._answer = self._transport, None
        self.is_reused = True
        if self._is_spoiled or transport is None or transport.get_write_buffer_size():
            self.end()  # also where it was answered before the request was all sent
        else:
            self.resume()
            self._freed(self)


def _malformed(host: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.UPSTREAM, "upstream_malformed", sent=True, host=host)


def _kept(value: bytes) -> float | None:
    """Seconds of ``Keep-Alive: timeout=5, max=100``."""
    for part in value.split(b","):
        name, _, text = part.strip().partition(b"=")
        if name.lower() == b"timeout" and text.isdigit():
            return float(text[:6])
    return None
