"""What may be asked of an inspection."""

import pytest

from authdeck.account import Provider
from authdeck.errors import DeckError
from authdeck.inspection_order import (
    May,
    Policy,
    Selection,
    read_policy,
    read_selection,
    stored_selection,
    write_policy,
    write_selection,
)
from authdeck.search import AccountSearch


def test_it_works() -> None:
    policy = read_policy({"may": ["enable"], "threshold": 95, "workers": 8})
    assert policy == Policy(may=frozenset({May.ENABLE}), threshold=95, workers=8)
    assert read_policy(write_policy(policy)) == policy


def test_nothing_asked_is_every_account_and_recorded_only() -> None:
    assert read_policy({}) == Policy()
    assert not Policy().may
    assert not Policy().refresh
    assert read_selection({}) == Selection(search=AccountSearch())


@pytest.mark.parametrize(
    "given",
    [
        {"provider": "codex", "sample": 5},
        {"search": "ann*", "problem": "true"},
        {"auth_indexes": ["0123456789abcdef", "ann.json"]},
        {},
    ],
)
def test_what_is_written_is_read_again(given: dict[str, object]) -> None:
    selection = read_selection(given)
    assert read_selection(write_selection(selection)) == selection


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"provider": None}, "selection_filter_empty"),
        ({"search": None, "sample": 5}, "selection_filter_empty"),
        ({"state": "all"}, "selection_unclear"),
        ({"page_size": 50}, "selection_no_filter"),
    ],
)
def test_filters_that_leave_nobody_out_are_refused(given: dict[str, object], code: str) -> None:
    with pytest.raises(DeckError) as refused:
        read_selection(given)
    assert refused.value.code == code


def test_every_account_may_be_said_too() -> None:
    assert read_selection({"search": ""}) == read_selection({})
    assert read_selection({"auth_indexes": ["a"], "search": None}).names == ("a",)


def test_the_order_of_a_list_that_was_stored_once_is_let_be() -> None:
    stored = {"provider": "codex", "sort": "-name", "page_size": "10"}
    assert read_selection(stored_selection(stored)) == Selection(search=AccountSearch(provider=Provider.CODEX))


def test_names_are_asked_once() -> None:
    assert read_selection({"auth_indexes": ["a", "b", "a"]}).names == ("a", "b")


def test_filters_are_those_of_the_list() -> None:
    found = read_selection({"provider": "xai", "disabled": True}).search
    assert found == AccountSearch(provider=Provider.XAI, disabled=True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"may": ["delete"]}, "inspection_invalid"),
        ({"may": "enable"}, "inspection_invalid"),
        ({"threshold": 0}, "inspection_invalid"),
        ({"threshold": "many"}, "inspection_invalid"),
        ({"workers": 33}, "inspection_invalid"),
        ({"workers": 1.5}, "inspection_invalid"),
        ({"retries": True}, "inspection_invalid"),
        ({"timeout": 1}, "inspection_invalid"),
        ({"refresh": "yes"}, "inspection_invalid"),
        ({"speed": 1}, "inspection_invalid"),
    ],
)
def test_what_is_no_policy(given: dict[str, object], code: str) -> None:
    with pytest.raises(DeckError, match=code):
        read_policy(given)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"auth_indexes": ["a"], "provider": "codex"}, "selection_unclear"),
        ({"auth_indexes": []}, "inspection_invalid"),
        ({"auth_indexes": "a"}, "inspection_invalid"),
        ({"auth_indexes": [1]}, "inspection_invalid"),
        ({"sample": 0}, "inspection_invalid"),
        ({"provider": "nobody"}, "filter_invalid"),
        ({"colour": "red"}, "filter_unknown"),
    ],
)
def test_what_is_no_selection(given: dict[str, object], code: str) -> None:
    with pytest.raises(DeckError, match=code):
        read_selection(given)
