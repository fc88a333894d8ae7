"""No write of the console is done without our token, or from elsewhere: every route, found by walking the app."""

from collections.abc import Iterator

import pytest
from starlette.routing import Route

from authdeck.storage.reading import audit
from authdeck.web.console import PAGES
from authdeck.web.pages import storybook
from fakes.house import House
from web.conftest import Visitor

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ELSEWHERE = ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"})


def writes() -> Iterator[tuple[str, str]]:
    """Method and path of every write; what a path names need not exist: the gate refuses before anything looks."""
    for page in (*PAGES, storybook):
        for route in page.ROUTES:
            assert isinstance(route, Route)
            for method in sorted(WRITES & (route.methods or set())):
                names = {name: _some(route, name) for name in route.param_convertors}
                yield method, str(route.url_path_for(route.name, **names)) if names else route.path


def _some(route: Route, name: str) -> object:
    return 1 if "int" in type(route.param_convertors[name]).__name__.lower() else "a" * 16


ALL = sorted(set(writes()))


def test_the_walk_finds_them() -> None:
    assert len(ALL) > 60
    assert {("POST", "/batches"), ("POST", "/trash/acts"), ("POST", f"/client-keys/{'a' * 16}/restoration")} <= set(ALL)


async def test_none_is_done_without_our_token(ann: Visitor, house: House) -> None:
    before = await house.desk.read(lambda c: audit.newest(c, limit=1))
    done = []
    for token in ("", "forged"):
        ann.csrf = token
        for method, path in ALL:
            answer = await ann.client.request(method, path, data={"csrf": token}, headers={"accept": "text/html"})
            if answer.status_code != 403:
                done.append((method, path, answer.status_code))
    assert done == []
    assert await house.desk.read(lambda c: audit.newest(c, limit=1)) == before


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_none_is_done_from_elsewhere_even_with_it(ann: Visitor, house: House, headers: dict[str, str]) -> None:
    before = await house.desk.read(lambda c: audit.newest(c, limit=1))
    done = []
    for method, path in ALL:
        given = {"accept": "text/html", **headers}
        answer = await ann.client.request(method, path, data={"csrf": ann.csrf}, headers=given)
        if answer.status_code != 403:
            done.append((method, path, answer.status_code))
    assert done == []
    assert await house.desk.read(lambda c: audit.newest(c, limit=1)) == before
