"""Websockets to providers. The protocol is the library's (RFC 6455, sans I/O), the connection is made like all others.

Messages pass whole; pings are answered here; no compression is offered, no redirect followed.
"""

import asyncio
from collections import deque
from typing import Final, cast

from websockets import Headers
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from authdeck.event import FailureKind
from authdeck.exchange import Outgoing
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.sessions import Sessions
from authdeck.upstream.streams import written

MESSAGE_LIMIT: Final = 64 * 1024 * 1024
WAITING_LIMIT: Final = 16
"""Messages that wait for a reader before the provider has to wait."""
CLOSED_ABNORMALLY: Final = 1006

_SWITCHED: Final = 101
_OF_THE_HANDSHAKE: Final = ("sec-websocket-", "connection", "upgrade", "host")

Message = str | bytes


class Sockets:
    """Opens websockets. ``handshake_timeout`` is seconds."""

    def __init__(self, sessions: Sessions, *, handshake_timeout: float = 30.0) -> None:
        self._origins: Final = sessions.origins
        self._connections: Final = sessions.connections
        self._timeout: Final = handshake_timeout

    async def open(self, outgoing: Outgoing) -> "Socket":
        """The open websocket (``status`` 101), or the refusal: any other status, to ``read`` like an answer.

        Raises ``UpstreamFailure``; ``header_not_sendable``.
        """
        origin = self._origins.allows(outgoing.url)
        proxy_url = outgoing.proxy_url
        if proxy_url is not None and proxy_url.open() == "direct":
            proxy_url = None
        headers = [pair for pair in outgoing.headers if not pair[0].lower().startswith(_OF_THE_HANDSHAKE)]
        written(Outgoing("GET", outgoing.url, headers))  # refuses what is not sendable
        socket = Socket(outgoing.url, headers, origin.host)
        await self._connections.connect(socket, (origin, proxy_url))
        try:
            async with asyncio.timeout(self._timeout):
                await socket.opened()
        except TimeoutError:
            socket.close()
            raise UpstreamFailure(FailureKind.TIMEOUT, "upstream_timeout", sent=True, host=origin.host) from None
        except BaseException:
            socket.close()
            raise
        return socket


class Socket(asyncio.Protocol):
    """One websocket. ``status`` and ``headers`` are the handshake's, ``closed`` the other side's code once it ended."""

    def __init__(self, url: str, headers: list[tuple[str, str]], host: str) -> None:
        self._ws: Final = ClientProtocol(parse_uri(f"ws{url.removeprefix('http')}"), max_size=MESSAGE_LIMIT)
        self._ours: Final = headers
        self._host: Final = host
        self._transport: asyncio.Transport | None = None
        self._messages: Final[deque[Message]] = deque()
        self._frames: Final[list[bytes]] = []
        self._is_text = False
        self._changed: Final = asyncio.Event()
        self._writable: Final = asyncio.Event()
        self._writable.set()
        self._is_over = self._is_paused = False
        self._refusal = b""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def opened(self) -> None:
        """Wait for the answer to the handshake. Raises ``UpstreamFailure``."""
        while not self.status:
            if self._is_over:
                code = "upstream_malformed" if self._ws.handshake_exc else "upstream_reset"
                raise UpstreamFailure(FailureKind.NETWORK, code, sent=True, host=self._host)
            await self._next_change()

    async def receive(self) -> Message | None:
        """The next message, ``None`` once the other side has closed."""
        while not self._messages:
            if self._is_over:
                return None
            await self._next_change()
        message = self._messages.popleft()
        if self._is_paused and not self._messages and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return message

    async def send(self, message: Message) -> None:
        """Send a message whole. Raises ``UpstreamFailure`` where the connection has ended."""
        await self._writable.wait()
        if self._is_over or self._ws.state is not State.OPEN:
            raise UpstreamFailure(FailureKind.NETWORK, "upstream_reset", sent=True, host=self._host)
        if isinstance(message, str):
            self._ws.send_text(message.encode())
        else:
            self._ws.send_binary(message)
        self._flush()

    async def read(self) -> bytes:
        """A refusal's body, then nothing."""
        refusal, self._refusal = self._refusal, b""
        return refusal

    @property
    def closed(self) -> int:
        return self._ws.close_code or CLOSED_ABNORMALLY

    def close(self, code: int = 1000) -> None:
        if self._transport is None or self._is_over:
            return
        if self._ws.state is State.OPEN:
            self._ws.send_close(code)
            self._flush()
        self._transport.close()

    # ---- called by the loop ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        request = self._ws.connect()
        request.headers.update(Headers(self._ours))
        self._ws.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Response):
                self._answered(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()
        if isinstance(self._ws.handshake_exc, InvalidMessage) or self._ws.close_expected():
            self._end()
        self._changed.set()

    def eof_received(self) -> None:
        self._ws.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
        self._is_over = True
        self._transport = None
        self._writable.set()
        self._changed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # ---- parts ----

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _answered(self, response: Response) -> None:
        """A handshake that says 101 but fits not ours is none: its status stays unknown."""
        if response.status_code == _SWITCHED and isinstance(self._ws.handshake_exc, InvalidHandshake):
            self._end()
            return
        self.headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.raw_items()
        ]
        self._refusal = bytes(response.body or b"")
        self.status = response.status_code

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
            self._frames.clear()
        elif frame.opcode is not Opcode.CONT:
            return
        self._frames.append(bytes(frame.data))
        if frame.fin:
            whole = b"".join(self._frames)
            self._frames.clear()
            self._messages.append(whole.decode(errors="replace") if self._is_text else whole)
            if len(self._messages) >= WAITING_LIMIT and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()

    def _flush(self) -> None:
        data = b"".join(self._ws.data_to_send())
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()
