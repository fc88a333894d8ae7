"""Reading an answer on its way through: tokens, the terminal event, an error inside the stream."""

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from authdeck.event import Tokens
from authdeck.protocols.events import Events, payload

BODY_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a JSON answer that are kept for reading; of a longer one, tokens stay unknown."""

_SAFE_CODE: Final = re.compile(r"[a-z0-9_.-]{1,64}")


class Reader(Protocol):
    """Sees a copy of an answer's bytes and never changes them.

    ``tokens`` are what was reported so far. ``ended``: the protocol's terminal event has been seen. ``finished``: the
    answer said why it stops, which is all there is where a provider sends no terminal event. ``failure`` is the code
    of an error that the answer itself reports.
    """

    tokens: Tokens
    ended: bool
    finished: bool
    failure: str | None

    def feed(self, piece: bytes) -> None: ...

    def end(self) -> None:
        """Say that the last byte has been fed."""
        ...


class StreamReader:
    """An event stream. ``marks``: an event without any of these byte strings is passed over unread."""

    __slots__ = ("_events", "_marks", "_read", "ended", "failure", "finished", "tokens")

    def __init__(self, read: Callable[["StreamReader", bytes], None], marks: tuple[bytes, ...]) -> None:
        self.tokens = Tokens()
        self.ended = self.finished = False
        self.failure: str | None = None
        self._read: Final = read
        self._marks: Final = marks
        self._events: Final = Events()

    def feed(self, piece: bytes) -> None:
        for event in self._events.feed(piece):
            self._take(event)

    def end(self) -> None:
        for event in self._events.end():
            self._take(event)

    def _take(self, event: bytes) -> None:
        if any(mark in event for mark in self._marks):
            self._read(self, event)


class BodyReader:
    """A whole JSON answer, read when its last byte is there."""

    __slots__ = ("_body", "_lost", "_read", "ended", "failure", "finished", "tokens")

    def __init__(self, read: Callable[["BodyReader", bytes], None]) -> None:
        self.tokens = Tokens()
        self.ended = self.finished = False
        self.failure: str | None = None
        self._read: Final = read
        self._body = bytearray()
        self._lost = False

    def feed(self, piece: bytes) -> None:
        if self._lost or len(self._body) + len(piece) > BODY_LIMIT:
            self._lost, self._body = True, bytearray()
        else:
            self._body += piece

    def end(self) -> None:
        if not self._lost:
            self._read(self, bytes(self._body))


def decoded(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    """What the decoder makes of it, ``None`` where it is something else: an answer is never refused for its form."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def event_data(event: bytes) -> bytes:
    return payload(event)


def safe_code(*candidates: object) -> str:
    """The first of these that looks like a code and not like prose or a secret."""
    for candidate in candidates:
        if isinstance(candidate, str) and _SAFE_CODE.fullmatch(candidate.lower()):
            return candidate.lower()
    return "upstream_error"
