"""Finding any account by any of its names, from every page."""

from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.operations import entries
from authdeck.operations.find_accounts import find_accounts
from authdeck.search import AccountSearch, from_query
from authdeck.web import account_rows
from authdeck.web.list_state import ListState
from authdeck.web.room import Room, room_of

PATH: Final = "/find"
_SHOWN: Final = 8


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    """The best few for the dialog. A plain form is led to the account it names, else to the list of what matches."""
    room = room_of(request)
    search = from_query({"search": request.query_params.get("search", "")}, lenient=True)
    if request.headers.get("hx-request") == "true":
        return await _found(request, room, search)
    return RedirectResponse(_named(room, search.text) or ListState(search).link(), 303)


async def _found(request: Request, room: Room, search: AccountSearch) -> Response:
    found = await find_accounts(room.desk, replace(search, page_size=_SHOWN))
    now, prefs = room.desk.now(), room.pages.preferences(request)
    hits = [account_rows.row(entry, room.desk.directory, now, prefs) for entry in found.items] if search.text else []
    text = room.pages.text(
        request,
        "_found.html",
        hits=hits,
        sought=bool(search.text),
        hits_total=found.total if search.text else 0,
        hits_href=ListState(search).link(),
    )
    return HTMLResponse(text)


def _named(room: Room, name: str) -> str | None:
    try:
        return f"/auth-files/{entries.by_name(room.desk, name).account.auth_index}" if name else None
    except DeckError:
        return None


ROUTES: Final = (Route(PATH, index),)
