"""Cutting an event stream into events, whatever the pieces it arrives in. Bytes only; memory is bounded."""

from typing import Final

EVENT_LIMIT: Final = 2 * 1024 * 1024
"""Bytes of one event that are kept; of a longer one, only the beginning is."""

_HEAD: Final = 512


class Events:
    """Feed it pieces, get the events that are complete, with line feeds as line ends."""

    __slots__ = ("_after_return", "_head", "_rest", "limit")

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self.limit: Final = limit
        self._rest = bytearray()
        self._head: bytes | None = None
        self._after_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        piece = self._with_newlines(piece)
        if not self._rest and self._head is None and piece.endswith(b"\n\n") and len(piece) <= self.limit:
            return piece[:-2].split(b"\n\n")
        return self._cut(piece)

    def end(self) -> list[bytes]:
        """The last event, where no empty line followed it."""
        rest = self._head if self._head is not None else bytes(self._rest)
        self._rest, self._head = bytearray(), None
        return [rest] if rest.strip() else []

    def _cut(self, piece: bytes) -> list[bytes]:
        found: list[bytes] = []
        seen = max(0, len(self._rest) - 1)
        self._rest += piece
        start = 0
        while (end := self._rest.find(b"\n\n", max(start, seen))) >= 0:
            found.append(self._head if self._head is not None else bytes(self._rest[start:end]))
            self._head = None
            start = end + 2
        del self._rest[:start]
        if len(self._rest) > self.limit:
            self._head = self._head if self._head is not None else bytes(self._rest[:_HEAD])
            del self._rest[:-1]
        return found

    def _with_newlines(self, piece: bytes) -> bytes:
        """A stream may end lines by CR LF, CR or LF, and a CR LF may come in two pieces."""
        if self._after_return and piece:
            self._after_return = False
            if piece.startswith(b"\n"):
                piece = piece[1:]
        if b"\r" not in piece:
            return piece
        self._after_return = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def payload(event: bytes) -> bytes:
    """The event's data lines, joined."""
    data = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return data[0] if len(data) == 1 else b"\n".join(data)
