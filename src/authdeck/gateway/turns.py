"""A turn on a websocket as monitoring sees it, and the client's side of the connection."""

from typing import Final

from authdeck.account import Account
from authdeck.clock import Clock
from authdeck.event import Failure, FailureKind, RequestEvent
from authdeck.gateway.request import Receive, Send
from authdeck.gateway.wanted import Failed
from authdeck.ids import new_request_id
from authdeck.operations.client_keys import ClientKey
from authdeck.protocols import openai_responses
from authdeck.protocols.reading import Reader
from authdeck.upstream.sockets import Message

ABNORMAL: Final = 1011

_IN_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_OK: Final = 200


class Turn:
    """One question on a websocket and its answer, as monitoring sees it."""

    def __init__(self, clock: Clock, endpoint: str, key: ClientKey, trace: str | None = None) -> None:
        self._clock: Final = clock
        self._began = self._heard = clock.monotonic()
        at_ms = int(clock.now().timestamp() * 1000)
        self.event: Final = RequestEvent(
            new_request_id(at_ms), at_ms, endpoint, client_key=key.name, status=_OK, streamed=True, trace=trace
        )
        self.reader: Final[Reader] = openai_responses.reader(streamed=True)
        self.id: Final = self.event.id.hex()
        self.is_recorded = self.is_passed_on = self.is_refused = False
        self.waited = 0.0

    def elapsed_ms(self) -> float:
        return (self._clock.monotonic() - self._began) * 1000

    def silent_ms(self) -> float:
        return (self._clock.monotonic() - self._heard) * 1000

    def serves(self, account: Account) -> None:
        self.event.auth_index, self.event.file_name = account.auth_index, account.file_name
        self.event.provider, self.event.project = account.provider.value, account.settings.project_id

    def hears(self, data: bytes) -> None:
        """Take note of a message that is passed on."""
        self._heard = self._clock.monotonic()
        self.is_passed_on = True
        if self.event.ttfb_ms is None:
            self.event.ttfb_ms = self.elapsed_ms()
        self.reader.feed(b"data: " + data.translate(_IN_ONE_LINE) + b"\n\n")
        if self.reader.failure is not None and self.event.failure is None:
            self.fails(Failure(FailureKind.UPSTREAM, self.reader.failure))

    def fails(self, failure: Failure) -> None:
        self.event.failure = failure

    def ends_refused(self, failed: Failed) -> None:
        """An ``error`` event came instead of an answer."""
        self.is_refused = True
        if failed.status is not None:
            self.event.status = failed.status
        self.fails(Failure(failed.verdict.kind, failed.verdict.code, failed.verdict.summary))

    def goes_on(self) -> None:
        """Another account has taken it over."""
        self.event.failure, self.event.status, self.is_refused = None, _OK, False


class Client:
    """The client's side, over ASGI."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive: Final = receive
        self._send: Final = send

    async def accept(self) -> None:
        await self._send({"type": "websocket.accept"})

    async def receive(self) -> Message | None:
        """The next message; ``None`` when the client has left."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, message: Message) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", kind: message})

    async def close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code if _may_be_sent(code) else ABNORMAL})


def _may_be_sent(code: int) -> bool:
    """RFC 6455 §7.4: some codes only say what was seen, and are never sent."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999  # noqa: PLR2004 - the RFC's ranges
