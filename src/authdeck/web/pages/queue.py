"""The action queue: what needs a person, by what is suggested; incidents first. And answering it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.candidate import OPEN, Status
from authdeck.change import ANSWERS
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import queue
from authdeck.operations.queue import Chosen
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.queue import ACTIONS, QueueSearch, Sort
from authdeck.web import queue_rows, toasts
from authdeck.web.account_rows import NAMES, provider_named
from authdeck.web.addresses import address, changed, here, inside
from authdeck.web.pages.batches import ended
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of

PATH: Final = "/queue"
VIEWS: Final[Mapping[str, tuple[Status, ...]]] = {
    "open": OPEN,
    "ignored": (Status.IGNORED,),
    "resolved": (Status.RESOLVED, Status.DONE),
    "failed": (Status.FAILED,),
}
INCIDENTS: Final = "incidents"
HOURS: Final = (("", "ignore.signal"), ("4", "for.4"), ("24", "for.24"), ("168", "for.168"))
_TOP: Final = 5
_ROWS: Final = 50
_SHOWN_INCIDENTS: Final = 3
_ANSWERS: Final = frozenset(ANSWERS)
_WISHES: Final = _ANSWERS | {"disable", "enable", "delete"}
_FILTERS: Final = ("view", "q", "action", "provider", "reason", "account", "sort")


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    if request.query_params.get("view") == INCIDENTS:
        return await _incidents(request)
    room, params = room_of(request), request.query_params
    prefs, search = room.pages.preferences(request), search_of(request.query_params)
    view = _view(params)
    is_grouped = view == "open" and search.action is None and search.start == 0
    found = await room.desk.read(lambda connection: _read(connection, search, grouped=is_grouped))
    kept = {name: params[name] for name in _FILTERS if params.get(name)}
    return await room.pages.drawn_aside(
        request,
        "queue/index.html",
        section="queue",
        view=view,
        views=list(VIEWS),
        params=kept,
        search=search,
        filtered=bool(set(kept) - {"view", "sort"}),
        link=lambda **to: changed(PATH, kept, to),
        groups=queue_rows.groups(found.rows, found.facets["action"], prefs) if is_grouped else (),
        lines=() if is_grouped else [queue_rows.line(row, prefs) for row in found.rows],
        total=found.total,
        shown=len(found.rows),
        following=_following(search, found) if not is_grouped else "",
        statuses=found.statuses,
        incidents=[queue_rows.incident_line(each, prefs) for each in found.incidents],
        incidents_open=found.open_incidents,
        incidents_total=found.total_incidents,
        next_url=here(request),
        hours=HOURS,
        automatic=room.desk.settings.automation.disable,
        **_choices(found, prefs),
    )


async def _incidents(request: Request) -> Response:
    """All of them, the open ones first."""
    room = room_of(request)
    prefs, start = room.pages.preferences(request), _start(request.query_params)

    def read(connection: ReadConnection) -> tuple[list[Any], int, int, Mapping[str, int]]:
        return (
            reading.all_incidents(connection, limit=_ROWS, start=start),
            reading.count_incidents(connection),
            reading.count_incidents(connection, is_open=True),
            reading.facets(connection, QueueSearch())["status"],
        )

    found, total, is_open, statuses = await room.desk.read(read)
    return room.pages.answer(
        request,
        "queue/incidents.html",
        section="queue",
        view=INCIDENTS,
        views=list(VIEWS),
        params={},
        link=lambda **to: changed(PATH, {}, to),
        statuses=statuses,
        incidents=[queue_rows.incident_line(each, prefs) for each in found],
        incidents_open=is_open,
        incidents_total=total,
        following=str(start + _ROWS) if start + _ROWS < total else "",
        next_url=here(request),
        automatic=room.desk.settings.automation.disable,
    )


@needs(Role.OPERATOR)
async def act(request: Request) -> Response:
    """A row's own answer at once; what concerns accounts, or many rows, by way of a preview."""
    room, said = room_of(request), await request.form()
    back = inside(str(said.get("next", "")), PATH)
    wish, chosen = _asked(said, back)
    change, is_one = _change(room, wish, said), bool(said.get("one"))
    is_at_once = is_one and wish in _ANSWERS
    made = await queue.change(room.desk, room.parts.batches, chosen, change, actor_of(request), preview=not is_at_once)
    return ended(made, back) if is_at_once else RedirectResponse(address(f"/batches/{made.id}", {"next": back}), 303)


def _change(room: Room, wish: str, said: FormData) -> Mapping[str, Any]:
    """Raises ``DeckError('act_unknown')``."""
    if wish == "ignore":
        hours = str(said.get("for", ""))
        until = room.desk.now() + timedelta(hours=int(hours)) if hours in dict(HOURS) and hours else None
        return {"ignore": {"until": until.isoformat()} if until else True}
    if wish not in _WISHES:
        raise DeckError("act_unknown", status=422)
    return {wish: True}


@needs(Role.OPERATOR)
async def close_incident(request: Request) -> Response:
    room, said = room_of(request), await request.form()
    await queue.close_incident(room.desk, request.path_params["id"], actor_of(request))
    response = RedirectResponse(inside(str(said.get("next", "")), PATH), 303)
    toasts.leave(response, "did_close_incident", {})
    return response


def search_of(params: QueryParams) -> QueueSearch:
    """What an address asks for; what it asks wrongly is left out."""
    actions, sorts = {each.value: each for each in ACTIONS}, {each.value: each for each in Sort}
    view = _view(params)
    usual = Sort.HITS if view in {"open", "failed"} else Sort.CLOSED
    return QueueSearch(
        statuses=VIEWS[view],
        text=params.get("q", "").strip()[: reading.LONGEST_TEXT],
        action=actions.get(params.get("action", "")),
        provider=provider_named(params.get("provider", "")),
        reason=params.get("reason") or None,
        account=params.get("account") or None,
        sort=sorts.get(params.get("sort", ""), usual),
        start=_start(params),
        page_size=_ROWS,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    rows: list[reading.QueueRow]
    total: int
    facets: Mapping[str, Mapping[str, int]]
    statuses: Mapping[str, int]
    incidents: list[Any]
    open_incidents: int
    total_incidents: int


def _read(connection: ReadConnection, search: QueueSearch, *, grouped: bool) -> _Found:
    facets = reading.facets(connection, search)
    if grouped:
        rows, total = reading.tops(connection, search, _TOP), sum(facets["action"].values())
    else:
        page = reading.page(connection, search)
        rows, total = page.items, page.total
    is_open = reading.count_incidents(connection, is_open=True)
    shown = reading.all_incidents(connection, limit=_SHOWN_INCIDENTS, is_open=True) if is_open else []
    return _Found(rows, total, facets, facets["status"], shown, is_open, reading.count_incidents(connection))


def _asked(said: FormData, back: str) -> tuple[str, Chosen]:
    one = str(said.get("one", ""))
    if one:
        wish, _, key = one.partition(":")
        return wish, Chosen(_keys([key]))
    wish = str(said.get("act", ""))
    if said.get("all") == "yes":
        query = QueryParams(back.partition("?")[2])
        return wish, Chosen(search=replace(search_of(query), start=0))
    return wish, Chosen(_keys([str(key) for key in said.getlist("row")]))


def _keys(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isdecimal() and len(text) < 19]  # noqa: PLR2004 - a row's key


def _following(search: QueueSearch, found: _Found) -> str:
    end = search.start + len(found.rows)
    return str(end) if found.rows and end < found.total else ""


def _choices(found: _Found, prefs: Preferences) -> dict[str, Any]:
    """The filters' options with how many rows each leaves; the sentence for those of codes."""
    anything = ("", wording.sentence("any", {}, prefs.locale))

    def counted(text: str, number: int) -> str:
        return f"{text} ({wording.count(number, prefs.locale)})"

    actions, providers, reasons = (found.facets[name] for name in ("action", "provider", "reason"))
    return {
        "action_options": [
            anything,
            *(
                (each.value, counted(wording.sentence(f"queue.{each.value}", {}, prefs.locale), actions[each.value]))
                for each in ACTIONS
                if each.value in actions
            ),
        ],
        "provider_options": [
            anything,
            *((each, counted(name, providers[each])) for each, name in NAMES.items() if each in providers),
        ],
        "reason_options": [
            anything,
            *((code, counted(code, number)) for code, number in sorted(reasons.items(), key=lambda each: -each[1])),
        ],
        "sort_options": [(each.value, wording.sentence(f"queue.sort.{each.value}", {}, prefs.locale)) for each in Sort],
    }


def _view(params: QueryParams) -> str:
    return params.get("view", "") if params.get("view", "") in VIEWS else "open"


def _start(params: QueryParams) -> int:
    text = params.get("cursor", "")
    return int(text) if text.isdecimal() and len(text) < 9 else 0  # noqa: PLR2004 - far above any number of rows


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/acts", act, methods=["POST"]),
    Route(f"{PATH}/incidents/{{id:int}}/closing", close_incident, methods=["POST"]),
)
