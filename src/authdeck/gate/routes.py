"""Routes say what they need; the guard fits each with a lock and refuses an app in which one says nothing.

    @needs(Role.OPERATOR)
    async def disable(request: Request) -> Response: ...

``needs`` works on functions, endpoint classes, FastAPI endpoints (above or below ``@router.put``) and on the ASGI app
of a ``Mount`` (``Mount("/static", needs(PUBLIC)(StaticFiles(...)))``). FastAPI's own pages declare nothing: switch them
off (``openapi_url=None``) and serve the schema from a declared route.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authdeck.access import Role
from authdeck.gate import csrf, errors, headers, hosts
from authdeck.gate.authenticate import Gate
from authdeck.gate.visits import KEY, Visit, visit_of

E = TypeVar("E")
Handle = Callable[[Scope, Receive, Send], Any]


class Public(Enum):
    """The level of a route that anybody may ask for."""

    PUBLIC = "public"


PUBLIC: Final = Public.PUBLIC
Level = Role | Public
_NEEDS: Final = "__authdeck_needs__"
_LOCKED: Final = "__authdeck_locked__"


class Declared(NamedTuple):
    """One route of an app. ``needs`` is ``None`` where it says nothing: ``guard`` refuses such an app."""

    path: str
    methods: frozenset[str]
    needs: Level | None


class _Leaf(NamedTuple):
    route: BaseRoute
    declared: Declared


def needs(level: Level) -> Callable[[E], E]:
    """Declare who may call an endpoint: the lowest role, or ``PUBLIC``."""

    def declare(endpoint: E) -> E:
        setattr(endpoint, _NEEDS, level)
        return endpoint

    return declare


def walk(app: Any) -> list[Declared]:
    """Every route of the app, those of included routers and mounted apps too."""
    return [leaf.declared for leaf in _leaves(app, "")]


def guard(app: Starlette, gate: Gate) -> ASGIApp:
    """The app behind the gate. Call it when all routes are added.

    Raises ``LookupError`` naming the routes that declare nothing. A route added later is never served.
    """
    leaves = list(_leaves(app, ""))
    if silent := [f"{', '.join(sorted(d.methods))} {d.path}" for _, d in leaves if d.needs is None]:
        raise LookupError(f"these routes declare no needs: {'; '.join(silent)}")
    for part in _apps(app):
        errors.install(part)
        part.router.redirect_slashes = False  # a redirect would answer before any lock
    for leaf in leaves:
        assert leaf.declared.needs is not None
        _lock(leaf.route, leaf.declared.needs)
    return _Guarded(app, gate)


class _Guarded:
    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app: Final = app
        self._gate: Final = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = scope[KEY] = Visit(self._gate)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                if not visit.admitted:
                    raise RuntimeError("a route without a lock answered: it was added after gate.routes.guard")
                started = True
                headers.add(message, visit)
            await send(message)

        try:
            hosts.check(scope, self._gate.settings)
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the renderer logs what it does not know
            await errors.answer(scope, receive, sending, error, started=started)


def _lock(route: Any, level: Level) -> None:
    if getattr(route, _LOCKED, False):
        return
    handle: Handle = route.handle

    async def locked(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            receive = await _admit(level, scope, receive)
            await handle(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the renderer logs what it does not know
            await errors.answer(scope, receive, send, error, started=started)

    route.handle = locked
    setattr(route, _LOCKED, True)


async def _admit(level: Level, scope: Scope, receive: Receive) -> Receive:
    """Let the request in, or raise. What it returns gives the whole body again, where the check read it."""
    visit = visit_of(scope)
    connection = HTTPConnection(scope)
    if isinstance(level, Role):
        visit.private = True
        visit.caller = await visit.gate.caller(connection)
        receive = await csrf.check(scope, receive, visit)
        visit.gate.allow(visit.caller.actor, level)
    else:
        receive = await csrf.check(scope, receive, visit)
    visit.admitted = True
    return receive


def _leaves(app: Any, prefix: str) -> Iterator[_Leaf]:
    """Of an app, a router or a mount."""
    for place in _places(app):
        path, route = f"{prefix}{place.path}", place.route
        if isinstance(route, Mount) and route.routes:
            yield from _leaves(route.app, path)
            continue
        endpoint = getattr(route, "endpoint", None) or getattr(route, "app", None)
        level = getattr(endpoint, _NEEDS, None) if place.lockable else None
        if isinstance(route, Mount):
            path, methods = f"{path}/{{path}}", frozenset({"*"})
        else:
            methods = frozenset(place.methods or {"*"})
        yield _Leaf(route, Declared(path, methods, level))


class _Place(NamedTuple):
    """A route where it is served. Not ``lockable``: what is served is a copy, a lock on this one would hold nobody."""

    path: str
    methods: Iterable[str] | None
    route: BaseRoute
    lockable: bool = True


def _places(app: Any) -> Iterator[_Place]:
    if not errors.is_of_fastapi(app):
        for plain in app.routes:
            yield _Place(getattr(plain, "path", ""), getattr(plain, "methods", None), plain)
        return
    from fastapi.routing import APIRoute, iter_route_contexts  # noqa: PLC0415 - a start does not wait for FastAPI

    for context in iter_route_contexts(app.routes):
        route = context.original_route
        own = isinstance(route, APIRoute) or any(route is one for one in app.routes)
        yield _Place(context.path or "", context.methods, route, lockable=own)


def _apps(app: Starlette) -> Iterator[Starlette]:
    yield app
    for place in _places(app):
        if isinstance(place.route, Mount) and isinstance(place.route.app, Starlette):
            yield from _apps(place.route.app)
