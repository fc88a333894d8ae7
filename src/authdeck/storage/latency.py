"""Buckets of latency: each reaches some 13 % further than the one before, so that a percentile is right to 13 %."""

import math
from collections.abc import Mapping
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
