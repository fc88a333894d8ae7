"""Saved views of the list: shown beside its title, kept and taken away by plain forms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import saved_views
from authdeck.search import AccountSearch
from authdeck.web import toasts
from authdeck.web.addresses import address, inside
from authdeck.web.list_state import PATH, ListState
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

_COUNTED: Final = 8
"""So many views say how many accounts they hold; counting more would cost more than it tells."""


@dataclass(frozen=True, slots=True)
class View:
    """``key`` is 0 for the two that everybody has. ``figure`` is ``None`` where nobody counted."""

    key: int
    name: str
    href: str
    shared: bool
    owner: str
    current: bool
    may_remove: bool
    figure: int | None = None


async def shown(request: Request, state: ListState) -> Sequence[View]:
    """All accounts, those with a problem, then the saved ones."""
    room, actor = room_of(request), actor_of(request)
    locale = room.pages.preferences(request).locale
    built_in = [
        View(0, wording.sentence(f"view.{name}", {}, locale), address(PATH, words), False, "", False, False)
        for name, words in (("all", {}), ("problems", {"problem": "true"}))
    ]
    kept = [
        View(
            view.key,
            view.name,
            f"{PATH}?{view.query}",
            view.shared,
            view.owner,
            False,
            saved_views.may_remove(view, actor),
        )
        for view in await saved_views.visible(room.desk, saved_views.ACCOUNTS, actor)
    ]
    found = []
    for at, view in enumerate([*built_in, *kept]):
        its = ListState.at(view.href)
        figure = _figure(request, its.search) if 0 < at <= _COUNTED else None
        found.append(replace(view, figure=figure, current=its.is_like(state)))
    return found


def _figure(request: Request, search: AccountSearch) -> int:
    desk = room_of(request).desk
    return desk.directory.find(replace(search, page_size=1, cursor=None), desk.now()).total


@needs(Role.VIEWER)
async def save(request: Request) -> Response:
    """Keep the list at ``next`` under ``name``; ``shared=yes`` shows it to everyone."""
    room, said = room_of(request), await request.form()
    back = inside(str(said.get("next", "")), PATH)
    name, words = str(said.get("name", "")), ListState.at(back).words
    query = address("", words).removeprefix("?")
    shared = said.get("shared") == "yes"
    actor = actor_of(request)
    await saved_views.save(room.desk, saved_views.ACCOUNTS, actor, name=name, query=query, shared=shared)
    response = RedirectResponse(address(PATH, words), 303)
    toasts.leave(response, "did_save_view", {"name": " ".join(name.split())})
    return response


@needs(Role.VIEWER)
async def remove(request: Request) -> Response:
    room = room_of(request)
    view = await saved_views.remove(room.desk, request.path_params["key"], actor_of(request))
    response = RedirectResponse(PATH, 303)
    undo = Undo(f"{PATH}/views/{view.key}/restoration", "restored", PATH)
    toasts.leave(response, "did_remove_view", {"name": view.name}, undo)
    return response


@needs(Role.VIEWER)
async def put_back(request: Request) -> Response:
    """The list as the view shows it, so that it is seen that it is back."""
    view = await saved_views.put_back(room_of(request).desk, request.path_params["key"], actor_of(request))
    response = RedirectResponse(f"{PATH}?{view.query}", 303)
    toasts.leave(response, "did_put_view_back", {"name": view.name})
    return response


ROUTES: Final = (
    Route(f"{PATH}/views", save, methods=["POST"]),
    Route(f"{PATH}/views/{{key:int}}/removal", remove, methods=["POST"]),
    Route(f"{PATH}/views/{{key:int}}/restoration", put_back, methods=["POST"]),
)
