"""Nobody gets past the gate: every route of the management API, one after the other."""

import re
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from authdeck.access import Role
from authdeck.api.management import ROUTERS
from authdeck.gate.routes import Declared, walk
from fakes.people import ANN, VERA


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


ROUTES = [route for router in ROUTERS for route in walk(router)]
READING = {"GET", "HEAD"}


def path_of(route: Declared) -> str:
    return re.sub(r"{[^}]*}", "0123456789abcdef", route.path)


QUESTIONS = {"/routing/explanation"}
"""Asked by POST because the question is a document. They change nothing."""
OWN = {"/views", "/views/{view_id}", "/views/{view_id}/restoration"}
"""What a viewer changes there is the viewer's own."""


@pytest.mark.parametrize("route", ROUTES, ids=[f"{'/'.join(sorted(r.methods))} {r.path}" for r in ROUTES])
async def test_a_route_wants_a_key_and_the_role_it_declares(route: Declared, as_: As) -> None:
    assert isinstance(route.needs, Role)
    for method in route.methods:
        anonymous = await as_(None).request(method, path_of(route))
        assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (401, "sign_in_needed")
        if route.needs > Role.VIEWER:
            viewer = await as_(VERA).request(method, path_of(route))
            assert (viewer.status_code, viewer.json()["error"]["code"]) == (403, "role_too_low")


@pytest.mark.parametrize("route", ROUTES, ids=[f"{'/'.join(sorted(r.methods))} {r.path}" for r in ROUTES])
def test_what_changes_something_is_not_for_viewers(route: Declared) -> None:
    assert route.path in QUESTIONS | OWN or route.methods <= READING or route.needs in {Role.OPERATOR, Role.ADMIN}


async def test_a_wrong_key_is_refused(as_: As) -> None:
    answer = await as_(None).get("/accounts", headers={"authorization": "Bearer ada_FAKE"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_unknown")


async def test_the_description_lists_every_route_behind_the_gate(as_: As) -> None:
    assert (await as_(None).get("/openapi.json")).status_code == 401
    described = (await as_(VERA).get("/openapi.json")).json()
    shown = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert shown == {(method, route.path) for route in ROUTES for method in route.methods - {"HEAD"}}
    assert described["servers"] == [{"url": "/api/v1"}]


@pytest.mark.parametrize("path", ["/nothing", "/accounts/", "/docs", "/redoc"])
async def test_an_unknown_path_is_an_error_of_ours(ann: AsyncClient, path: str) -> None:
    answer = await ann.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"]


async def test_a_wrong_method_is_an_error_of_ours(ann: AsyncClient) -> None:
    answer = await ann.put("/accounts")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_errors_speak_the_readers_language(as_: As) -> None:
    english = await as_(ANN).get("/accounts/none")
    chinese = await as_(ANN).get("/accounts/none", headers={"accept-language": "zh-CN,en;q=0.5"})
    assert english.json()["error"]["code"] == chinese.json()["error"]["code"] == "account_not_found"
    assert english.json()["error"]["message"].startswith("No account")
