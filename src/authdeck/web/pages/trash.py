"""Trash: deleted accounts, whole, until they are restored or purged. Purging is confirmed by the account's name."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import Account
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import kin, trash
from authdeck.operations.batches import Asked
from authdeck.operations.kin import Dependents
from authdeck.search import LONGEST_TEXT
from authdeck.storage.reading import accounts
from authdeck.storage.reading import trash as reading
from authdeck.storage.reading.trash import TrashPage, TrashSearch
from authdeck.web import account_rows, toasts
from authdeck.web.addresses import address, inside
from authdeck.web.masking import masked
from authdeck.web.room import Room, room_of

PATH: Final = "/trash"
ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Trashed:
    """``purged_after`` is when it goes for good by itself; ``name`` is what to type to let it go now."""

    account: Account
    name: str
    label: str
    plan: str
    by: str
    purged_after: datetime | None
    left_behind: Dependents


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    return await _page(request)


@needs(Role.OPERATOR)
async def restore(request: Request) -> Response:
    """Bring it back, whole."""
    room, said = room_of(request), await request.form()
    entry = await trash.restore(room.desk, request.path_params["auth_index"], actor_of(request))
    back = inside(str(said.get("next", "")), PATH)
    response = RedirectResponse(back, 303)
    toasts.leave(response, "did_restore_account", {"file_name": entry.account.file_name})
    return response


@needs(Role.ADMIN)
async def purge(request: Request) -> Response:
    """Let go for good, if ``name`` is what the page showed as its name."""
    room, said = room_of(request), await request.form()
    auth_index = request.path_params["auth_index"]
    account = await room.desk.read(lambda connection: accounts.by_index(connection, auth_index))
    typed = str(said.get("name", "")).strip()
    if typed not in (account.file_name, masked(account.file_name), auth_index):
        return await _page(request, DeckError("purge_name_differs", status=422, file_name=account.file_name))
    await trash.purge(room.desk, auth_index, actor_of(request))
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, "did_purge", {"file_name": account.file_name})
    return response


@needs(Role.OPERATOR)
async def act(request: Request) -> Response:
    """From the bar: restore or purge the ticked ones, or all that the search finds. Leads to the preview."""
    room, said = room_of(request), await request.form()
    wish = str(said.get("act", ""))
    if wish not in ("restore", "purge"):
        raise DeckError("act_unknown", status=422)
    back = inside(str(said.get("next", "")), PATH)
    names = [str(name) for name in said.getlist("account")]
    if said.get("all") == "yes":
        words = str(said.get("search", ""))[:LONGEST_TEXT]
        asked = Asked({wish: True}, trash=words, selection={"trash": True, "search": words})
    else:
        asked = Asked({wish: True}, names, selection={"auth_indexes": len(names)})
    preview = await room.parts.batches.begin(asked, actor_of(request), preview=True)
    return RedirectResponse(address(f"/batches/{preview.id}", {"next": back}), 303)


async def _page(request: Request, error: DeckError | None = None) -> Response:
    room = room_of(request)
    prefs, kept = room.pages.preferences(request), timedelta(days=room.desk.settings.trash_days)
    hide = masked if prefs.masked else str
    words, cursor = request.query_params.get("search", "")[:LONGEST_TEXT], request.query_params.get("cursor")
    found = await _found(room, words, cursor)
    uses = await kin.dependents_of(room.desk, room.parts.monitoring, [one.account for one in found.items])
    rows = [
        Trashed(
            account,
            hide(account.file_name),
            hide(account.label or account.email or ""),
            account_rows.plan_of(account, prefs.locale),
            one.by,
            None if account.trashed_at is None else account.trashed_at + kept,
            uses[account.auth_index],
        )
        for one in found.items
        for account in [one.account]
    ]
    return room.pages.answer(
        request,
        "trash/index.html",
        section="trash",
        status=200 if error is None else error.status,
        error=None if error is None else hide(wording.sentence(error.code, error.params, prefs.locale)),
        rows=rows,
        total=found.total,
        next=found.next,
        paged=bool(cursor),
        search=words,
        link=lambda **to: address(PATH, {"search": words, **to}),
        days=room.desk.settings.trash_days,
        may_purge=actor_of(request).role >= Role.ADMIN,
    )


async def _found(room: Room, words: str, cursor: str | None) -> TrashPage:
    """A stranger's cursor begins at the start."""
    try:
        return await room.desk.read(lambda connection: reading.page(connection, TrashSearch(words, ROWS, cursor)))
    except DeckError:
        return await room.desk.read(lambda connection: reading.page(connection, TrashSearch(words, ROWS)))


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/acts", act, methods=["POST"]),
    Route(f"{PATH}/{{auth_index}}/restoration", restore, methods=["POST"]),
    Route(f"{PATH}/{{auth_index}}/purge", purge, methods=["POST"]),
)
