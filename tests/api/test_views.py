"""``/views``: saved views by API, the same as the console's."""

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from fakes.people import ANN, BOB, VERA

WANTED = {"name": "Low ones", "query": "?state=low&sort=-note&search=a%20b"}


async def test_it_works(ann: AsyncClient) -> None:
    made = await ann.post("/views", json=WANTED)
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"], "name": "Low ones", "query": "state=low&sort=-note&search=a+b", "shared": False,
        "owner": "ann", "may_remove": True,
    }  # fmt: skip
    assert (await ann.get("/views")).json()["items"] == [made.json()]
    assert (await ann.delete(f"/views/{made.json()['id']}")).status_code == 204
    assert (await ann.get("/views")).json()["items"] == []


async def test_the_same_name_replaces(ann: AsyncClient) -> None:
    first = (await ann.post("/views", json=WANTED)).json()
    second = (await ann.post("/views", json={**WANTED, "query": "state=disabled"})).json()
    assert (second["id"], second["query"]) == (first["id"], "state=disabled")


async def test_a_shared_one_is_seen_by_all_and_removed_by_its_owner_or_an_admin(as_: As) -> None:
    view = (await as_(BOB).post("/views", json={**WANTED, "shared": True})).json()
    assert [(one["owner"], one["may_remove"]) for one in (await as_(VERA).get("/views")).json()["items"]] == [
        ("bob", False)
    ]
    assert (await as_(VERA).delete(f"/views/{view['id']}")).status_code == 404
    assert (await as_(ANN).delete(f"/views/{view['id']}")).status_code == 204


async def test_anothers_own_view_is_not_there(as_: As) -> None:
    view = (await as_(BOB).post("/views", json=WANTED)).json()
    assert (await as_(ANN).get("/views")).json()["items"] == []
    assert (await as_(ANN).delete(f"/views/{view['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"name": "   "}, 422, "view_name_invalid"),
        ({"name": "x" * 61}, 422, "view_name_invalid"),
        ({"query": "search=" + "x" * 4000}, 422, "view_invalid"),
        ({"shared": True}, 403, "view_share_denied"),
    ],
)
async def test_what_can_not_be_is_refused(as_: As, more: dict[str, object], status: int, code: str) -> None:
    answer = await as_(VERA).post("/views", json={**WANTED, **more})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_one_that_was_taken_away_comes_back(as_: As) -> None:
    view = (await as_(BOB).post("/views", json={**WANTED, "shared": True})).json()
    await as_(BOB).delete(f"/views/{view['id']}")
    assert (await as_(VERA).post(f"/views/{view['id']}/restoration")).status_code == 404
    assert (await as_(BOB).post(f"/views/{view['id']}/restoration")).json() == view
    assert (await as_(BOB).get("/views")).json()["items"] == [view]


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
async def test_a_number_that_no_view_can_have_is_not_found(ann: AsyncClient, number: int) -> None:
    assert (await ann.delete(f"/views/{number}")).status_code == 404
    assert (await ann.post(f"/views/{number}/restoration")).status_code == 404
