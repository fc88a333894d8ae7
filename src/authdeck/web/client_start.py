"""How clients begin: the address that each family of them wants, and what to paste into each kind of client."""

from collections.abc import Iterable
from typing import Any, Final

from starlette.requests import Request

from authdeck.gate import hosts
from authdeck.operations import reach
from authdeck.protocols import clients
from authdeck.routing import Route
from authdeck.web.room import Room

PLACEHOLDER: Final = "adk_…"


def for_clients(request: Request, room: Room, key: str = PLACEHOLDER) -> dict[str, Any]:
    """What a page shows of it, for what the accounts here serve; while there are none, for what most people want."""
    base = clients.base(hosts.address(request.scope, room.desk.settings))
    served = reach.routes_of(entry.account for entry in room.desk.directory.entries())
    routes = served or frozenset({Route.RESPONSES, Route.MESSAGES})
    return {"starts": addresses(base, routes), "snippets": clients.snippets(base, routes, key=key)}


def addresses(base: str, routes: Iterable[Route]) -> list[tuple[str, str]]:
    """By the code of each family's name; only of families that are served."""
    served = frozenset(routes)
    return [(code, f"{base}{path}") for code, path, needed in _FAMILIES if served & needed]


_FAMILIES: Final = (
    ("clients.openai", "/v1", frozenset({Route.RESPONSES, Route.CHAT})),
    ("clients.anthropic", "", frozenset({Route.MESSAGES})),
    ("clients.gemini", "/v1beta", frozenset({Route.GENERATE})),
    ("clients.code_assist", "", frozenset({Route.CODE_ASSIST})),
)
