"""One client request under way: reading it, answering it, noticing that the client left, and its event."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from authdeck import tasks
from authdeck.clock import Clock
from authdeck.errors import DeckError
from authdeck.event import Failure, RequestEvent
from authdeck.gateway.errand import errand_of
from authdeck.gateway.headers import Raw
from authdeck.ids import new_request_id

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


WATCH_AFTER: Final = 0.05
"""Seconds before anybody looks whether the client is still there: an answer that is over by then needs no watch."""

NO_ROUTE: Final = "(no route)"
"""The endpoint of what we have no route for, in monitoring: one name, whatever callers make up."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Request:
    """A client's request. ``event`` grows as it goes on; ``id`` is what the client gets to name it by.

    ``waited`` are the seconds it spent waiting for new tokens.
    """

    __slots__ = (
        "_clock", "_head", "_named", "_receive", "_send", "_timers", "_watcher", "began", "errand", "event", "headers",
        "id", "is_gone", "is_late", "is_over", "is_recorded", "is_started", "method", "path", "query", "raw_path",
        "waited",
    )  # fmt: skip

    def __init__(self, scope: Message, receive: Receive, send: Send, clock: Clock) -> None:
        self._receive: Final = receive
        self._send: Final = send
        self._clock: Final = clock
        self._watcher: asyncio.Task[Message] | None = None
        self._timers: tuple[asyncio.TimerHandle, ...] = ()
        self._head: Message | None = None
        self._named: dict[bytes, bytes] | None = None
        self.method: Final[str] = scope["method"]
        self.path: Final[str] = scope["path"]
        self.raw_path: Final[bytes] = scope.get("raw_path") or self.path.encode()
        self.query: Final[str] = scope["query_string"].decode("latin-1")
        self.headers: Final[Raw] = scope["headers"]
        self.errand: Final = errand_of(scope)
        self.began: Final = clock.monotonic()
        at_ms = int(clock.now().timestamp() * 1000)
        self.event: Final = RequestEvent(new_request_id(at_ms), at_ms, NO_ROUTE)
        self.id: Final = self.event.id.hex()
        self.waited = 0.0
        self.is_started = self.is_over = self.is_gone = self.is_late = self.is_recorded = False

    def header(self, name: bytes) -> bytes | None:
        """Look up by lower-case name; the first where there are several."""
        if self._named is None:
            self._named = dict(reversed(self.headers))
        return self._named.get(name)

    def elapsed_ms(self) -> float:
        return (self._clock.monotonic() - self.began) * 1000

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises ``DeckError('body_too_large')`` above ``limit`` bytes, and ``ClientGone``."""
        announced = self.header(b"content-length")
        if announced is not None and announced.isdigit() and int(announced) > limit:
            raise DeckError("body_too_large", status=413, limit=limit)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return bytes(message.get("body", b""))
        pieces = bytearray()
        while message["type"] == "http.request":
            pieces += message.get("body", b"")
            if len(pieces) > limit:
                raise DeckError("body_too_large", status=413, limit=limit)
            if not message.get("more_body"):
                return bytes(pieces)
            message = await self._receive()
        raise ClientGone

    def watch(self, seconds: float) -> None:
        """Cancel the current task when the client leaves (``is_gone``), or ``seconds`` are over (``is_late``).

        Called after ``body``.
        """
        serving, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert serving is not None
        self._timers = (
            loop.call_later(WATCH_AFTER, self._begin_watch, serving),
            loop.call_later(seconds, self._too_late, serving),
        )

    def _too_late(self, serving: "asyncio.Task[object]") -> None:
        if not self.is_over:
            self.is_late = True
            serving.cancel()

    def _begin_watch(self, serving: "asyncio.Task[object]") -> None:
        def left(_: "asyncio.Task[Message]") -> None:
            if not self.is_over:
                self.is_gone = True
                serving.cancel()

        self._watcher = tasks.start(_received(self._receive), name="client watch")
        self._watcher.add_done_callback(left)

    def unwatch(self) -> None:
        self.is_over = True
        for timer in self._timers:
            timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def start(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], *, with_first_piece: bool = False
    ) -> None:
        """Begin the answer; or have it begin with its first piece, so that both leave in one write."""
        self.event.status = status
        self._head = {"type": "http.response.start", "status": status, "headers": headers}
        if not with_first_piece:
            await self._begin()

    async def _begin(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self.is_started = True
            await self._send(head)

    async def piece(self, body: bytes, *, more: bool) -> None:
        await self._begin()
        if not more:
            self.is_over = True
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def fails(self, failure: Failure) -> None:
        self.event.failure = failure


async def _received(receive: Receive) -> Message:
    return await receive()
