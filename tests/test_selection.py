"""An act means everybody only on purpose."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.errors import DeckError
from authdeck.search import FILTERS, AccountSearch
from authdeck.selection import NOT_FILTERS, chosen


def test_it_works() -> None:
    assert chosen({"search": "ann", "provider": "codex"}) == AccountSearch(text="ann", provider=Provider.CODEX)
    assert chosen({"locked": False}) == AccountSearch(locked=False)
    assert chosen({"problem": False, "provider": "all", "plan": "plus"}) == AccountSearch(plan="plus")


@pytest.mark.parametrize("word", ["search", "q", "text"])
def test_an_empty_search_is_everybody_and_filters_narrow_it(word: str) -> None:
    assert chosen({word: ""}) == AccountSearch()
    assert chosen({word: "", "provider": "codex"}) == AccountSearch(provider=Provider.CODEX)


@pytest.mark.parametrize("name", [name for name in FILTERS if name not in NOT_FILTERS])
@pytest.mark.parametrize("empty", [None, "", "  ", [], [""], [None], ["codex", ""]])
@pytest.mark.parametrize("beside", [{}, {"search": ""}, {"search": "ann"}, {"kind": "oauth"}])
def test_an_empty_filter_is_refused_whatever_stands_beside_it(name: str, empty: Any, beside: dict[str, Any]) -> None:
    if (name, empty) == ("search", ""):
        return
    refused = code_of({**beside, name: empty})
    assert refused == ("selection_filter_empty", name)


@pytest.mark.parametrize("word", ["all", ["all"], ["all", "all"]])
@pytest.mark.parametrize("name", ["provider", "kind", "state", "codex_status", "plan", "locked"])
def test_all_of_each_kind_is_not_yet_everybody(name: str, word: Any) -> None:
    assert code_of({name: word}) == ("selection_unclear", None)
    assert chosen({name: word, "search": ""}) == AccountSearch()


@pytest.mark.parametrize("given", [{}, {"problem": "false"}, {"healthy": False, "disabled": "0"}])
def test_what_keeps_nobody_out_is_unclear(given: dict[str, Any]) -> None:
    assert code_of(given) == ("selection_unclear", None)


def test_commas_alone_name_no_state() -> None:
    assert code_of({"state": ",", "provider": "codex"}) == ("selection_filter_empty", "state")


@pytest.mark.parametrize(("name", "value"), [("sort", "name"), ("page_size", 50), ("cursor", "abc")])
@pytest.mark.parametrize("beside", [{}, {"search": ""}, {"provider": "codex"}])
def test_what_orders_a_list_chooses_nobody(name: str, value: Any, beside: dict[str, Any]) -> None:
    assert code_of({name: value, **beside}) == ("selection_no_filter", name)


_words = st.sampled_from([name for name in FILTERS if name != "search"])
_values = st.none() | st.booleans() | st.integers(0, 60) | st.sampled_from(["", " ", "all", ",", "0", "name", "no"])


@given(st.dictionaries(_words, _values | st.lists(_values, max_size=2)))
def test_nothing_but_an_empty_search_finds_everybody(asked: dict[str, Any]) -> None:
    try:
        found = chosen(asked)
    except DeckError:
        return
    assert found != AccountSearch()


def code_of(asked: dict[str, Any]) -> tuple[str, str | None]:
    with pytest.raises(DeckError) as refused:
        chosen(asked)
    return refused.value.code, refused.value.params.get("field")
