"""The file that a backup is: lines, packed, in sealed pieces. ``docs/backup-format.md`` describes every byte.

A piece opens only in its own place of its own backup, and the last one says that it is the last: a file that was cut,
mended or put together from two is refused before anything is made of it.
"""

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import zstandard

from authdeck.errors import DeckError
from authdeck.vault import backups
from authdeck.vault.backups import BackupCipher
from authdeck.vault.keys import MasterKey

FORMAT: Final = 1
MAGIC: Final = b"authdeck backup "
PIECE: Final = 1 << 20
_LONGEST: Final = PIECE + 1024
_LONGEST_HEADER: Final = 4096
_LENGTH: Final = struct.Struct(">I")
_MORE, _LAST = b"\x00", b"\x01"
_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Header:
    """The clear part: which backup of which installation it is, and its key under that installation's master key."""

    backup: str
    installation: str
    wrapped: bytes


class Writer:
    """``line`` each line, then ``end``."""

    def __init__(self, file: BinaryIO, header: Header, cipher: BackupCipher) -> None:
        self._file: Final = file
        self._cipher: Final = cipher
        self._packer: Final = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._waiting = bytearray()
        self._number = 0
        clear = {
            "backup": header.backup,
            "installation": header.installation,
            "key": base64.b64encode(header.wrapped).decode(),
        }
        file.write(MAGIC + str(FORMAT).encode() + b"\n" + json.dumps(clear).encode() + b"\n")

    def line(self, text: bytes) -> None:
        self._waiting += self._packer.compress(text + b"\n")
        while len(self._waiting) > PIECE:
            self._piece(_MORE, bytes(self._waiting[:PIECE]))
            del self._waiting[:PIECE]

    def end(self) -> None:
        self._waiting += self._packer.flush()
        while len(self._waiting) > PIECE:
            self._piece(_MORE, bytes(self._waiting[:PIECE]))
            del self._waiting[:PIECE]
        self._piece(_LAST, bytes(self._waiting))

    def _piece(self, flag: bytes, content: bytes) -> None:
        sealed = self._cipher.seal(flag + content, self._number)
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1


def read_header(file: BinaryIO) -> Header:
    """Raises ``backup_unknown`` where the file is none, ``backup_format_newer``, and ``backup_damaged``."""
    first = file.readline(_LONGEST_HEADER)
    if not first.startswith(MAGIC):
        raise DeckError("backup_unknown")
    version = first.removeprefix(MAGIC).strip()
    if version != str(FORMAT).encode():
        raise DeckError("backup_format_newer", found=version.decode(errors="replace")[:16], known=FORMAT)
    try:
        clear = json.loads(file.readline(_LONGEST_HEADER))
        return Header(str(clear["backup"]), str(clear["installation"]), base64.b64decode(clear["key"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise DeckError("backup_damaged", piece=0) from error


def read_lines(file: BinaryIO, header: Header, key: MasterKey) -> Iterator[Any]:
    """Every line, decoded. Raises ``backup_key_wrong`` at once; on the way ``backup_damaged``, ``backup_cut_short``."""
    cipher = backups.unlock(key, header.installation, header.backup, header.wrapped)
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    rest = b""
    for piece in _pieces(file, cipher):
        *lines, rest = (rest + unpacker.decompress(piece)).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _pieces(file: BinaryIO, cipher: BackupCipher) -> Iterator[bytes]:
    number = 0
    while True:
        start = file.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise DeckError("backup_cut_short")
        [length] = _LENGTH.unpack(start)
        if length > _LONGEST:
            raise DeckError("backup_damaged", piece=number)
        sealed = file.read(length)
        if len(sealed) < length:
            raise DeckError("backup_cut_short")
        opened = cipher.open(sealed, number)
        yield opened[1:]
        if opened[:1] == _LAST:
            break
        number += 1
    if file.read(1):
        raise DeckError("backup_damaged", piece=number + 1)
