"""The only file that touches ciphers. ``docs/vault-format.md`` describes every byte; change neither alone.

Everything here is a pure function of its arguments, except that a nonce not given is drawn at random.
"""

import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authdeck.errors import DeckError

FORMAT: Final = 1
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_HEADER: Final = struct.Struct(">BBI8s12s")  # format, purpose, term, place tag, nonce
SHORTEST: Final = _HEADER.size + TAG_BYTES


class Purpose(IntEnum):
    """What the bytes are for. A number is never given a second meaning."""

    ROW = 1  # a secret of a table's row, under a seal term
    TERM = 2  # a term's key, under the master key
    CHECK = 3  # a known text, under the master key
    BACKUP_KEY = 4  # a backup's key, under the master key
    BACKUP = 5  # a piece of a backup, under the backup's key
    PASSING = 6  # a piece of what lies on disk for a moment, under a key that is never written down


@dataclass(frozen=True, slots=True)
class Place:
    """The one row a sealed secret belongs to: it opens nowhere else. ``number`` is 0 to 2**64 - 1."""

    table: str
    row: str
    number: int = 0

    def encoded(self) -> bytes:
        return _framed(self.table.encode()) + _framed(self.row.encode()) + struct.pack(">Q", self.number)

    def tag(self) -> bytes:
        """Tells swapped rows apart from damage. Not a secret, and no protection: the associated data is that."""
        return hashlib.sha256(self.encoded()).digest()[:8]


@dataclass(frozen=True, slots=True)
class Header:
    """The clear part of sealed bytes."""

    purpose: int
    term: int
    place_tag: bytes
    nonce: bytes


def read_header(sealed: bytes) -> Header:
    """Raises ``sealed_format_unknown`` and ``sealed_too_short``; checks nothing else."""
    if sealed and sealed[0] != FORMAT:
        raise DeckError("sealed_format_unknown", status=500, format=sealed[0])
    if len(sealed) < SHORTEST:
        raise DeckError("sealed_too_short", status=500, length=len(sealed), shortest=SHORTEST)
    _, purpose, term, place_tag, nonce = _HEADER.unpack_from(sealed)
    return Header(purpose, term, place_tag, nonce)


class Cipher:
    """AES-256-GCM under one key, bound to purpose and place. Holds no state between calls, so threads may share it."""

    def __init__(self, key: bytes) -> None:
        self._aead: Final = AESGCM(key)

    def seal(self, plain: bytes, place: Place, *, purpose: Purpose, term: int, nonce: bytes | None = None) -> bytes:
        """``nonce`` is for test vectors alone: one used twice under a key gives the key's secrets away."""
        nonce = nonce or secrets.token_bytes(NONCE_BYTES)
        header = _HEADER.pack(FORMAT, purpose, term, place.tag(), nonce)
        return header + self._aead.encrypt(nonce, plain, _associated(purpose, place))

    def open(self, sealed: bytes, place: Place, *, purpose: Purpose) -> bytes:
        """Raises ``sealed_misplaced`` where the bytes are another row's, ``sealed_damaged`` where they were changed."""
        header = read_header(sealed)
        if header.purpose != purpose or header.place_tag != place.tag():
            raise DeckError("sealed_misplaced", status=500, table=place.table, row=place.row, number=place.number)
        try:
            return self._aead.decrypt(header.nonce, sealed[_HEADER.size :], _associated(purpose, place))
        except InvalidTag:
            raise DeckError(
                "sealed_damaged", status=500, table=place.table, row=place.row, number=place.number
            ) from None


def keyed_hash(key: bytes, purpose: str, text: str) -> str:
    """HMAC-SHA256 as 64 hex digits. The same text under another purpose gives an unrelated hash."""
    return hmac.digest(key, _framed(purpose.encode()) + text.encode(errors="surrogatepass"), "sha256").hex()


def new_key() -> bytes:
    return secrets.token_bytes(32)


def _associated(purpose: Purpose, place: Place) -> bytes:
    return bytes((FORMAT, purpose)) + place.encoded()


def _framed(part: bytes) -> bytes:
    """Length first, so that no two places read alike."""
    return struct.pack(">I", len(part)) + part
