"""Compressed bodies: a client's is opened within limits, a provider's is read along."""

import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from authdeck.errors import DeckError
from authdeck.gateway.coding import Undecodable, decoder, opened
from authdeck.settings import Gateway

MIB = 1024 * 1024
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
VAST: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(b"\0" * (66 * MIB), 1),
    "br": lambda: brotli.compress(b"\0" * (66 * MIB), quality=1),
}
READABLE = sorted(PACKED.keys() - {"zstd"})


def open_(body: bytes, coding: str, *, limit: int = MIB, ratio: int = 100) -> bytes:
    return opened(body, coding, limit=limit, ratio=ratio)


@pytest.mark.parametrize("coding", PACKED)
@given(body=st.binary(max_size=2000))
def test_what_was_packed_is_opened(coding: str, body: bytes) -> None:
    assert open_(PACKED[coding](body), coding) == body
    assert open_(PACKED[coding](body), f" {coding.upper()} , identity") == body


def test_frames_of_zstd_are_one_body() -> None:
    assert open_(zstandard.compress(b"one ") + zstandard.compress(b"two"), "zstd") == b"one two"


@pytest.mark.parametrize("coding", ["", "identity", " , "])
def test_what_is_not_packed_stays(coding: str) -> None:
    assert open_(b"plain", coding) == b"plain"


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "gzip, gzip", "zstd,identity,br", "x" * 1000])
def test_unknown_codings_and_several_are_refused(coding: str) -> None:
    with pytest.raises(DeckError, match="body_encoding_unknown") as refused:
        open_(b"anything", coding)
    assert refused.value.status == 415
    assert len(refused.value.params["encoding"]) <= 64


@pytest.mark.parametrize("coding", PACKED)
def test_what_is_not_of_its_coding_is_refused(coding: str) -> None:
    with pytest.raises(DeckError, match="body_undecodable") as refused:
        open_(b"\xff plain text", coding)
    assert refused.value.status == 400


@pytest.mark.parametrize("coding", READABLE)
def test_what_was_cut_is_refused(coding: str) -> None:
    """Not so with zstd: it is read as far as it goes, and the JSON inside shows that something is missing."""
    with pytest.raises(DeckError, match="body_undecodable"):
        open_(PACKED[coding](b"hello " * 1000)[:-6], coding)


@pytest.mark.parametrize("coding", PACKED)
def test_it_may_be_as_large_as_the_limit_and_no_larger(coding: str) -> None:
    large = b"x" * MIB
    assert open_(PACKED[coding](large), coding, ratio=100_000) == large
    with pytest.raises(DeckError, match="body_too_large") as refused:
        open_(PACKED[coding](large + b"x"), coding, ratio=100_000)
    assert (refused.value.status, refused.value.params["limit"]) == (413, MIB)


@pytest.mark.parametrize("coding", PACKED)
def test_it_may_grow_by_a_ratio_and_no_further(coding: str) -> None:
    packed = PACKED[coding](b"x" * 600_000)
    assert len(open_(packed, coding, ratio=600_000 // len(packed) + 1)) == 600_000
    with pytest.raises(DeckError, match="body_too_large"):
        open_(packed, coding, ratio=600_000 // len(packed))


def test_a_small_body_may_grow_by_more_than_the_ratio() -> None:
    """A quarter of a MiB: nothing is gained by refusing it, and short texts pack well."""
    assert open_(zstandard.compress(b" " * 262_144), "zstd", ratio=1) == b" " * 262_144


def test_the_limits_are_64_mib_and_a_hundred_times() -> None:
    assert (Gateway().body_limit, Gateway().ratio_limit) == (64 * MIB, 100)


@pytest.mark.parametrize("coding", READABLE)
@given(body=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 3000), max_size=5))
def test_a_copy_is_read_along_however_it_is_cut(coding: str, body: bytes, cuts: list[int]) -> None:
    packed, reader = PACKED[coding](body), decoder(coding)
    assert reader is not None
    at = sorted({0, *(cut for cut in cuts if cut < len(packed)), len(packed)})
    assert b"".join(reader.decode(packed[one:next_]) for one, next_ in pairwise(at)) == body


@pytest.mark.parametrize("coding", ["", "identity", " IDENTITY "])
def test_nothing_needs_to_be_read_of_what_is_not_packed(coding: str) -> None:
    assert decoder(coding) is None


@pytest.mark.parametrize("coding", ["zstd", "compress", "gzip, br", *READABLE])
def test_what_cant_be_read_along_says_so(coding: str) -> None:
    reader = decoder(coding)
    assert reader is not None
    with pytest.raises(Undecodable):
        reader.decode(b"\xff plain text that is no stream of that coding")


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("step", [1 << 30, 4096])
def test_no_more_than_64_mib_is_read_along(coding: str, step: int) -> None:
    packed = VAST[coding]()
    reader = decoder(coding)
    assert reader is not None
    read: list[int] = []
    with pytest.raises(Undecodable):
        read.extend(len(reader.decode(packed[at : at + step])) for at in range(0, len(packed), step))
    assert sum(read) <= 64 * MIB
