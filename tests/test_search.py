"""A search is what its address says, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Kind, Provider
from authdeck.errors import DeckError
from authdeck.health import Health
from authdeck.search import SORTS, AccountSearch, CodexStatus, from_query, plan_name, to_query

_lines = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40).map(str.strip)
_values = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)

searches = st.builds(
    AccountSearch,
    text=_lines,
    provider=st.none() | st.sampled_from(Provider),
    kind=st.none() | st.sampled_from(Kind),
    state=st.frozensets(st.sampled_from(Health)),
    problem=st.booleans(),
    healthy=st.booleans(),
    disabled=st.booleans(),
    codex_status=st.none() | st.sampled_from(CodexStatus),
    plan=st.none() | st.sampled_from(["free", "prolite", "unknown", "max_20x"]),
    prefix=st.none() | _values,
    project=st.none() | _values,
    locked=st.none() | st.booleans(),
    sort=st.sampled_from([*SORTS, *(f"-{sort}" for sort in SORTS)]),
    page_size=st.integers(1, 200),
    cursor=st.none() | st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=40),
)


def test_it_works() -> None:
    asked = from_query({"search": " Ann ", "state": ["cooling,low"], "problem": "1", "page_size": "100"})
    assert asked == AccountSearch(
        text="Ann", state=frozenset({Health.COOLING, Health.LOW}), problem=True, page_size=100
    )
    assert to_query(asked) == {"search": "Ann", "state": "cooling,low", "problem": "true", "page_size": "100"}


@given(searches)
def test_the_address_is_the_state(search: AccountSearch) -> None:
    assert from_query(to_query(search)) == search


def test_json_may_say_it_too() -> None:
    asked = from_query({"search": "", "problem": True, "locked": False, "page_size": 10, "provider": None})
    assert asked == AccountSearch(problem=True, locked=False, page_size=10)


@pytest.mark.parametrize("word", ["all", "", None, []])
def test_all_and_nothing_ask_nothing(word: object) -> None:
    assert from_query({"provider": word, "state": word, "codex_status": word, "plan": word}) == AccountSearch()


def test_what_could_be_a_persons_own_word_is_taken_as_one() -> None:
    assert from_query({"search": "all", "prefix": "all"}) == AccountSearch(text="all", prefix="all")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("reauth", CodexStatus.REAUTH),
        ("Needs reauth", CodexStatus.REAUTH),
        ("http_401", CodexStatus.REAUTH),
        ("quota limited", CodexStatus.QUOTA_LIMITED),
        ("5-hour full", CodexStatus.FIVE_HOUR_LIMITED),
        ("7-day full", CodexStatus.WEEKLY_LIMITED),
        ("monthly full", CodexStatus.MONTHLY_LIMITED),
        ("disabled waiting recovery", CodexStatus.DISABLED_WITH_RESET),
    ],
)
def test_a_codex_status_may_be_spelt_as_people_say_it(word: str, status: CodexStatus) -> None:
    assert from_query({"codex_status": word}).codex_status is status


@pytest.mark.parametrize(
    ("plan", "name"),
    [("Plus", "plus"), ("ChatGPT Pro", "pro"), ("pro-lite", "prolite"), ("", "unknown"), (None, "unknown")],
)
def test_a_plan_has_one_spelling(plan: str | None, name: str) -> None:
    assert plan_name(plan) == name


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"plans": "free"}, "filter_unknown"),
        ({"provider": "nobody"}, "filter_invalid"),
        ({"state": "cooling,hot"}, "filter_invalid"),
        ({"problem": "perhaps"}, "filter_invalid"),
        ({"page_size": "0"}, "filter_invalid"),
        ({"page_size": "201"}, "filter_invalid"),
        ({"search": "x" * 201}, "filter_invalid"),
        ({"sort": "colour"}, "sort_unknown"),
        ({"cursor": "é"}, "cursor_invalid"),
    ],
)
def test_a_mistake_is_refused_and_a_page_leaves_it_out(query: dict[str, str], code: str) -> None:
    with pytest.raises(DeckError, match=code):
        from_query(query)
    assert from_query(query | {"prefix": "night"}, lenient=True) == AccountSearch(prefix="night")


def test_on_a_page_healthy_excludes_the_other_two() -> None:
    ticked = {"healthy": "1", "problem": "1", "disabled": "1"}
    assert from_query(ticked, lenient=True) == AccountSearch(healthy=True)


def test_problem_and_healthy_may_stand_among_the_states() -> None:
    assert from_query({"state": "problem,low"}) == AccountSearch(problem=True, state=frozenset({Health.LOW}))
