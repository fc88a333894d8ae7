"""Monitoring: how requests went over a time, by whom and what, and each of them, newest first."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.clock import from_micros
from authdeck.errors import DeckError, NotFound
from authdeck.event import FailureKind
from authdeck.gate.events import streamed
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations.client_keys import list_keys
from authdeck.operations.follow_requests import beginning, follow
from authdeck.operations.requests_file import export_requests
from authdeck.operations.traffic import By, Group, Groups, Traffic, grouped, traffic
from authdeck.spans import Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import requests
from authdeck.storage.reading.requests import NumberedEvent, RequestPage
from authdeck.storage.reading.sums import Slice, kept_from
from authdeck.web import account_rows, request_rows, traffic_drawn
from authdeck.web.account_rows import NAMES
from authdeck.web.client_start import for_clients
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.quiet import checks
from authdeck.web.request_log import trouble, unless_it_fails
from authdeck.web.room import Room, room_of
from authdeck.web.traffic_filters import chips, hidden
from authdeck.web.traffic_state import PATH, RANGES, VIEWS, TrafficState, state_of

OUTCOMES: Final = ("", "ok", "failed")
_ACCOUNTS_OFFERED: Final = 500
_SHARES: Final = Slice(6)
_KINDS: Final = tuple(FailureKind)
_NO_TABLE: Final[Mapping[str, Any]] = {
    "newest": None, "rows": (), "next": None, "looked_back_to": None, "groups": (), "grouped_from": None,
    "grouped_since": None, "lost_before": None,
}  # fmt: skip


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room = room_of(request)
    prefs, now = room.pages.preferences(request), room.desk.now()
    state, read = _state(request, room, prefs), room.parts.monitoring.read
    figures, rows = await asyncio.gather(
        unless_it_fails(
            asyncio.gather(
                read(partial(traffic, search=state.search, asked=state.asked, zone=prefs.zone)),
                read(partial(_shares, state=state)),
            )
        ),
        unless_it_fails(read(partial(_rows, state=state))),
    )
    failed = next((part for part in (figures, rows) if isinstance(part, DeckError)), None)
    context = {
        "state": state,
        "trouble": "" if failed is None else trouble(failed, prefs.locale),
        **({"found": None} if isinstance(figures, DeckError) else _figures(*figures, room, prefs)),
        **(_NO_TABLE if isinstance(rows, DeckError) else _table(*rows, state, room, prefs)),
        **({"quiet": ()} if isinstance(rows, DeckError) or rows[1] else await _explained(request, room, now)),
    }
    return await room.pages.drawn_aside(
        request, "monitoring/index.html", section="monitoring", **context, **await _filters(room, state, prefs)
    )


@needs(Role.VIEWER)
async def live(request: Request) -> Response:
    """What came in since ``after``, as server-sent events named ``new``: only how many, row by row nothing moves."""
    room = room_of(request)
    state = _state(request, room, room.pages.preferences(request))
    after = request.headers.get("last-event-id") or request.query_params.get("after", "")
    begins = await beginning(room.parts.monitoring, after)
    following = follow(room.parts.monitoring, replace(state.search, cursor=None), begins, room.desk.clock)
    return StreamingResponse(
        streamed("new", following, lambda some: str(len(some)), number=_last, begins=begins),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


@needs(Role.OPERATOR)
async def export(request: Request) -> Response:
    """The requests that the page's filters and time leave, as JSON lines."""
    room = room_of(request)
    search = replace(_state(request, room, room.pages.preferences(request)).list_search, cursor=None)
    name, content = await export_requests(room.desk, room.parts.monitoring, search, actor_of(request))
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type="application/x-ndjson", headers=headers)


@needs(Role.OPERATOR)
async def sample(request: Request) -> Response:
    """The demo's button: one request through the gateway, then its page."""
    room = room_of(request)
    if room.sample is None:
        raise NotFound("page_not_found")
    return RedirectResponse(f"{PATH}/{await room.sample()}", 303)


def _state(request: Request, room: Room, prefs: Preferences) -> TrafficState:
    """The account may be any name of it."""
    state = state_of(request.query_params, room.desk.now(), prefs.zone)
    auth_index = _auth_index(room, state.search.auth_index)
    return replace(state, search=replace(state.search, auth_index=auth_index))


def _last(some: list[NumberedEvent]) -> int:
    return some[-1].n


async def _explained(request: Request, room: Room, now: datetime) -> dict[str, Any]:
    """What to check where nothing ever came, with what is seen of it."""
    return {"quiet": await checks(room, now), **for_clients(request, room)}


def _figures(found: Traffic, shares: tuple[Groups, Groups], room: Room, prefs: Preferences) -> dict[str, Any]:
    (models, accounts), name = shares, partial(_account_name, room, hidden=prefs.masked)
    tokens, drawn = models.whole or found.sums, traffic_drawn.charts(found, room.desk.now(), prefs)
    return {
        "found": found,
        **drawn,
        "notes": [*drawn["notes"], *traffic_drawn.shares_notes(found, shares, room.desk.now(), prefs)],
        "models": _model_shares(models, tokens.tokens_input + tokens.tokens_output, prefs.locale),
        "account_shares": traffic_drawn.shares(
            accounts.rows,
            lambda row: row.sums.requests,
            (accounts.whole or found.sums).requests,
            name,
            prefs.locale,
        ),
    }


def _shares(c: ReadConnection, state: TrafficState) -> tuple[Groups, Groups]:
    by_tokens = replace(_SHARES, order="tokens_input")
    return (
        grouped(c, state.search, state.asked, "model", by_tokens, timed=False),
        grouped(c, state.search, state.asked, "account", _SHARES),
    )


def _rows(c: ReadConnection, state: TrafficState) -> tuple[RequestPage | Groups, int, int | None]:
    """The table of the view; the newest request's number, 0 where there never was one; see ``_lost_before``."""
    newest = requests.newest_number(c)
    if state.view != "each":
        return grouped(c, state.search, state.asked, cast("By", state.view), state.page), newest, None
    found = requests.page(c, state.list_search)
    return found, newest, None if found.next or not found.items else _lost_before(c, state.asked)


def _lost_before(c: ReadConnection, asked: Span) -> int | None:
    """Before when (unix milliseconds) single requests of that time are no longer kept, where that is so."""
    begins = kept_from(c, asked)
    return begins if begins > asked.from_ms else None


def _table(
    rows: RequestPage | Groups,
    newest: int,
    lost_before: int | None,
    state: TrafficState,
    room: Room,
    prefs: Preferences,
) -> dict[str, Any]:
    if isinstance(rows, RequestPage):
        return {
            **_NO_TABLE,
            "newest": newest,
            "rows": [request_rows.row(event, prefs) for event in rows.items],
            "next": rows.next,
            "looked_back_to": rows.looked_back_to,
            "lost_before": None if lost_before is None else from_micros(lost_before * 1000),
        }
    name = partial(_account_name, room, hidden=prefs.masked) if state.view == "account" else str
    return {
        **_NO_TABLE,
        "newest": newest,
        "next": state.page.offset + state.page.limit if rows.more else None,
        "groups": [(name(group.name), _provider(room, group, state), group) for group in rows.rows],
        **_covered(rows, state),
    }


def _covered(rows: Groups, state: TrafficState) -> dict[str, Any]:
    """Where the table begins, if that is before or after the time that was asked for."""
    begins, asked = from_micros(rows.covered.from_ms * 1000), from_micros(state.asked.from_ms * 1000)
    return {"grouped_from": begins if begins < asked else None, "grouped_since": begins if begins > asked else None}


def _provider(room: Room, group: Group, state: TrafficState) -> str | None:
    entry = room.desk.directory.get(group.name) if state.view == "account" else None
    return entry.account.provider.value if entry else None


def _model_shares(models: Groups, whole: int, locale: str) -> list[traffic_drawn.Share]:
    none = wording.sentence("traffic.no_model", {}, locale)
    return traffic_drawn.shares(
        models.rows,
        lambda row: row.sums.tokens_input + row.sums.tokens_output,
        whole,
        lambda name: name or none,
        locale,
    )


async def _filters(room: Room, state: TrafficState, prefs: Preferences) -> dict[str, Any]:
    any_ = ("", wording.sentence("any", {}, prefs.locale))
    return {
        "link": state.link,
        "params": state.words,
        "hidden": hidden(state),
        "chips": chips(state, prefs.locale, partial(_account_name, room, hidden=prefs.masked)),
        "ranges": tuple(RANGES),
        "views": VIEWS,
        "outcomes": OUTCOMES,
        "sample": room.sample is not None,
        "accounts": _accounts(room, state, prefs),
        "provider_options": [any_, *NAMES.items()],
        "kind_options": [
            any_,
            *((kind.value, wording.sentence(f"kind_of_failure.{kind.value}", {}, prefs.locale)) for kind in _KINDS),
        ],
        "cache_options": [
            any_,
            *((value, wording.sentence(f"cache.{value}", {}, prefs.locale)) for value in ("hit", "none")),
        ],
        "keys": sorted({key.name for key in await list_keys(room.desk)}),
        "leads_to": room.pages.leads_to,
        "provider": account_rows.provider_named(state.search.provider or ""),
    }


def _accounts(room: Room, state: TrafficState, prefs: Preferences) -> list[tuple[str, str]]:
    """The accounts to choose from, by name; with very many only the chosen one, and the search field finds the rest."""
    options = [("", wording.sentence("any", {}, prefs.locale))]
    entries: Any = room.desk.directory.entries() if len(room.desk.directory) <= _ACCOUNTS_OFFERED else ()
    named = sorted((entry.account.file_name.casefold(), entry.account.auth_index) for entry in entries)
    options += [(index, _account_name(room, index, hidden=prefs.masked)) for _, index in named]
    chosen = state.search.auth_index
    if chosen and chosen not in dict(options):
        options.append((chosen, _account_name(room, chosen, hidden=prefs.masked)))
    return options


def _auth_index(room: Room, name: str | None) -> str | None:
    found = room.desk.directory.named(name) if name else ()
    return found[0].account.auth_index if len(found) == 1 else name


def _account_name(room: Room, auth_index: str, *, hidden: bool) -> str:
    entry = room.desk.directory.get(auth_index)
    if entry is None:
        return auth_index
    return masked(entry.account.file_name) if hidden else entry.account.file_name


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/live", live),
    Route(f"{PATH}/export", export),
    Route(f"{PATH}/sample", sample, methods=["POST"]),
)
