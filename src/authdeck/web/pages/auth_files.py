"""Auth Files: the list with its filters, one account, and switching an account off and on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from authdeck import cursor, wording
from authdeck.access import Actor, Role
from authdeck.clock import to_micros
from authdeck.directory import Found
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.health import Health
from authdeck.operations import disable, entries
from authdeck.operations.find_accounts import find_accounts
from authdeck.search import FILTERS, SORTS, AccountSearch, CodexStatus, from_query, to_query
from authdeck.storage.reading import requests, revisions
from authdeck.web import account_rows, request_rows, toasts
from authdeck.web.account_rows import GROUPS, NAMES, TONES, AccountRow
from authdeck.web.activity import Activity, activity
from authdeck.web.addresses import changed, here, inside
from authdeck.web.masking import masked
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Toast, Undo

PATH: Final = "/auth-files"
PAGE_SIZES: Final = (50, 100, 200)
MODES: Final = ("table", "compact", "cards")
_RECENT: Final = 8


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room = room_of(request)
    search, mode = search_of(request.query_params), mode_of(request.query_params)
    found = await find_accounts(room.desk, search)
    rows = await listed(request, found.items)
    return room.pages.answer(
        request,
        "auth_files/index.html",
        section="auth-files",
        empty=not len(room.desk.directory),
        mode=mode,
        rows=rows,
        next_url=here(request),
        start=found.start,
        total=found.total,
        next=found.next,
        previous=found.previous,
        **filters(request, search, found),
    )


@needs(Role.VIEWER)
async def account(request: Request) -> Response:
    """One account by its auth_index; any other name of it leads there."""
    room, name = room_of(request), request.path_params["auth_index"]
    entry = entries.by_name(room.desk, name)
    auth_index = entry.account.auth_index
    if name != auth_index:
        return RedirectResponse(f"{PATH}/{auth_index}", 307)
    prefs = room.pages.preferences(request)
    stored = await room.desk.read(lambda connection: revisions.of_account(connection, auth_index))
    search = requests.RequestSearch(auth_index=auth_index, page_size=_RECENT)
    recent = await room.monitoring.read(lambda connection: requests.page(connection, search))
    (row,) = await listed(request, [entry])
    settings = entry.account.settings
    return room.pages.answer(
        request,
        "auth_files/account.html",
        section="auth-files",
        row=row,
        account=entry.account,
        organization=account_rows.identifier(entry.account.organization, prefs),
        subject=account_rows.identifier(entry.account.subject, prefs),
        aliases=[masked(alias) if prefs.masked else alias for alias in entry.account.aliases],
        sharing=_sharing(room, settings.prefix),
        revisions=stored,
        windows=entry.windows,
        window_name=partial(account_rows.window_name, locale=prefs.locale),
        recent=[request_rows.row(event, prefs) for event in recent.items],
        next_url=request.url.path,
    )


@needs(Role.OPERATOR)
async def disablement(request: Request) -> Response:
    """Switch off (``want=disabled``) or on. htmx gets the row back, a plain form the page it came from."""
    room, actor, form = room_of(request), actor_of(request), await request.form()
    auth_index, wish = request.path_params["auth_index"], str(form.get("want", ""))
    entry = await _switch(room, actor, auth_index, form)
    back = inside(str(form.get("next", "")), f"{PATH}/{auth_index}")
    code, opposite = ("did_disable", "enabled") if wish == "disabled" else ("did_enable", "disabled")
    undo = Undo(f"{PATH}/{auth_index}/disablement", opposite, back, f"row-{auth_index}")
    named = {"file_name": entry.account.file_name}
    if request.headers.get("hx-request") == "true":
        return await _switched(request, entry, back, code, named, undo)
    response = RedirectResponse(back, 303)
    toasts.leave(response, code, named, undo)
    return response


async def _switch(room: Room, actor: Actor, auth_index: str, form: FormData) -> Entry:
    match str(form.get("want", "")):
        case "disabled":
            return await disable.disable(room.desk, auth_index, actor, reason=str(form.get("reason", ""))[:500])
        case "enabled":
            return await disable.enable(room.desk, auth_index, actor)
        case other:
            raise DeckError("wish_unknown", status=422, wish=other)


async def _switched(
    request: Request, entry: Entry, back: str, code: str, named: Mapping[str, str], undo: Undo
) -> HTMLResponse:
    """The row as it is now, the counts, and the toast: what htmx puts in their places."""
    room = room_of(request)
    prefs = room.pages.preferences(request)
    params = QueryParams(parse_qsl(urlsplit(back).query))
    search = search_of(params)
    (row,) = await listed(request, [entry])
    found = await find_accounts(room.desk, search)
    shown = {name: masked(text) if prefs.masked else text for name, text in named.items()}
    text = room.pages.text(
        request,
        "auth_files/_changed.html",
        mode=mode_of(params),
        row=row,
        next_url=back,
        toast=Toast(wording.sentence(code, shown, prefs.locale), undo),
        summary=summary(params, search, found),
    )
    return HTMLResponse(text)


async def listed(request: Request, found: Sequence[Entry]) -> list[AccountRow]:
    """The entries as rows, each with its last 200 minutes."""
    room = room_of(request)
    now, prefs = room.desk.now(), room.pages.preferences(request)
    drawn = await _activities(room, [entry.account.auth_index for entry in found])
    return [
        account_rows.row(entry, room.desk.directory, now, prefs, drawn.get(entry.account.auth_index)) for entry in found
    ]


def search_of(params: QueryParams) -> AccountSearch:
    """What the address asks for. What it asks for wrongly is left out: a page has no use for a refusal."""
    search = from_query({name: params.getlist(name) for name in params}, lenient=True)
    size = search.page_size if search.page_size in PAGE_SIZES else PAGE_SIZES[0]
    return replace(search, page_size=size, cursor=cursor.of_this_order(search.cursor, search.sort))


def mode_of(params: QueryParams) -> str:
    mode = params.get("mode", "")
    return mode if mode in MODES else MODES[0]


@dataclass(frozen=True, slots=True)
class Card:
    """One of the summary's counts, and the list it leads to."""

    key: str
    tone: str
    figure: int
    href: str
    current: bool


def summary(params: QueryParams, search: AccountSearch, found: Found) -> list[Card]:
    """Exclusive counts of what the other filters leave; together they are the total."""
    counts = found.facets["state"]
    link = _linker(params)
    cards = [
        Card(
            "total",
            "",
            sum(counts.values()),
            link(state="", **_NO_FLAGS),
            not search.state and not _state_value(search),
        )
    ]
    for key, healths in GROUPS.items():
        figure = sum(counts.get(health.value, 0) for health in healths)
        href = link(state=",".join(healths), **_NO_FLAGS)
        cards.append(Card(key, _CARD_TONES[key], figure, href, search.state == frozenset(healths)))
    return cards


_NO_FLAGS: Final = {"problem": "", "healthy": "", "disabled": ""}
_CARD_TONES: Final = {
    "available": "available", "attention": "reauth", "quota": "exhausted", "disabled": "disabled",
    "unconfirmed": "unknown",
}  # fmt: skip


def filters(request: Request, search: AccountSearch, found: Found) -> dict[str, Any]:
    """What the filter bar shows, in the page's language."""
    locale = room_of(request).pages.preferences(request).locale

    def said(code: str) -> str:
        return wording.sentence(code, {}, locale)

    states = [("", said("any")), ("problem", said("problems")), ("healthy", said("healthy_only"))]
    states += [(",".join(healths), said(f"card.{key}")) for key, healths in GROUPS.items() if len(healths) > 1]
    states += [
        (health, f"{said(f'health.{health}')} · {found.facets['state'].get(health, 0)}")
        for health in TONES
        if found.facets["state"].get(health) or search.state == {Health(health)}
    ]
    plans = sorted(found.facets["plan"].items(), key=lambda pair: pair[0].casefold())
    if search.plan and search.plan not in found.facets["plan"]:
        plans.append((search.plan, 0))
    return {
        "search": search,
        "link": _linker(request.query_params),
        "hidden_filters": [(name, value) for name, value in to_query(search).items() if name in _WITHOUT_CONTROL],
        "summary": summary(request.query_params, search, found),
        "providers": [(name, found.facets["provider"][name]) for name in NAMES if name in found.facets["provider"]],
        "all_providers": sum(found.facets["provider"].values()),
        "state_options": states,
        "state_value": _state_value(search),
        "codex_options": [("", said("any")), *_codex_options(search, found, locale)],
        "plan_options": [
            ("", said("any")),
            *((name, f"{said('plan.unknown') if name == 'unknown' else name} · {number}") for name, number in plans),
        ],
        "sort_options": [
            (sort, said(f"sort.{sort}")) for sort in (*SORTS, *([search.sort] if search.sort[0] == "-" else []))
        ],
        "page_sizes": PAGE_SIZES,
    }


def _state_value(search: AccountSearch) -> str:
    for name, chosen in (("problem", search.problem), ("healthy", search.healthy)):
        if chosen:
            return name
    return ",".join(health for health in Health if health in search.state)


def _codex_options(search: AccountSearch, found: Found, locale: str) -> list[tuple[str, str]]:
    """Those that any account has, and the one chosen."""
    counts = found.facets["codex_status"]
    return [
        (status.value, f"{wording.sentence(f'codex_status.{status.value}', {}, locale)} · {counts.get(status, 0)}")
        for status in CodexStatus
        if counts.get(status) or search.codex_status is status
    ]


def _linker(params: QueryParams) -> Callable[..., str]:
    kept = {name: value for name, value in params.items() if name in _STATE}

    def link(**to: object) -> str:
        return changed(PATH, kept, to)

    return link


_WITHOUT_CONTROL: Final = frozenset({"prefix", "project", "kind", "locked", "disabled"})
_STATE: Final = frozenset({"q", "mode", *FILTERS})


def _sharing(room: Room, prefix: str | None) -> int:
    """How many accounts a prefix reaches."""
    if prefix is None:
        return 0
    return sum(entry.account.settings.prefix == prefix for entry in room.desk.directory.entries())


async def _activities(room: Room, auth_indexes: Sequence[str]) -> dict[str, Activity]:
    now_ms = to_micros(room.desk.now()) // 1000
    buckets = await room.monitoring.read(lambda connection: requests.recent_buckets(connection, auth_indexes, now_ms))
    return {auth_index: activity(counts) for auth_index, counts in buckets.items()}


ROUTES: Final = (
    Route(PATH, index, name="auth-files"),
    Route(f"{PATH}/{{auth_index}}", account),
    Route(f"{PATH}/{{auth_index}}/disablement", disablement, methods=["POST"]),
)
