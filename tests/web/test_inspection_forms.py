"""The forms of inspections and schedules keep every filter that the list of accounts has."""

import re
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from authdeck.inspection_order import read_selection, write_selection
from authdeck.search import AccountSearch, from_query, to_query
from authdeck.web.inspection_forms import order_of, typed_from, typed_of
from fakes.house import House
from fakes.people import ANN

QUERIES = [
    {"search": "ann", "provider": "codex"},
    {"problem": "true", "plan": "pro"},
    {"state": "cooling,low", "locked": "true", "kind": "oauth"},
    {"healthy": "true", "prefix": "team", "project": "p-7"},
    {"codex_status": "weekly_limited", "disabled": "true"},
    {},
]
POLICY = {"threshold": 100, "workers": 4, "refresh": False, "may": []}


@pytest.mark.parametrize("query", QUERIES)
def test_what_the_list_shows_is_what_the_form_asks_for(query: dict[str, str]) -> None:
    selection, _ = order_of(typed_of(QueryParams(to_query(from_query(query)))))
    assert write_selection(read_selection(selection)) == to_query(from_query(query))


@pytest.mark.parametrize("query", QUERIES)
def test_a_schedule_that_is_opened_and_saved_is_about_the_same(query: dict[str, str]) -> None:
    known = write_selection(read_selection({**query, "sample": 3}))
    selection, _ = order_of(typed_from("Nightly", {"every": 60}, POLICY, known))
    assert write_selection(read_selection(selection)) == known


async def test_filters_of_the_list_are_kept_until_they_are_unticked(ann: Any, house: House) -> None:
    listed = (await ann.get("/auth-files?plan=pro&state=cooling")).text
    link = re.search(r'href="(/inspection/schedules/new\?[^"]*)"', listed)
    assert link is not None
    page = (await ann.get(link[1].replace("&amp;", "&"))).text
    assert re.search(r'name="plan" value="pro" checked><span>Plan: Pro<', page)
    assert re.search(r'name="state" value="cooling" checked><span>State: Cooling<', page)
    fields = {"name": "Nightly", "when": "every", "every": "60", "plan": "pro", "workers": "4", "threshold": "100"}
    assert (await ann.post("/inspection/schedules", **fields)).status_code == 303
    (made,) = await house.inspecting.schedules.all()
    assert made.selection == to_query(AccountSearch(plan="pro"))
    again = (await ann.get(f"/inspection/schedules/{made.key}")).text
    assert 'name="plan" value="pro" checked' in again
    assert 'name="state"' not in again
    await house.inspecting.schedules.delete(made.key, ANN)
