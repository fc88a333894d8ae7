"""Every route says what it needs; one that does not is never served."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from authdeck.access import Role
from authdeck.gate.authenticate import Gate
from authdeck.gate.routes import PUBLIC, guard, needs, walk
from authdeck.secret import Secret
from gate.conftest import HERE, Done, bearer, management


async def silent(_request: Request) -> Response:
    return PlainTextResponse("nobody said who may read this")


def test_it_walks_pages_apis_and_mounts(done: Done) -> None:
    found = {(path, tuple(sorted(methods)), needed) for path, methods, needed in walk(management(done))}
    assert ("/auth-files", ("GET", "HEAD"), Role.VIEWER) in found
    assert ("/auth-files", ("POST",), Role.OPERATOR) in found
    assert ("/api/v1/accounts", ("GET",), Role.VIEWER) in found
    assert ("/api/v1/accounts/{auth_index}/disablement", ("PUT",), Role.OPERATOR) in found
    assert ("/static/{path}", ("*",), PUBLIC) in found
    assert all(needed is not None for _, _, needed in found)


@pytest.mark.parametrize(
    "route",
    [
        Route("/silent", silent),
        Mount("/inner", routes=[Route("/silent", silent)]),
        Mount("/inner", app=FastAPI()),
        Mount("/inner", app=silent),
        WebSocketRoute("/socket", silent),
    ],
    ids=["route", "mounted", "FastAPI's own pages", "app", "websocket"],
)
def test_an_app_with_a_silent_route_is_refused(gate: Gate, route: BaseRoute) -> None:
    with pytest.raises(LookupError, match="declare no needs"):
        guard(Starlette(routes=[route]), gate)


def test_a_plain_route_in_an_included_router_is_refused(gate: Gate) -> None:
    """FastAPI serves a copy of it, which would carry no lock."""
    router = APIRouter()
    router.add_route("/copied", needs(Role.ADMIN)(silent))
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    with pytest.raises(LookupError, match="/copied"):
        guard(app, gate)


async def test_a_route_added_later_is_not_served(gate: Gate) -> None:
    app = Starlette()
    guarded = guard(app, gate)
    app.router.routes.append(Route("/late", silent))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=guarded), base_url=HERE) as client:
        answer = await client.get("/late")
    assert answer.status_code == 500
    assert "nobody said" not in answer.text


async def test_an_app_without_its_guard_serves_nothing(gate: Gate, done: Done) -> None:
    app = management(done)
    guard(app, gate)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HERE) as client:
        with pytest.raises(RuntimeError, match="without its gate"):
            await client.get("/healthz")


async def test_every_route_that_is_not_public_refuses_a_stranger(browser: httpx2.AsyncClient, done: Done) -> None:
    for path, methods, needed in walk(management(done)):
        for method in methods - {"*"}:
            answer = await browser.request(method, path.replace("{auth_index}", "a" * 16).replace("{number}", "1"))
            assert (answer.status_code == 401) is (needed is not PUBLIC), (method, path)
    assert done.things == []


async def test_every_route_refuses_a_lower_role(browser: httpx2.AsyncClient, bob: Secret, done: Done) -> None:
    for path, methods, needed in walk(management(done)):
        if isinstance(needed, Role) and needed > Role.VIEWER:
            for method in methods:
                answer = await browser.request(method, path.replace("{auth_index}", "a" * 16), headers=bearer(bob))
                assert answer.json()["error"]["code"] == "role_too_low", (method, path)
    assert done.things == []


async def test_a_wrong_method_of_a_role_route_says_nothing_to_a_stranger(browser: httpx2.AsyncClient) -> None:
    assert (await browser.delete("/auth-files")).status_code == 401


async def test_no_redirect_of_slashes_goes_around_the_locks(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/auth-files/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")
