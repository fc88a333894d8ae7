"""The master key: its one text form, and the file that holds it beside (never inside) the database."""

import stat
from pathlib import Path
from typing import Final, final

from authdeck import ids
from authdeck.errors import DeckError
from authdeck.private_file import write_private

PREFIX: Final = "authdeck-master"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # as in ids
_OURS: Final = {"ada": "admin key", "adk": "client key"}


@final
class MasterKey:
    """32 random bytes that wrap the terms' keys. Printed, it shows ``***``."""

    __slots__ = ("_text", "raw")

    def __init__(self, text: str) -> None:
        self._text: Final = text
        self.raw: Final = _decoded(text)

    @classmethod
    def new(cls) -> "MasterKey":
        return cls(ids.new_key(PREFIX))

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """Raises ``master_key_mistyped``, ``master_key_other_kind`` or ``master_key_passphrase``, without the text."""
        text = text.strip()
        if ids.is_well_formed(text, PREFIX):
            return cls(text)
        if text.startswith(f"{PREFIX}_"):
            raise DeckError("master_key_mistyped")
        if kind := _OURS.get(text.partition("_")[0]):
            raise DeckError("master_key_other_kind", kind=kind)
        raise DeckError("master_key_passphrase", prefix=f"{PREFIX}_")

    def reveal(self) -> str:
        """The text, for the key file and for an export that a person asked for."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a master key is not serialised")


def read_key_file(path: Path) -> MasterKey | None:
    """The key in the file, or ``None`` where there is no file. Refuses a file that others may read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeckError("master_key_unreadable", path=str(path), problem=error.strerror or "unreadable") from None
    if stat.S_IMODE(mode) & 0o077:
        raise DeckError("master_key_file_open", path=str(path))
    return MasterKey.parse(text)


def create_key_file(path: Path) -> MasterKey:
    """A new key, on disk before this returns. Raises ``master_key_exists`` rather than replace one."""
    if path.exists():
        raise DeckError("master_key_exists", path=str(path))
    key = MasterKey.new()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, key.reveal() + "\n")
    return key


def _decoded(text: str) -> bytes:
    """The 32 bytes. A number past 256 bits has a right checksum only if somebody made it up."""
    body = text.removeprefix(f"{PREFIX}_")[:43]
    number = 0
    for character in body:
        number = number * 62 + _DIGITS.index(character)
    if number >> 256:
        raise DeckError("master_key_mistyped")
    return number.to_bytes(32, "big")
