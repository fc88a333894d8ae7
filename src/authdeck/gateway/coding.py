"""Compressed bodies: opening a client's within limits, and reading along in a provider's."""

import io
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

from authdeck.errors import DeckError

_PIECE: Final = 256 * 1024
_WINDOW: Final = 64 * 1024 * 1024
_READ_ALONG_LIMIT: Final = 64 * 1024 * 1024
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BROKEN: Final = (zlib.error, brotli.error, zstandard.ZstdError, EOFError)


class Undecodable(Exception):
    """The copy can't be read on; what passes is not concerned."""


class Decoder(Protocol):
    def decode(self, piece: bytes, /) -> bytes:
        """Raises ``Undecodable``."""
        ...


def opened(body: bytes, coding: str, *, limit: int, ratio: int) -> bytes:
    """The request body behind ``Content-Encoding`` ``coding``, at most ``limit`` bytes and ``ratio`` times its size.

    Raises ``DeckError``: ``body_encoding_unknown`` (415), ``body_undecodable`` (400), ``body_too_large`` (413).
    """
    names = [name.strip().lower() for name in coding.split(",") if name.strip().lower() not in ("", "identity")]
    if len(names) > 1:
        raise DeckError("body_encoding_unknown", status=415, encoding=coding[:64])
    if not names:
        return body
    allowed = min(limit, max(len(body) * ratio, _PIECE))
    found = bytearray()
    try:
        for piece in _pieces(names[0], body):
            found += piece
            if len(found) > allowed:
                raise DeckError("body_too_large", status=413, limit=allowed)
    except _BROKEN:
        raise DeckError("body_undecodable", encoding=names[0]) from None
    return bytes(found)


def decoder(coding: str) -> Decoder | None:
    """Something that reads along, ``None`` for bytes that are not coded."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Zlib()
    return _Brotli() if name == "br" else _Unreadable()


def _pieces(name: str, body: bytes) -> Iterator[bytes]:
    if name in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(body)
    elif name == "br":
        yield from _unbrotlied(body)
    elif name == "zstd":
        source = io.BytesIO(body)
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(source, read_across_frames=True)
        while piece := reader.read(_PIECE):
            yield piece
    else:
        raise DeckError("body_encoding_unknown", status=415, encoding=name[:64])


def _inflated(body: bytes) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
    rest = body
    while rest and not inflate.eof:
        yield inflate.decompress(rest, _PIECE)
        rest = inflate.unconsumed_tail
    yield inflate.flush()
    if not inflate.eof:
        raise EOFError


def _unbrotlied(body: bytes) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    yield decompressor.process(body, output_buffer_limit=_PIECE)
    while not decompressor.is_finished():
        piece = decompressor.process(b"", output_buffer_limit=_PIECE)
        if not piece:
            raise EOFError
        yield piece


class _Zlib:
    def __init__(self) -> None:
        self._inflate: Final = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._left = _READ_ALONG_LIMIT

    def decode(self, piece: bytes) -> bytes:
        found = bytearray()
        try:
            while piece and not self._inflate.eof:
                found += self._inflate.decompress(piece, _PIECE)
                piece = self._inflate.unconsumed_tail
                if len(found) > self._left:
                    raise Undecodable
        except zlib.error:
            raise Undecodable from None
        self._left -= len(found)
        return bytes(found)


class _Brotli:
    def __init__(self) -> None:
        self._decompressor: Final = brotli.Decompressor()
        self._left = _READ_ALONG_LIMIT

    def decode(self, piece: bytes) -> bytes:
        try:
            found = bytearray(self._decompressor.process(piece, output_buffer_limit=_PIECE))
            while not self._decompressor.can_accept_more_data() and len(found) <= self._left:
                found += self._decompressor.process(b"", output_buffer_limit=_PIECE)
        except brotli.error:
            raise Undecodable from None
        if len(found) > self._left:
            raise Undecodable
        self._left -= len(found)
        return bytes(found)


class _Unreadable:
    def decode(self, _piece: bytes, /) -> bytes:
        raise Undecodable
