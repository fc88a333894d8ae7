"""Packs of counts add up to what was packed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from authdeck.storage.latency import added_up, bucket_of, packed

counts = st.dictionaries(st.integers(0, bucket_of(10**15)), st.integers(1, 2**20 + 9) | st.integers(1, 2**40))


@given(st.lists(counts, max_size=6))
def test_they_add_up(some: list[dict[int, int]]) -> None:
    together: Counter[int] = Counter()
    for one in some:
        together.update(one)
    assert added_up(map(packed, some)) == dict(together)


def test_no_count_runs_over_into_the_next() -> None:
    """The largest counts that still take four bytes, more of them than their sum would fit."""
    most = 2**20 - 1
    assert added_up([packed({7: most, 8: 1})] * 9_000) == {7: 9_000 * most, 8: 9_000}
