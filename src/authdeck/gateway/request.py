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
        "_clock", "_ending", "_head", "_heard", "_idle", "_is_read", "_is_slow", "_looking", "_named", "_receive",
        "_send", "_watcher", "began", "errand", "event", "headers", "id", "is_gone", "is_late", "is_over",
        "is_recorded", "is_stalled", "is_started", "method", "path", "query", "raw_path", "waited",
    )  # fmt: skip

    def __init__(self, scope: Message, receive: Receive, send: Send, clock: Clock) -> None:
        self._receive: Final = receive
        self._send: Final = send
        self._clock: Final = clock
        self._watcher: asyncio.Task[Message] | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._idle = self._heard = 0.0
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
        self.is_started = self.is_over = self.is_gone = self.is_late = self.is_stalled = self.is_recorded = False
        self._is_read = self._is_slow = False

    def header(self, name: bytes) -> bytes | None:
        """Look up by lower-case name; the first where there are several."""
        if self._named is None:
            self._named = dict(reversed(self.headers))
        return self._named.get(name)

    def forget_names(self) -> None:
        """Headers are seldom looked up any more; then it takes a little longer."""
        self._named = None

    def elapsed_ms(self) -> float:
        return (self._clock.monotonic() - self.began) * 1000

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises ``DeckError('body_too_large')`` above ``limit`` bytes, and ``ClientGone``."""
        try:
            body = await self._whole(limit)
        except BaseException:
            self._stop_looking()  # nobody reads on: what comes now is no sign that the client left
            raise
        self._is_read = True
        if self._is_slow and (serving := asyncio.current_task()) is not None:
            self._stop_looking()
            self._begin_watch(serving)
        return body

    async def _whole(self, limit: int) -> bytes:
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
            if self._is_slow:
                self._heard = self._clock.monotonic()
            message = await self._receive()
        raise ClientGone

    def watch(self, idle: float, total: float) -> None:
        """Cancel the current task when the client leaves, its body stalls, or ``total`` seconds are over.

        Which it was: ``is_gone``, ``is_stalled`` (nothing came for ``idle`` seconds), ``is_late``. Called before
        ``body``; one that is there at once costs no timer of its own.
        """
        serving, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert serving is not None
        self._idle, self._heard = idle, self.began
        self._looking = loop.call_later(min(WATCH_AFTER, idle), self._look, serving)
        self._ending = loop.call_later(total, self._too_late, serving)

    def _look(self, serving: "asyncio.Task[object]") -> None:
        """Whether the body still comes; once it is there, whether the client is still there."""
        self._looking = None
        if self._is_read:
            self._begin_watch(serving)
        elif (left := self._heard + self._idle - self._clock.monotonic()) > 0:
            self._is_slow = True
            self._looking = asyncio.get_running_loop().call_later(left, self._look, serving)
        else:
            self.is_stalled = True
            serving.cancel()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

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
        self._stop_looking()
        if self._ending is not None:
            self._ending.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def start(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], *, with_first_piece: bool = False
    ) -> None:
        """Begin the answer; or have it begin with its first piece, so that both leave in one write."""
        self.event.status = status
        head = {"type": "http.response.start", "status": status, "headers": headers}
        if with_first_piece:
            self._head = head
        else:
            await self._begin(head)

    async def _begin(self, head: Message) -> None:
        self._head = None
        self.is_started = True
        await self._send(head)

    async def piece(self, body: bytes, *, more: bool) -> None:
        if self._head is not None:
            await self._begin(self._head)
        if not more:
            self.is_over = True
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def fails(self, failure: Failure) -> None:
        self.event.failure = failure


async def _received(receive: Receive) -> Message:
    return await receive()
