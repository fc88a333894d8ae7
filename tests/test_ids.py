"""Names that are given once, keys that a scanner recognises."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import ids


def test_an_auth_index_is_sixteen_hex_digits_and_never_the_same() -> None:
    made = {ids.new_auth_index() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[0-9a-f]{16}", index) for index in made)


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=20, unique=True))
def test_request_ids_sort_by_time(moments: list[int]) -> None:
    made = [ids.new_request_id(moment) for moment in sorted(moments)]
    assert made == sorted(made)
    assert {len(each) for each in made} == {16}


def test_a_key_is_known_by_prefix_and_checksum() -> None:
    key = ids.new_key("adk")
    assert ids.is_well_formed(key, "adk")
    assert not ids.is_well_formed(key, "ada")


@pytest.mark.parametrize("place", [4, 20, -1])
def test_a_mistyped_key_is_told_from_an_unknown_one(place: int) -> None:
    key = list(ids.new_key("adk"))
    key[place] = "0" if key[place] != "0" else "1"
    assert not ids.is_well_formed("".join(key), "adk")


@given(st.text(max_size=80))
def test_any_other_text_is_no_key(text: str) -> None:
    assert not ids.is_well_formed(text, "adk")
