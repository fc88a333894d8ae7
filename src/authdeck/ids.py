"""Names that authdeck gives: account indexes, request ids, boot ids, and keys that carry a checksum."""

import random
import secrets
import zlib
from typing import Final

_names: Final = random.Random(secrets.token_bytes(32))  # noqa: S311 - asking the kernel each time costs 15 µs
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM_LENGTH: Final = 6
_BODY_LENGTH: Final = 43  # 43 characters of 62 hold 256 bits


def new_auth_index() -> str:
    """16 lower-case hex digits, random. Given once, stored, never derived and never reused."""
    return secrets.token_hex(8)


def new_id() -> str:
    """128 random bits as 32 hex digits, for boots, batches, logins and sessions."""
    return secrets.token_hex(16)


def new_request_id(unix_ms: int) -> bytes:
    """16 bytes that sort by time: 48 bits of milliseconds, then 80 random bits. A name, not a secret."""
    return unix_ms.to_bytes(6, "big") + _names.randbytes(10)


def new_key(prefix: str) -> str:
    """A key such as ``adk_<43 characters><6 of checksum>``: 256 bits, and scanners recognise a leaked one."""
    body = _base62(int.from_bytes(secrets.token_bytes(32), "big"), _BODY_LENGTH)
    return f"{prefix}_{body}{_checksum(prefix + body)}"


def is_well_formed(key: str, prefix: str) -> bool:
    """Whether the text is a key of ours with a right checksum. Says nothing of whether it is known."""
    start = f"{prefix}_"
    if not key.startswith(start) or len(key) != len(start) + _BODY_LENGTH + _CHECKSUM_LENGTH:
        return False
    body, checksum = key[len(start) : -_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return _checksum(prefix + body) == checksum


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def is_key(number: int) -> bool:
    """Whether a row may have that number: databases refuse larger ones with an error of their own."""
    return 0 < number < 1 << 63
