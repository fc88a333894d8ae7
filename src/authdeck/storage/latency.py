"""Buckets of latency: each reaches some 13 % further than the one before, so that a percentile is right to 13 %."""

import math
from typing import Final

_WIDTH: Final = 1.13
_PER_LOG: Final = 1 / math.log(_WIDTH)


def bucket_of(micros: int) -> int:
    return 0 if micros <= 1 else math.ceil(math.log(micros) * _PER_LOG)


def upper_end(bucket: int) -> float:
    """Microseconds: no duration in the bucket is longer."""
    return _WIDTH**bucket
