"""Sets of small numbers: bit *n* stands for member *n*. Whole numbers to intersect, ``Bits`` to change."""

import re
from collections.abc import Collection, Iterable
from typing import Final


class Bits:
    """A set that changes. ``number`` is the same as a whole number, made when asked for and kept until a change."""

    __slots__ = ("_held", "_number", "count")

    def __init__(self, members: Collection[int] = ()) -> None:
        self._held = bytearray()
        self._number: int | None = 0
        self.count = 0
        self.update(members)

    def add(self, member: int) -> None:
        """A new member; it must not be in already."""
        self.update((member,))

    def discard(self, member: int) -> None:
        """A member goes; it must be in."""
        self.difference_update((member,))

    def update(self, members: Collection[int]) -> None:
        """New members, none of them in already."""
        if not members:
            return
        held, place = self._held, max(members) >> 3
        if place >= len(held):
            held.extend(bytes(place + 1024 - len(held)))
        for member in members:
            held[member >> 3] |= 1 << (member & 7)
        self.count += len(members)
        self._number = None

    def difference_update(self, members: Collection[int]) -> None:
        """Members go, all of them in."""
        held = self._held
        for member in members:
            held[member >> 3] &= ~(1 << (member & 7))
        self.count -= len(members)
        self._number = None

    def __contains__(self, member: int) -> bool:
        place = member >> 3
        return place < len(self._held) and bool(self._held[place] >> (member & 7) & 1)

    def number(self) -> int:
        if self._number is None:
            self._number = int.from_bytes(self._held, "little")
        return self._number


def of(members: Iterable[int], size: int) -> int:
    """The set of ``members``, each below ``size``."""
    held = bytearray(size // 8 + 1)
    for member in members:
        held[member >> 3] |= 1 << (member & 7)
    return int.from_bytes(held, "little")


def members(bits: int) -> list[int]:
    """The members in rising order; quick where they are few."""
    held = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return [at.start() * 8 + bit for at in _SOME.finditer(held) for bit in _BITS[held[at.start()]]]


def selector(bits: int, size: int) -> bytes:
    """A byte for each number below ``size``: 1 where it is a member. Quick to look up where members are many."""
    return bin(bits | 1 << size)[:2:-1].encode().translate(_FROM_DIGITS)


_SOME: Final = re.compile(rb"[^\x00]")
_BITS: Final = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]
_FROM_DIGITS: Final = bytes.maketrans(b"01", b"\x00\x01")
