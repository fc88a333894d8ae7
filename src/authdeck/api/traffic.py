"""``/requests`` as a whole: figures over a time, by what and by whom, as they come, and as a file."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from authdeck.access import Role
from authdeck.api.limits import LimitedImport
from authdeck.api.parts import ActorHere, PartsHere
from authdeck.api.request_filters import SearchHere
from authdeck.api.request_shapes import request_shape
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.clock import from_micros, to_micros
from authdeck.errors import DeckError
from authdeck.gate.events import streamed
from authdeck.gate.routes import needs
from authdeck.operations.follow_requests import beginning, follow
from authdeck.operations.requests_file import export_requests, import_requests
from authdeck.operations.traffic import By, grouped, traffic
from authdeck.spans import DAY, Span
from authdeck.storage.reading.latencies import Percentiles
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import Gap, NumberedEvent
from authdeck.storage.reading.sums import Slice, Sums

router = APIRouter(prefix="/requests", tags=["requests"], route_class=LimitedImport)

NDJSON: Final = "application/x-ndjson"
_LATEST: Final = to_micros(datetime(9999, 1, 1, tzinfo=UTC)) // 1000
"""No request is later, nor before 1970; days around a time nearer to the calendar's ends would have no date."""
_LONGEST: Final = int(timedelta(days=3660).total_seconds() * 1000)


class SumsShape(Shape):
    """Tokens as far as providers reported them. ``latency_us`` is all durations together."""

    requests: int
    failures: int
    tokens_input: int
    tokens_output: int
    tokens_cached: int
    tokens_reasoning: int
    latency_us: int


class PercentilesShape(Shape):
    """Milliseconds of the whole answer and of its first byte, right to 13 %; ``null`` where nothing is known."""

    p50: float | None
    p95: float | None
    ttfb_p50: float | None
    ttfb_p95: float | None


class SpanShape(Shape):
    since: Time
    until: Time


class PartShape(Shape):
    since: Time
    until: Time
    sums: SumsShape
    times: PercentilesShape


class CauseShape(Shape):
    """``kind`` is empty where a status is all that is known; then ``code`` is that."""

    kind: str
    code: str
    count: int


class GapShape(Shape):
    """Requests of this time are missing: ``count`` of them, ``null`` where nobody knows."""

    since: Time
    until: Time
    why: str
    count: int | None


class SummaryShape(Shape):
    """``covered`` is the time that ``sums`` are of, ``timed`` that of ``times``, ``explained`` that of ``causes``.

    They begin later than ``asked`` where only the newest requests could be looked at, and earlier where whole hours had
    to be taken.
    """

    asked: SpanShape
    covered: SpanShape
    timed: SpanShape
    explained: SpanShape
    sums: SumsShape
    times: PercentilesShape
    parts: list[PartShape]
    causes: list[CauseShape]
    gaps: list[GapShape]


class GroupShape(Shape):
    """``name`` is a model (empty: none was named), an auth_index or a client key."""

    name: str
    sums: SumsShape
    times: PercentilesShape | None


class GroupsShape(Listing[GroupShape]):
    """``covered`` is the time that the items are of; of its ``gaps`` requests were too many to be counted."""

    covered: SpanShape
    gaps: list[GapShape]


class ProblemShape(Shape):
    line: int
    problem: str


class TakenShape(Shape):
    """Lines ``added``; ``known`` before; ``forgotten``: of hours whose requests were deleted here; ``refused``."""

    added: int
    known: int
    forgotten: int
    refused: int
    problems: list[ProblemShape]


@router.get("/summary")
@needs(Role.VIEWER)
async def summary(
    parts: PartsHere,
    search: SearchHere,
    zone: Annotated[str, Query(max_length=64, description="Whose days the parts are, such as Asia/Shanghai.")] = "UTC",
) -> SummaryShape:
    """Figures, their course, causes and gaps; of the last 24 hours unless ``since`` and ``until`` say otherwise."""
    asked = _asked(search, parts.desk.now())
    found = await parts.monitoring.read(partial(traffic, search=search, asked=asked, zone=_zone(zone)))
    return SummaryShape(
        asked=_span(found.asked),
        covered=_span(found.covered),
        timed=_span(found.timed),
        explained=_span(found.explained),
        sums=_sums(found.sums),
        times=_times(found.times),
        parts=[
            PartShape(**_span(part.span).model_dump(), sums=_sums(part.sums), times=_times(part.times))
            for part in found.parts
        ],
        causes=[CauseShape.model_validate(cause, from_attributes=True) for cause in found.causes],
        gaps=_gaps(found.gaps),
    )


@router.get("/groups")
@needs(Role.VIEWER)
async def groups(
    parts: PartsHere,
    search: SearchHere,
    by: By,
    order: Literal["requests", "failures", "tokens_input", "tokens_output", "latency_us"] = "requests",
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> GroupsShape:
    """The same time by model, account or client key, those with the most first.

    Without filters, accounts are summed by whole days (UTC) where a day holds too many requests to be divided.
    """
    asked = _asked(search, parts.desk.now())
    found = await parts.monitoring.read(
        partial(grouped, search=search, asked=asked, by=by, page=Slice(page_size, cursor, order))
    )
    items = [
        GroupShape(name=row.name, sums=_sums(row.sums), times=None if row.times is None else _times(row.times))
        for row in found.rows
    ]
    following = str(cursor + page_size) if found.more else None
    return GroupsShape(items=items, next=following, covered=_span(found.covered), gaps=_gaps(found.gaps))


@router.get("/events", response_class=StreamingResponse)
@needs(Role.VIEWER)
async def events(
    parts: PartsHere,
    search: SearchHere,
    after: Annotated[str, Query(max_length=20, description="The id of the last event seen; none: from now on.")] = "",
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Requests as they are recorded: server-sent events named ``requests``, each a JSON list, within some two seconds.

    A stream ends after 20 seconds; ask again with the last ``id``, as browsers do by themselves.
    """
    begins = await beginning(parts.monitoring, last_event_id or after)
    following = follow(parts.monitoring, replace(search, since=None, until=None), begins, parts.desk.clock)
    return StreamingResponse(
        streamed("requests", following, _json, number=lambda some: some[-1].n, begins=begins),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


@router.get("/export", response_class=StreamingResponse)
@needs(Role.OPERATOR)
async def export(parts: PartsHere, search: SearchHere, actor: ActorHere) -> Response:
    """All that match, newest first, as JSON lines; e-mail addresses are masked. Audited."""
    name, content = await export_requests(parts.desk, parts.monitoring, search, actor)
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=NDJSON, headers=headers)


@router.post("/import")
@needs(Role.OPERATOR)
async def import_(parts: PartsHere, request: Request, actor: ActorHere) -> TakenShape:
    """Adds the requests of an export, as the body, with their sums; those that are there already stay as they are.

    Send a large file in several parts of whole lines. Audited.
    """
    content = await request.body()
    taken = await import_requests(parts.desk, parts.monitoring, content.splitlines(), actor)
    problems = [ProblemShape(line=number, problem=problem) for number, problem in taken.problems]
    return TakenShape(
        added=taken.added, known=taken.known, forgotten=taken.forgotten, refused=taken.refused, problems=problems
    )


def _asked(search: RequestSearch, now: datetime) -> Span:
    """Raises ``DeckError('time_empty')``."""
    until = to_micros(search.until) // 1000 if search.until else to_micros(now) // 1000 + 1
    since = to_micros(search.since) // 1000 if search.since else until - DAY
    since, until = max(since, 0), min(until, _LATEST)
    if since >= until or until - since > _LONGEST:
        raise DeckError("time_empty", status=422)
    return Span(since, until)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DeckError("zone_unknown", status=422, zone=name) from None


def _json(some: list[NumberedEvent]) -> str:
    return "[" + ",".join(request_shape(row.event).model_dump_json() for row in some) + "]"


def _span(span: Span) -> SpanShape:
    return SpanShape(since=_time(span.from_ms), until=_time(span.until_ms))


def _gaps(gaps: Sequence[Gap]) -> list[GapShape]:
    return [GapShape(since=_time(gap.from_ms), until=_time(gap.until_ms), why=gap.why, count=gap.count) for gap in gaps]


def _sums(sums: Sums) -> SumsShape:
    return SumsShape.model_validate(sums, from_attributes=True)


def _times(times: Percentiles) -> PercentilesShape:
    return PercentilesShape.model_validate(times, from_attributes=True)


def _time(at_ms: int) -> datetime:
    return from_micros(at_ms * 1000)
