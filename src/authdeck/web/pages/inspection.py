"""Inspection: what the last run saw and suggests, asking anew, and what came before."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.evidence import Action
from authdeck.gate.events import streamed
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.inspection_order import Order, read_policy, read_selection
from authdeck.operations.batches import Asked
from authdeck.operations.inspections import CHANGES
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.inspections import StoredInspection, StoredResult
from authdeck.web import inspection_rows, toasts
from authdeck.web.account_rows import NAMES
from authdeck.web.addresses import address, here, inside
from authdeck.web.inspection_forms import order_of, typed_of
from authdeck.web.inspection_rows import ASKING, SHOWN, ResultLine
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of
from authdeck.web.suggested import Group

PATH: Final = "/inspection"
_TOP: Final = 10
_ROWS: Final = 100
_LISTED: Final = 50
_LONGEST_KEY: Final = 18


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    """The newest run; without one, what an inspection is."""
    room = room_of(request)
    found, _ = await room.desk.read(lambda connection: reading.newest(connection, limit=1))
    if found:
        return await _run(request, found[0])
    schedules = await room.parts.inspecting.schedules.all()
    return room.pages.answer(request, "inspection/empty.html", section="inspection", view="results", on=_on(schedules))


@needs(Role.VIEWER)
async def show(request: Request) -> Response:
    return await _run(request, await room_of(request).parts.inspecting.runs.one(request.path_params["id"]))


async def _run(request: Request, run: StoredInspection) -> Response:
    room, params = room_of(request), request.query_params
    prefs = room.pages.preferences(request)
    tab = params.get("action", "") if params.get("action", "") in set(SHOWN) else ""
    after = int(text) if (text := params.get("after", "")).isdecimal() and len(text) <= _LONGEST_KEY else 0
    former = await room.parts.inspecting.runs.one(run.compared_to) if run.compared_to else None
    found = await room.desk.read(lambda connection: _read(connection, run, tab, after))
    schedules = await room.parts.inspecting.schedules.all()
    groups = [_group(room, action, run, rows[:_ROWS], prefs) for action, rows in found.items() if rows]
    rows = found.get(Action(tab), []) if tab else []
    return room.pages.answer(
        request,
        "inspection/run.html",
        section="inspection",
        view="results",
        on=_on(schedules),
        run=run,
        former=former,
        about=inspection_rows.about(run.selection, prefs.locale),
        may=inspection_rows.may(run.policy, prefs.locale),
        tone=inspection_rows.STATUS_TONES[run.status],
        glyph=inspection_rows.STATUS_GLYPHS[run.status],
        figures=inspection_rows.figures(run, former, prefs),
        unreached=run.done - sum(run.counts.values()),
        tabs=[("", sum(run.counts.get(each.value, 0) for each in ASKING))]
        + [(each.value, run.counts.get(each.value, 0)) for each in SHOWN],
        tab=tab,
        groups=groups,
        shown=sum(len(group.lines) for group in groups),
        total=run.counts.get(tab, 0),
        more=rows[_ROWS - 1].account if len(rows) > _ROWS else None,
        next_url=here(request),
        link=lambda **to: address(f"{PATH}/{run.id}", {"action": tab, **to}),
        acts=list(CHANGES),
    )


def _read(
    connection: ReadConnection, run: StoredInspection, tab: str, after: int
) -> Mapping[Action, list[StoredResult]]:
    """The results to show, by suggestion: a page of one, or the first of each that asks for somebody."""

    def some(action: Action, limit: int) -> list[StoredResult]:
        compared = run.compared_to
        return reading.results(connection, run.id, actions=[action], compared_to=compared, after=after, limit=limit)

    if tab:
        return {Action(tab): some(Action(tab), _ROWS + 1)}
    return {action: some(action, _TOP) for action in ASKING}


def _group(
    room: Room, action: Action, run: StoredInspection, rows: Collection[StoredResult], prefs: Preferences
) -> Group[ResultLine]:
    return Group(action, run.counts.get(action.value, 0), [_line(room, row, prefs) for row in rows])


def _line(room: Room, result: StoredResult, prefs: Preferences) -> ResultLine:
    directory = room.desk.directory
    entry = directory.get(result.auth_index)
    health = directory.health(entry, room.desk.now()) if entry else None
    return inspection_rows.line(result, entry, health, prefs)


@needs(Role.VIEWER)
async def history(request: Request) -> Response:
    room, prefs = room_of(request), room_of(request).pages.preferences(request)
    cursor = request.query_params.get("cursor")
    try:
        found, following = await room.desk.read(lambda c: reading.newest(c, limit=_LISTED, cursor=cursor))
    except DeckError:
        found, following = await room.desk.read(lambda c: reading.newest(c, limit=_LISTED))
    return room.pages.answer(
        request,
        "inspection/history.html",
        section="inspection",
        view="history",
        on=_on(await room.parts.inspecting.schedules.all()),
        runs=[
            (run, inspection_rows.about(run.selection, prefs.locale), inspection_rows.may(run.policy, prefs.locale))
            for run in found
        ],
        tones=inspection_rows.STATUS_TONES,
        glyphs=inspection_rows.STATUS_GLYPHS,
        actions=[each.value for each in SHOWN],
        following=following,
    )


# ---- asking ----


@needs(Role.OPERATOR)
async def form(request: Request) -> Response:
    """What is to be asked; nothing happens yet."""
    return _form(request, typed_of(request.query_params))


def _form(request: Request, typed: Mapping[str, Any], error: DeckError | None = None) -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    return room.pages.answer(
        request,
        "inspection/form.html",
        section="inspection",
        status=error.status if error else 200,
        typed=typed,
        error=wording.sentence(error.code, error.params, locale) if error else "",
        providers=list(NAMES.items()),
        further=inspection_rows.further(typed, locale),
    )


@needs(Role.OPERATOR)
async def begin(request: Request) -> Response:
    room, said = room_of(request), await request.form()
    typed = typed_of(said)
    try:
        selection, policy = order_of(typed)
        order = Order(read_selection(selection), read_policy(policy))
        run = await room.parts.inspecting.runs.begin(order, actor_of(request), dry_run=bool(typed["dry_run"]))
    except DeckError as error:
        return _form(request, typed, error)
    return RedirectResponse(f"{PATH}/{run.id}", 303)


@needs(Role.OPERATOR)
async def cancel(request: Request) -> Response:
    room, id_ = room_of(request), request.path_params["id"]
    await room.parts.inspecting.runs.cancel(id_, actor_of(request))
    response = RedirectResponse(f"{PATH}/{id_}", 303)
    toasts.leave(response, "did_inspection.cancelled", {})
    return response


@needs(Role.VIEWER)
async def events(request: Request) -> Response:
    """``inspection`` with how far it is, whenever it moves; the page shows it, and loads anew at the end."""
    room, id_ = room_of(request), request.path_params["id"]
    await room.parts.inspecting.runs.one(id_)
    following = room.parts.inspecting.runs.follow(id_)
    return StreamingResponse(
        streamed("inspection", following, lambda now: f"{now.status} {now.done} {now.total}"),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


# ---- what follows ----


@needs(Role.OPERATOR)
async def act(request: Request) -> Response:
    """A row's button, or what is to be done with the ticked ones, by way of the preview of a batch."""
    room, said, id_ = room_of(request), await request.form(), request.path_params["id"]
    back = inside(str(said.get("next", "")), f"{PATH}/{id_}")
    wish, names = await _asked(room, id_, said)
    if wish not in {each.value for each in CHANGES}:
        raise DeckError("act_unknown", status=422)
    told = {"inspection": id_, "auth_indexes": len(names)}
    asked = Asked(CHANGES[Action(wish)], names, selection=told)
    preview = await room.parts.batches.begin(asked, actor_of(request), preview=True)
    return RedirectResponse(address(f"/batches/{preview.id}", {"next": back}), 303)


async def _asked(room: Room, id_: str, said: FormData) -> tuple[str, list[str]]:
    if one := str(said.get("one", "")):
        wish, _, name = one.partition(":")
        return wish, [name]
    wish, tab = str(said.get("act", "")), str(said.get("tab", ""))
    if said.get("all") == "yes" and tab in set(SHOWN):
        return wish, await room.desk.read(lambda c: reading.indexes_of(c, id_, Action(tab), None))
    return wish, [str(name) for name in said.getlist("account")]


def _on(schedules: Collection[Any]) -> int:
    return sum(each.enabled for each in schedules)


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, begin, methods=["POST"]),
    Route(f"{PATH}/new", form),
    Route(f"{PATH}/history", history),
    Route(f"{PATH}/{{id:str}}", show),
    Route(f"{PATH}/{{id:str}}/events", events),
    Route(f"{PATH}/{{id:str}}/cancel", cancel, methods=["POST"]),
    Route(f"{PATH}/{{id:str}}/acts", act, methods=["POST"]),
)
