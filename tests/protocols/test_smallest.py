"""The smallest request that proves an account."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Kind
from authdeck.protocols.smallest import BOUND, cheapest, smallest
from authdeck.routing import Route

PROMPTED = {Route.RESPONSES, Route.MESSAGES, Route.CHAT, Route.GENERATE, Route.CODE_ASSIST}


@pytest.mark.parametrize("route", sorted(PROMPTED))
def test_it_works(route: Route) -> None:
    made = smallest([route], Kind.API_KEY, "a-model")
    assert made is not None
    assert "a-model" in made.path or "a-model" in json.loads(made.body)["model"]
    assert str(BOUND) in made.body.decode()


def test_a_codex_sign_in_takes_no_bound() -> None:
    made = smallest([Route.RESPONSES], Kind.OAUTH, "gpt-5.5")
    assert made is not None
    assert "max_output_tokens" not in made.document
    assert (made.document["stream"], made.document["store"]) == (True, False)


def test_nothing_is_made_where_no_route_takes_a_prompt() -> None:
    assert smallest([Route.COUNT_TOKENS], Kind.API_KEY, "a-model") is None


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["gpt-5.5", "gpt-5.4-mini", "gpt-image-2"], "gpt-5.4-mini"),
        (["claude-opus-4", "claude-haiku-4", "claude-sonnet-5"], "claude-haiku-4"),
        (["gemini-2.5-pro", "gemini-2.5-flash-image", "gemini-2.5-flash"], "gemini-2.5-flash"),
        (["gemini-2.5-flash", "gemini-2.5-flash-lite"], "gemini-2.5-flash-lite"),
        (["gpt-image-2"], "gpt-image-2"),
        ([], None),
    ],
)
def test_the_cheapest_is_told_by_whole_words(names: list[str], wanted: str | None) -> None:
    assert cheapest(names) == wanted


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_order_does_not_matter(names: list[str]) -> None:
    assert cheapest(names) == cheapest(reversed(names))
    assert cheapest(names) in names
