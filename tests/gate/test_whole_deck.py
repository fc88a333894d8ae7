"""The enumeration: every management route of the real server, asked by a stranger and by too low a role."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest_asyncio

from authdeck import server
from authdeck.access import Role
from authdeck.gate.routes import PUBLIC, Declared, walk
from authdeck.secret import Secret
from authdeck.settings import load
from fakes.clock import SetClock
from fakes.laid import lay
from gate.conftest import HERE, bearer, key_for

OPEN = {"/", "/sign-in", "/sign-in/link/{token}", "/static/{path:path}", "/healthz", "/readyz"}
"""All that a stranger may ask for. A path that joins them is a decision, made here."""


@dataclass
class Deck:
    client: httpx2.AsyncClient
    routes: list[Declared]
    viewer: Secret


@pytest_asyncio.fixture
async def deck(tmp_path: Path, clock: SetClock) -> AsyncIterator[Deck]:
    built = await server.build(load({}, home=lay(tmp_path)), clock)
    await built.start()
    transport = httpx2.ASGITransport(app=built.app)
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        apps = (built.app._status, await built.console.ready(), await built.api.ready())
        routes = [declared for app in apps for declared in walk(app._app)]
        yield Deck(client, routes, await key_for(built.desk, "vera", Role.VIEWER))
    await built.stop()


def filled(path: str) -> str:
    return re.sub(r"{[^}]+}", "1", path)


def asked(declared: Declared) -> frozenset[str]:
    return frozenset({"GET"}) if declared.methods == {"*"} else declared.methods


async def test_every_route_refuses_a_stranger(deck: Deck) -> None:
    assert len(deck.routes) > 30
    for declared in deck.routes:
        for method in asked(declared) if declared.needs is not PUBLIC else ():
            answer = await deck.client.request(method, filled(declared.path))
            assert answer.status_code == 401, (method, declared.path)


async def test_every_route_refuses_too_low_a_role(deck: Deck) -> None:
    for declared in deck.routes:
        for method in asked(declared) if declared.needs in (Role.OPERATOR, Role.ADMIN) else ():
            answer = await deck.client.request(method, filled(declared.path), headers=bearer(deck.viewer))
            assert answer.status_code == 403, (method, declared.path)


async def test_what_is_open_is_listed(deck: Deck) -> None:
    assert {declared.path for declared in deck.routes if declared.needs is PUBLIC} <= OPEN


async def test_what_changes_something_needs_more_than_a_viewer(deck: Deck) -> None:
    """But for what is a viewer's own: signing out, how the console looks, their views of it; and a question."""
    own = {"/sign-out", "/preferences", "/api/v1/routing/explanation"}
    own |= {"/auth-files/views", "/auth-files/views/{key:int}/removal", "/auth-files/views/{key:int}/restoration"}
    own |= {"/api/v1/views", "/api/v1/views/{view_id}", "/api/v1/views/{view_id}/restoration"}
    for declared in deck.routes:
        if declared.methods & {"POST", "PUT", "PATCH", "DELETE"} and declared.needs is not PUBLIC:
            assert declared.needs is not Role.VIEWER or declared.path in own, declared
