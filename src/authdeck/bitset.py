"""Sets of small numbers as whole numbers: bit *n* stands for member *n*. Intersecting takes microseconds."""

from collections.abc import Iterable, Iterator


def of(members: Iterable[int], size: int) -> int:
    """The set of ``members``, each below ``size``."""
    held = bytearray(size // 8 + 1)
    for member in members:
        held[member >> 3] |= 1 << (member & 7)
    return int.from_bytes(held, "little")


def chosen(order: Iterable[int], bits: int, size: int) -> Iterator[int]:
    """The members of ``bits`` in the order given."""
    held = bits.to_bytes(size // 8 + 1, "little")
    for member in order:
        if held[member >> 3] >> (member & 7) & 1:
            yield member
