"""One request told in full: what happened, attempt by attempt, what it left behind, and what to do next."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.clock import from_micros, to_micros
from authdeck.errors import NotFound
from authdeck.event import FailureKind, RequestEvent
from authdeck.gate.routes import needs
from authdeck.spans import DAY, Span
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import requests
from authdeck.storage.reading.request_evidence import Trace, left_by
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.samples import sample, sums_by
from authdeck.storage.reading.sums import total
from authdeck.web import request_rows
from authdeck.web.addresses import address
from authdeck.web.masking import masked
from authdeck.web.pages.queue import PATH as QUEUE
from authdeck.web.room import Room, room_of
from authdeck.web.traffic_drawn import NEXT_STEPS
from authdeck.web.traffic_state import PATH, state_of

REPEATED: Final = 3
"""So many like failures of an account within a day are one for the Action Queue."""

_COUNTED: Final = 2_000


@needs(Role.VIEWER)
async def one(request: Request) -> Response:
    room, request_id = room_of(request), request.path_params["request_id"]
    prefs = room.pages.preferences(request)
    event = await room.parts.monitoring.read(partial(requests.by_id, request_id=request_id))
    if event is None:
        raise NotFound("request_not_found", id=request_id)
    alike = await room.parts.monitoring.read(partial(_alike, event=event, now_ms=to_micros(room.desk.now()) // 1000))
    indexes = {attempt.auth_index for attempt in event.attempts} | ({event.auth_index} if event.auth_index else set())
    return room.pages.answer(
        request,
        "monitoring/request.html",
        section="monitoring",
        row=request_rows.row(event, prefs),
        event=event,
        story=request_rows.story(event, prefs.locale),
        waterfall=request_rows.waterfall(event),
        account_names={index: _name(room, index, hidden=prefs.masked) for index in indexes},
        traces=await _traces(room, event),
        alike=alike,
        next_step=_next_step(room, event, alike),
        leads_to=room.pages.leads_to,
        back=state_of(request.query_params, room.desk.now(), prefs.zone).link(),
    )


async def _traces(room: Room, event: RequestEvent) -> Sequence[Trace]:
    """A success leaves none that belongs to it alone."""
    tried = [attempt.auth_index for attempt in event.attempts if attempt.kind is not None]
    if not tried:
        return ()
    began = from_micros(event.at_ms * 1000)
    ended = began + timedelta(milliseconds=event.latency_ms)
    code = event.failure.code if event.failure else ""
    return await room.desk.read(
        partial(left_by, request_id=event.id.hex(), tried=tried, code=code, began=began, ended=ended)
    )


def _alike(c: ReadConnection, event: RequestEvent, now_ms: int) -> int:
    """Failures of the same account by the same cause within a day, this one included."""
    if event.failure is None or event.auth_index is None:
        return 0
    search = RequestSearch(auth_index=event.auth_index, failure=f"{event.failure.kind.value}:{event.failure.code}")
    some = sample(c, search, Span(now_ms - DAY, now_ms + 1), _COUNTED)
    return total(sums_by(c, some, "hour")).failures


def _next_step(room: Room, event: RequestEvent, alike: int) -> tuple[str, str] | None:
    """A code of its words, and where it leads; only to pages that are there."""
    if event.failure is None:
        return None
    kind = event.failure.kind
    step = NEXT_STEPS.get(kind, "")
    if kind is FailureKind.AUTH and event.auth_index and room.pages.leads_to(step):
        return "auth", address(step, {"account": event.auth_index})
    if alike >= REPEATED and room.pages.leads_to(QUEUE):
        return "queue", address(QUEUE, {"account": event.auth_index})
    if kind is FailureKind.NO_ACCOUNT:
        return "accounts", f"{step}?problem=true"
    if not step or not room.pages.leads_to(step):
        return None
    return kind.value, step


def _name(room: Room, auth_index: str, *, hidden: bool) -> str:
    entry = room.desk.directory.get(auth_index)
    if entry is None:
        return auth_index
    return masked(entry.account.file_name) if hidden else entry.account.file_name


ROUTES: Final = (Route(f"{PATH}/{{request_id}}", one),)
