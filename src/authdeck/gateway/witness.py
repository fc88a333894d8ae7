"""Watching an answer pass: its end, its tokens, an error inside. The witness reads a copy and changes nothing."""

from typing import Final

import structlog

from authdeck.event import Tokens
from authdeck.gateway.coding import Undecodable, decoder
from authdeck.gateway.headers import Raw
from authdeck.protocols.routes import ProtocolModule

_log = structlog.get_logger(__name__)


class Witness:
    """One answer's. ``streamed``: it is an event stream. A copy that can't be read leaves the tokens unknown."""

    __slots__ = ("_decoder", "_left", "_reader", "streamed")

    def __init__(self, protocol: ProtocolModule, headers: Raw) -> None:
        kind = coding = b""
        length = None
        for name, value in headers:
            if name == b"content-type":
                kind = value.lower()
            elif name == b"content-encoding":
                coding = value
            elif name == b"content-length" and value.isdigit():
                length = int(value)
        self.streamed: Final = kind.startswith(b"text/event-stream")
        self._left = length
        self._decoder = decoder(coding.decode("latin-1")) if coding else None
        self._reader = protocol.reader(self.streamed) if self.streamed or b"json" in kind else None

    @property
    def tokens(self) -> Tokens:
        return self._reader.tokens if self._reader else Tokens()

    @property
    def failure(self) -> str | None:
        return self._reader.failure if self._reader else None

    @property
    def is_whole(self) -> bool:
        """Whether a stream has said that it is at its end."""
        return self._reader is not None and (self._reader.ended or self._reader.finished)

    @property
    def lacks_its_end(self) -> bool:
        """Whether a stream that is over was not at its end; one that can't be read is not known to be."""
        return self.streamed and self._reader is not None and not self.is_whole

    @property
    def is_counted_out(self) -> bool:
        """Whether as many bytes have passed as the answer announced."""
        return self._left == 0

    def sees(self, piece: bytes) -> bool:
        """Take note of a piece; true if the answer ends with it: the terminal event, or the last counted byte."""
        if self._left is not None:
            self._left -= len(piece)
        self._read(piece)
        if self._left == 0:
            self.ends()
        return self._left == 0 or (self._reader is not None and self._reader.ended)

    def ends(self) -> None:
        """Take note that nothing follows."""
        self._read(None)

    def _read(self, piece: bytes | None) -> None:
        """``None`` at the end. An answer must pass whatever it holds: a reader that stumbles costs the token counts."""
        reader = self._reader
        if reader is None:
            return
        try:
            if piece is None:
                reader.end()
            else:
                reader.feed(piece if self._decoder is None else self._decoder.decode(piece))
        except Undecodable:
            self._reader = None
        except Exception:  # noqa: BLE001 - see above; the log has it in full
            _log.warning("answer not readable", exc_info=True)
            self._reader = None
