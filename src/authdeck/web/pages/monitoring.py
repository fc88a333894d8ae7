"""Monitoring: requests newest first, and one request told in full."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import NotFound
from authdeck.event import RequestEvent
from authdeck.gate.routes import needs
from authdeck.operations.client_keys import list_keys
from authdeck.storage.reading import requests
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.web import account_rows, request_rows
from authdeck.web.account_rows import NAMES
from authdeck.web.addresses import changed
from authdeck.web.masking import masked
from authdeck.web.room import Room, room_of

PATH: Final = "/monitoring"
OUTCOMES: Final = ("", "ok", "failed")
_COUNTED: Final = 1000
_SPAN: Final = timedelta(hours=24)
_FILTERS: Final = ("q", "account", "status", "model", "client_key", "provider", "cursor")
_ACCOUNTS_OFFERED: Final = 500


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room, params = room_of(request), request.query_params
    prefs = room.pages.preferences(request)
    search = search_of(params, room)
    page = await room.monitoring.read(lambda connection: requests.page(connection, search))
    answers = await _answers(room, search)
    kept = {name: params[name] for name in _FILTERS if params.get(name)}
    return room.pages.answer(
        request,
        "monitoring/index.html",
        section="monitoring",
        rows=[request_rows.row(event, prefs) for event in page.items],
        next=page.next,
        params=kept,
        filtered=bool(set(kept) - {"cursor"}),
        link=lambda **to: changed(PATH, kept, to),
        outcomes=OUTCOMES,
        answers=answers,
        sample=room.sample is not None,
        no_accounts=not len(room.desk.directory),
        accounts=_accounts(room, search, prefs.locale, hidden=prefs.masked),
        provider_options=[("", wording.sentence("any", {}, prefs.locale)), *NAMES.items()],
        keys=sorted({key.name for key in await list_keys(room.desk)}),
    )


@needs(Role.VIEWER)
async def one(request: Request) -> Response:
    room, request_id = room_of(request), request.path_params["request_id"]
    prefs = room.pages.preferences(request)
    event = await room.monitoring.read(lambda connection: requests.by_id(connection, request_id))
    if event is None:
        raise NotFound("request_not_found", id=request_id)
    names = {attempt.auth_index: _name(room, attempt.auth_index, hidden=prefs.masked) for attempt in event.attempts}
    return room.pages.answer(
        request,
        "monitoring/request.html",
        section="monitoring",
        row=request_rows.row(event, prefs),
        event=event,
        story=request_rows.story(event, prefs.locale),
        waterfall=request_rows.waterfall(event),
        account_names=names,
    )


@needs(Role.OPERATOR)
async def sample(request: Request) -> Response:
    """The demo's button: one request through the gateway, then its page."""
    room = room_of(request)
    if room.sample is None:
        raise NotFound("page_not_found")
    return RedirectResponse(f"{PATH}/{await room.sample()}", 303)


def search_of(params: QueryParams, room: Room) -> RequestSearch:
    """What the address asks for; the account may be any name of it. A stranger's cursor begins at the start."""
    status = params.get("status", "")
    provider = account_rows.provider_named(params.get("provider", ""))
    return RequestSearch(
        status="ok"
        if status == "ok"
        else "failed"
        if status == "failed"
        else int(status)
        if _is_status(status)
        else None,
        auth_index=_auth_index(room, params.get("account", "").strip()),
        model=params.get("model", "").strip() or None,
        client_key=params.get("client_key") or None,
        provider=None if provider is None else provider.value,
        text=params.get("q", "").strip() or None,
        cursor=params.get("cursor") or None,
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """How the requests of the last 24 hours went. ``capped``: there were more, these are the newest."""

    total: int
    answered: int
    client: int
    retried: int
    median_ms: float | None
    capped: bool

    @property
    def failed(self) -> int:
        return self.total - self.answered


async def _answers(room: Room, search: RequestSearch) -> Answers:
    since = room.desk.now() - _SPAN
    wide = replace(search, status=None, cursor=None, since=since, page_size=_COUNTED)
    page = await room.monitoring.read(lambda connection: requests.page(connection, wide))
    return counted(page.items, capped=page.next is not None)


def counted(events: list[RequestEvent], *, capped: bool) -> Answers:
    good = [event for event in events if event.failure is None]
    times = sorted(event.latency_ms for event in good)
    return Answers(
        total=len(events),
        answered=len(good),
        client=sum(
            event.failure is not None and event.failure.kind in ("request", "client_closed") for event in events
        ),
        retried=sum(len(event.attempts) > 1 for event in good),
        median_ms=times[len(times) // 2] if times else None,
        capped=capped,
    )


def _accounts(room: Room, search: RequestSearch, locale: str, *, hidden: bool) -> list[tuple[str, str]]:
    """The accounts to choose from, by name; with very many only the chosen one, and the search field finds the rest."""
    options = [("", wording.sentence("any", {}, locale))]
    entries: Any = room.desk.directory.entries() if len(room.desk.directory) <= _ACCOUNTS_OFFERED else ()
    named = sorted((entry.account.file_name.casefold(), entry.account) for entry in entries)
    options += [
        (account.auth_index, masked(account.file_name) if hidden else account.file_name) for _, account in named
    ]
    if search.auth_index and search.auth_index not in dict(options):
        options.append((search.auth_index, _name(room, search.auth_index, hidden=hidden)))
    return options


def _auth_index(room: Room, name: str) -> str | None:
    if not name:
        return None
    found = room.desk.directory.named(name)
    return found[0].account.auth_index if len(found) == 1 else name


def _name(room: Room, auth_index: str, *, hidden: bool) -> str:
    entry = room.desk.directory.get(auth_index)
    if entry is None:
        return auth_index
    return masked(entry.account.file_name) if hidden else entry.account.file_name


def _is_status(text: str) -> bool:
    return text.isdecimal() and len(text) == 3  # noqa: PLR2004 - an HTTP status


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/sample", sample, methods=["POST"]),
    Route(f"{PATH}/{{request_id}}", one),
)
