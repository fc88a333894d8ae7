"""An address of the list and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from authdeck.account import Provider
from authdeck.health import Health
from authdeck.search import AccountSearch
from authdeck.web.list_state import MODES, PAGE_SIZES, ListState

SEARCHES = st.builds(
    AccountSearch,
    text=st.text("abc@.* é你&=?#%", max_size=12).map(str.strip),
    provider=st.none() | st.sampled_from(Provider),
    state=st.frozensets(st.sampled_from(Health), max_size=3),
    problem=st.booleans(),
    disabled=st.booleans(),
    plan=st.none() | st.sampled_from(["plus", "team", "unknown"]),
    prefix=st.none() | st.text("ab-&=", min_size=1, max_size=5),
    locked=st.none() | st.booleans(),
    sort=st.sampled_from(["risk", "-risk", "name", "-recent", "reset"]),
    page_size=st.integers(PAGE_SIZES[0], PAGE_SIZES[-1]),
)


@given(SEARCHES, st.sampled_from(MODES))
def test_an_address_is_read_as_it_was_made(search: AccountSearch, mode: str) -> None:
    state = ListState(search, mode)
    assert ListState.at(state.link()) == state


def test_changing_something_begins_at_the_first_page() -> None:
    state = ListState(AccountSearch(text="ann", cursor="x"))
    assert state.link(plan="plus") == "/auth-files?search=ann&plan=plus"


def test_clearing_leaves_no_word_behind() -> None:
    assert ListState(AccountSearch(plan="plus")).link(plan="") == "/auth-files"


@pytest.mark.parametrize("query", ["sort=zebra", "page_size=7", "mode=3d", "state=wild", "cursor=x", "provider=nobody"])
def test_what_is_asked_wrongly_is_left_out(query: str) -> None:
    assert ListState.of(QueryParams(query)) == ListState()


def test_views_are_alike_by_what_they_hold() -> None:
    one, other = ListState.at("/auth-files?plan=plus"), ListState.at("/auth-files?plan=plus&sort=name&mode=cards")
    assert one.is_like(other)
    assert not one.is_like(ListState())
