"""Auth Files: the list with its filters, one account, and switching an account off and on."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Actor, Role
from authdeck.clock import to_micros
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.hold import Owner
from authdeck.operations import disable
from authdeck.operations.find_accounts import find_accounts
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import batches, requests
from authdeck.storage.reading.batches import StoredBatch
from authdeck.web import account_rows, filter_bar, toasts
from authdeck.web.account_rows import AccountRow
from authdeck.web.activity import Activity, activity
from authdeck.web.addresses import address, here, inside
from authdeck.web.list_state import PATH, ListState
from authdeck.web.masking import masked
from authdeck.web.pages import saved_views
from authdeck.web.rendering import wants_drawer
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Toast, Undo


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room, state = room_of(request), ListState.of(request.query_params)
    found = await find_accounts(room.desk, state.search)
    rows, partial = await _rows(request, found.items)
    return await room.pages.drawn_aside(
        request,
        "auth_files/index.html",
        section="auth-files",
        empty=not len(room.desk.directory),
        rows=rows,
        partial=partial,
        views=await saved_views.shown(request, state),
        inspect_url=address("/inspection/new", state.filters),
        schedule_url=address("/inspection/schedules/new", state.filters),
        running=await room.desk.read(_running),
        next_url=here(request),
        start=found.start,
        total=found.total,
        next=found.next,
        previous=found.previous,
        **filter_bar.bar(state, found, room.pages.preferences(request).locale),
    )


def _running(connection: ReadConnection) -> list[StoredBatch]:
    """Changes under way, by whomever."""
    found = [batches.one(connection, id_) for id_ in batches.running(connection)]
    return [batch for batch in found if not batch.is_preview]


@needs(Role.OPERATOR)
async def disablement(request: Request) -> Response:
    """Switch off (``want=disabled``) or on. htmx gets the row back, a plain form the page it came from."""
    room, actor, form = room_of(request), actor_of(request), await request.form()
    auth_index, wish = request.path_params["auth_index"], str(form.get("want", ""))
    reason = str(form.get("reason", "") or request.query_params.get("reason", ""))[:500]
    before = _reason_of(room, auth_index)
    entry = await _switch(room, actor, auth_index, wish, reason)
    back = inside(str(form.get("next", "")), f"{PATH}/{auth_index}")
    code, opposite = ("did_disable", "enabled") if wish == "disabled" else ("did_enable", "disabled")
    way_back = address(f"{PATH}/{auth_index}/disablement", {"reason": before if opposite == "disabled" else ""})
    undo = Undo(way_back, opposite, back, f"row-{auth_index}")
    named = {"file_name": entry.account.file_name}
    if request.headers.get("hx-request") == "true" and not wants_drawer(request):
        return await switched(request, entry, back, code, named, undo)
    response = RedirectResponse(back, 303)
    toasts.leave(response, code, named, undo)
    return response


def _reason_of(room: Room, auth_index: str) -> str:
    """Why a person switched it off: undoing an enabling puts that back."""
    entry = room.desk.directory.get(auth_index)
    held = () if entry is None else entry.holds
    return next((hold.note for hold in held if (hold.owner, hold.code) == (Owner.OPERATOR, "disabled")), "")


async def _switch(room: Room, actor: Actor, auth_index: str, wish: str, reason: str) -> Entry:
    match wish:
        case "disabled":
            return await disable.disable(room.desk, auth_index, actor, reason=reason)
        case "enabled":
            return await disable.enable(room.desk, auth_index, actor)
        case other:
            raise DeckError("wish_unknown", status=422, wish=other)


async def switched(
    request: Request, entry: Entry, back: str, code: str, named: Mapping[str, str], undo: Undo
) -> HTMLResponse:
    """The row as it is now, the counts, and the toast: what htmx puts in their places."""
    room = room_of(request)
    prefs = room.pages.preferences(request)
    state = ListState.at(back)
    (row,) = await listed(request, [entry])
    found = await find_accounts(room.desk, state.search)
    shown = {name: masked(text) if prefs.masked else text for name, text in named.items()}
    text = room.pages.text(
        request,
        "auth_files/_changed.html",
        mode=state.mode,
        row=row,
        next_url=back,
        toast=Toast(wording.sentence(code, shown, prefs.locale), undo),
        summary=filter_bar.summary(state, found),
    )
    return HTMLResponse(text)


async def listed(request: Request, found: Sequence[Entry]) -> list[AccountRow]:
    """The entries as rows, each with its last 200 minutes."""
    rows, _ = await _rows(request, found)
    return rows


async def _rows(request: Request, found: Sequence[Entry]) -> tuple[list[AccountRow], bool]:
    """The rows, and whether request figures are missing: the list is worth showing without them."""
    room = room_of(request)
    now, prefs = room.desk.now(), room.pages.preferences(request)
    drawn: Mapping[str, Activity] = {}
    partial = False
    try:
        drawn = await _activities(room, [entry.account.auth_index for entry in found])
    except DeckError:
        partial = True
    rows = [
        account_rows.row(entry, room.desk.directory, now, prefs, drawn.get(entry.account.auth_index)) for entry in found
    ]
    return rows, partial


async def _activities(room: Room, auth_indexes: Sequence[str]) -> dict[str, Activity]:
    now_ms = to_micros(room.desk.now()) // 1000
    buckets = await room.parts.monitoring.read(
        lambda connection: requests.recent_buckets(connection, auth_indexes, now_ms)
    )
    return {auth_index: activity(counts) for auth_index, counts in buckets.items()}


ROUTES: Final = (
    Route(PATH, index, name="auth-files"),
    Route(f"{PATH}/{{auth_index}}/disablement", disablement, methods=["POST"]),
)
