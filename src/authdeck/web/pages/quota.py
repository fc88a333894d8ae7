"""Quota: who can serve now, who comes back when, and every account's windows. Looking asks nobody; buttons do."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations.batches import Asked
from authdeck.operations.entries import by_name
from authdeck.operations.find_accounts import find_accounts
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.search import to_query
from authdeck.web import quota_board, quota_list, toasts
from authdeck.web.addresses import address, inside
from authdeck.web.quota_board import PATH
from authdeck.web.quota_list import QuotaState
from authdeck.web.room import Room, room_of


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room, state = room_of(request), QuotaState.of(request.query_params)
    directory, prefs = room.desk.directory, room.pages.preferences(request)
    found = await find_accounts(room.desk, state.search)
    now = room.desk.now()
    known, until = directory.capacity(now), now + timedelta(hours=state.hours)
    board = quota_board.board(directory.states_by_provider(now), known.left(), known.next_backs(now), prefs.locale)
    return await room.pages.drawn_aside(
        request,
        "quota/index.html",
        section="quota",
        board=board,
        back=quota_board.timeline(known.backs(now, until), now, state.hours, board, prefs),
        ranges=quota_board.RANGES,
        state=state,
        search=state.search,
        link=state.link,
        segments=quota_list.segments(state, found),
        choices=quota_list.choices(state, found, prefs.locale),
        rows=quota_list.rows(found.items, directory, now, prefs),
        start=found.start,
        total=found.total,
        next=found.next,
        previous=found.previous,
    )


@needs(Role.OPERATOR)
async def query(request: Request) -> Response:
    """Ask the providers of the accounts ticked, or of all that the page's search finds. One is waited for."""
    room, said = room_of(request), await request.form()
    back = inside(str(said.get("next", "")), PATH)
    renew = said.get("renew") == "yes"
    if only := request.query_params.get("only"):
        return await _one(request, room, only, back, renew=renew)
    order = {"refresh": True} if renew else True
    if said.get("all") == "yes":
        state = QuotaState.of(QueryParams(parse_qsl(urlsplit(back).query)))
        search = replace(state.search, cursor=None)
        asked = Asked({"query_quota": order}, search=search, selection=to_query(search))
    else:
        names = tuple(str(name) for name in said.getlist("account"))
        asked = Asked({"query_quota": order}, names, selection={"auth_indexes": len(names)})
    batch = await room.parts.batches.begin(asked, actor_of(request))
    return RedirectResponse(address(f"/batches/{batch.id}", {"next": back}), 303)


async def _one(request: Request, room: Room, name: str, back: str, *, renew: bool) -> Response:
    """How it went is said where one came from; figures that were told stand there already."""
    file_name = by_name(room.desk, name).account.file_name
    answer = await room.parts.quota.query_quota(name, refresh=renew)
    response = RedirectResponse(back, 303)
    code = "did_query" if answer.outcome is Outcome.TOLD else "did_not_query"
    why = why_not(answer, room.pages.preferences(request).locale)
    toasts.leave(response, code, {"file_name": file_name, "why": why})
    return response


def why_not(answer: QuotaAnswer, locale: str) -> str:
    """Why nothing was told, in a sentence; empty where something was."""
    return wording.sentence(answer.code, answer.params, locale) if answer.code else ""


ROUTES: Final = (Route(PATH, index), Route(f"{PATH}/queries", query, methods=["POST"]))
