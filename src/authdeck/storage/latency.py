"""Buckets of latency: each reaches some 13 % further than the one before, so that a percentile is right to 13 %."""

import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_WIDTH: Final = 1.13
_PER_LOG: Final = 1 / math.log(_WIDTH)


def bucket_of(micros: int) -> int:
    return 0 if micros <= 1 else math.ceil(math.log(micros) * _PER_LOG)


def upper_end(bucket: int) -> float:
    """Microseconds: no duration in the bucket is longer."""
    return _WIDTH**bucket


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Microseconds that ``share`` (0–1) of the durations do not exceed; ``None`` where there are none."""
    rank, seen = math.ceil(share * sum(counts.values())), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return upper_end(bucket)
    return None


def packed(counts: Mapping[int, int]) -> bytes:
    """A byte that says how many bytes a count has, two that say the first bucket, then one count after the other."""
    if not counts:
        return b""
    first, last = min(counts), max(counts)
    width = 4 if max(counts.values()) < _SMALL else 8
    lanes = [counts.get(bucket, 0) for bucket in range(first, last + 1)]
    return struct.pack(f"<BH{len(lanes)}{_FORMATS[width]}", width, first, *lanes)


def added_up(packs: Iterable[bytes]) -> dict[int, int]:
    """How many lie in each bucket of all of them together.

    Counts of a pack are read as one large number: adding two of those adds each count to its fellow, many times as
    quickly as count by count. Small ones are added so many at a time that none runs over its bytes.
    """
    numbers: dict[int, list[int]] = {4: [], 8: []}
    for pack in packs:
        if pack:
            width, first = _HEAD.unpack_from(pack)
            numbers[width].append(int.from_bytes(pack[_HEAD.size :], "little") << 8 * width * first)
    found: Counter[int] = Counter()
    for width, some in numbers.items():
        for start in range(0, len(some), _AT_ONCE):
            found.update(_counts(sum(some[start : start + _AT_ONCE]), width))
    return dict(found)


_HEAD: Final = struct.Struct("<BH")
_FORMATS: Final = {4: "I", 8: "Q"}
_SMALL: Final = 1 << 20
_AT_ONCE: Final = 1 << 12
"""Of counts below ``_SMALL``: their sum has 32 bits."""


def _counts(number: int, width: int) -> dict[int, int]:
    lanes = -(-number.bit_length() // (8 * width))
    counts = struct.unpack(f"<{lanes}{_FORMATS[width]}", number.to_bytes(width * lanes, "little"))
    return {bucket: count for bucket, count in enumerate(counts) if count}
