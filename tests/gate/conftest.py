"""A small management app behind the real gate: real database, real vault, a browser that is an HTTP client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from authdeck.access import AUTOMATION, Actor, Role
from authdeck.directory import Directory
from authdeck.errors import NotFound
from authdeck.gate import cookies, csrf
from authdeck.gate.authenticate import Gate, actor_of
from authdeck.gate.routes import PUBLIC, guard, needs
from authdeck.operations import admin_keys, operators
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.desk import Desk
from authdeck.secret import Secret
from authdeck.settings import Settings
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Origins
from authdeck.upstream.sessions import Sessions
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.laid import laid

HERE = "http://127.0.0.1:8417"
SESSION = "authdeck_session_8417"
LOCAL_TOKEN = Secret("adl_FAKE_local_token")
MakeDesk = Callable[..., Awaitable[Desk]]


@dataclass
class Naps:
    """The gate's sleep: remembers how long it was to last, and takes no time."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Done:
    """What the app's unsafe routes did, so that a refusal can be told from a late one."""

    things: list[str] = field(default_factory=list)


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[Database]:
    opened = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def make_desk(store: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[MakeDesk]:
    """Desks on one database, each with settings of its own."""
    vault = Vault.create(MasterKey.new()).vault
    opened: list[Sessions] = []

    async def make(**settings: Any) -> Desk:
        chosen = Settings(home=tmp_path, **settings)
        opened.append(Sessions(Origins(chosen.providers, own_host=chosen.host, own_port=chosen.port)))
        desk = Desk(chosen, clock, "b" * 32, store, vault, ChangeFeed(), Directory(), Calls(opened[-1]))
        await operators.ensure_first(desk)
        return desk

    yield make
    for sessions in opened:
        await sessions.close()


@pytest_asyncio.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    return await make_desk()


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def done() -> Done:
    return Done()


@pytest.fixture
def gate(desk: Desk, naps: Naps) -> Gate:
    return Gate(desk, local_token=LOCAL_TOKEN, sleep=naps)


@pytest_asyncio.fixture
async def browser(gate: Gate, done: Done) -> AsyncIterator[httpx2.AsyncClient]:
    async with browse(gate, done) as client:
        yield client


@pytest_asyncio.fixture
async def ann(desk: Desk) -> Secret:
    """Ann's admin key; she is an admin."""
    return await key_for(desk, "ann", Role.ADMIN)


@pytest_asyncio.fixture
async def bob(desk: Desk) -> Secret:
    """Bob's admin key; he is a viewer."""
    return await key_for(desk, "bob", Role.VIEWER)


async def key_for(desk: Desk, name: str, role: Role) -> Secret:
    await operators.create(desk, name, role, AUTOMATION)
    return (await admin_keys.create(desk, name, AUTOMATION)).key


def bearer(key: Secret | str) -> dict[str, str]:
    return {"authorization": f"Bearer {key.open() if isinstance(key, Secret) else key}"}


async def sign_in(client: httpx2.AsyncClient, key: Secret) -> str:
    """Sign in as a person does, and give the session's CSRF token."""
    token = (await client.get("/sign-in")).text
    answer = await client.post("/sign-in", data={"admin_key": key.open(), "csrf": token})
    assert answer.status_code == 303, answer.text
    return (await client.get("/token")).text


def browse(gate: Gate, done: Done, base_url: str = HERE) -> httpx2.AsyncClient:
    """A client of the guarded app that keeps cookies and follows nothing."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=guard(management(done), gate)), base_url=base_url)


def management(done: Done) -> Starlette:
    """Console pages, an API in FastAPI mounted below, and a mounted ASGI app."""
    return Starlette(
        routes=[
            Route("/sign-in", _sign_in_form),
            Route("/sign-in", _sign_in, methods=["POST"]),
            Route("/sign-in/link", _by_link, methods=["POST"]),
            Route("/token", _token),
            Route("/auth-files", _page),
            Route("/auth-files", _record(done, "page"), methods=["POST"]),
            Route("/upload", _upload, methods=["POST"]),
            Route("/broken", _broken),
            Route("/healthz", _healthz),
            Mount("/static", needs(PUBLIC)(_static)),
            Mount("/api/v1", _api(done)),
        ]
    )


def _api(done: Done) -> FastAPI:
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter(prefix="/accounts")

    @router.get("")
    @needs(Role.VIEWER)
    async def accounts(request: Request) -> dict[str, str]:
        return {"actor": actor_of(request).name}

    @needs(Role.OPERATOR)
    @router.put("/{auth_index}/disablement")
    async def disable(auth_index: str) -> dict[str, str]:
        done.things.append(auth_index)
        return {"auth_index": auth_index}

    @router.get("/{auth_index}")
    @needs(Role.VIEWER)
    async def account(auth_index: str) -> None:
        raise NotFound("account_not_found", name=auth_index)

    @router.get("/pages/{number}")
    @needs(Role.ADMIN)
    def page(number: int) -> int:
        return number

    api.include_router(router)
    return api


@needs(PUBLIC)
async def _sign_in_form(request: Request) -> Response:
    return HTMLResponse(csrf.token_of(request))


@needs(PUBLIC)
async def _sign_in(request: Request) -> Response:
    form = await request.form()
    gate: Gate = request.scope["authdeck.visit"].gate
    session = await gate.sign_in(str(form["admin_key"]))
    response = RedirectResponse("/auth-files", 303)
    cookies.begin(request, response, session)
    return response


@needs(PUBLIC)
async def _by_link(request: Request) -> Response:
    form = await request.form()
    gate: Gate = request.scope["authdeck.visit"].gate
    response = RedirectResponse("/auth-files", 303)
    cookies.begin(request, response, await gate.sign_in_by_link(str(form["token"])))
    return response


@needs(Role.VIEWER)
async def _token(request: Request) -> Response:
    return PlainTextResponse(csrf.token_of(request))


@needs(Role.VIEWER)
async def _page(request: Request) -> Response:
    return HTMLResponse(f"<p>{actor_of(request).name}</p>")


def _record(done: Done, what: str) -> Callable[[Request], Awaitable[Response]]:
    @needs(Role.OPERATOR)
    async def endpoint(_request: Request) -> Response:
        done.things.append(what)
        return PlainTextResponse("done")

    return endpoint


@needs(Role.OPERATOR)
async def _upload(request: Request) -> Response:
    async with request.form() as form:
        file = form["file"]
        assert not isinstance(file, str)
        return JSONResponse({"name": file.filename, "size": len(await file.read())})


@needs(Role.VIEWER)
async def _broken(_request: Request) -> Response:
    raise ZeroDivisionError("rt_FAKE_canary")


@needs(PUBLIC)
async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _static(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("body { }", headers={"cache-control": "max-age=60"})(scope, receive, send)


ANN = Actor("ann", Role.ADMIN)
