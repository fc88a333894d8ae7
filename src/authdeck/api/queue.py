"""``/candidates`` and ``/incidents``: what accounts ask of a person, and causes that many of them share."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from authdeck.access import Role
from authdeck.account import Provider
from authdeck.action import Incident
from authdeck.api.batches import ANSWERS, Key, answer
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.candidate import OPEN, Status
from authdeck.errors import DeckError, NotFound
from authdeck.evidence import Action
from authdeck.gate.routes import needs
from authdeck.operations import queue
from authdeck.operations.login_now import offered
from authdeck.operations.queue import Chosen
from authdeck.selection import refuse_empty
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.queue import LONGEST_TEXT, QueueRow, QueueSearch, Sort

router = APIRouter(tags=["queue"], route_class=Limited)

Id = Annotated[int, Path(ge=1, le=2**53)]


class Filters(BaseModel):
    """Which rows. All that is given has to apply."""

    model_config = ConfigDict(extra="forbid")

    status: list[Status] = Field(list(OPEN), description="Any of these; `pending` and `failed` are open.")
    search: str = Field("", max_length=LONGEST_TEXT, description="Words of the file name, auth_index or reason.")
    action: Action | None = Field(None, description="What is suggested.")
    provider: Provider | None = None
    reason: str | None = Field(None, max_length=48, description="A reason code, exactly.")
    auth_index: str | None = Field(None, max_length=16)

    def asked(self, **more: Any) -> QueueSearch:
        return QueueSearch(
            tuple(self.status), self.search, self.action, self.provider, self.reason, self.auth_index, **more
        )


class Page(Filters):
    model_config = ConfigDict(extra="ignore")

    sort: Sort = Sort.HITS
    page_size: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=16)


class CandidateShape(Shape):
    """One row of the queue. ``status``: pending, ignored, failed (live), resolved or done (closed).

    ``resolution`` is the code of why it is not pending, ``resolution_sentence`` says so; ``batch`` is the change that
    did it. ``ignored_until`` null of an ignored row: while its signal stands. ``link`` is where the provider sends the
    owner; only operators see it. ``links`` are paths of the console: ``account``, ``request`` (the evidence),
    ``sign_in`` or ``import`` where that is suggested, ``change`` (the batch that answered it).
    """

    id: int
    auth_index: str
    file_name: str
    provider: str
    suggested_action: str
    reason_code: str
    sentence: str
    status: str
    hits: int
    first_seen: Time
    last_seen: Time
    evidence: int | None
    source: str | None
    request_id: str | None
    link: str | None
    links: dict[str, str]
    ignored_until: Time | None
    closed_at: Time | None
    closed_by: str | None
    resolution: str | None
    resolution_sentence: str | None
    batch: str | None


class IncidentShape(Shape):
    """One cause of many failures. ``subject``: a proxy, a provider, a request, or ``provider:reason``."""

    id: int
    cause: str
    subject: str
    sentence: str
    count: int
    opened_at: Time
    last_at: Time
    closed_at: Time | None
    closed_by: str | None


class Rows(BaseModel):
    """``ids``, or ``filters`` for all rows that they find: ``{"search": ""}`` is all open ones. None may be empty."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, le=2**53)]] | None = Field(None, max_length=queue.MOST_ROWS)
    filters: Filters | None = None

    @property
    def chosen(self) -> Chosen:
        """Raises ``queue_selection_unclear`` and ``selection_filter_empty``."""
        given = {} if self.filters is None else self.filters.model_dump(exclude_unset=True)
        if (self.ids is None) == (self.filters is None) or not (given or self.filters is None):
            raise DeckError("queue_selection_unclear", status=422)
        refuse_empty(given)
        return Chosen(search=self.filters.asked()) if self.filters is not None else Chosen(self.ids or ())


class Ignored(Rows):
    """``until`` (RFC 3339) null: while the signal stands."""

    until: str | None = Field(None, max_length=64)


class Wish(Rows):
    """What is to be done with the rows' accounts. ``reason`` is kept with a disablement."""

    act: Literal["disable", "enable", "delete"]
    reason: str = Field("", max_length=2000)

    @property
    def change(self) -> dict[str, Any]:
        return {self.act: {"reason": self.reason} if self.act == "disable" and self.reason else True}


@router.get("/candidates")
@needs(Role.VIEWER)
async def candidates(
    asked: Annotated[Page, Query()], desk: DeskHere, eyes: EyesHere, actor: ActorHere
) -> Listing[CandidateShape]:
    """Rows of the queue, with the exact ``total`` and counts by status, action, provider and reason."""
    search = asked.asked(sort=asked.sort, start=_start(asked.cursor), page_size=asked.page_size)
    page, facets = await desk.read(lambda c: (reading.page(c, search), reading.facets(c, search)))
    may_act = actor.role >= Role.OPERATOR
    items = [_candidate(row, eyes, may_act=may_act) for row in page.items]
    return Listing(items=items, total=page.total, next=page.next(search), facets=facets)


@router.get("/candidates/{candidate_id}")
@needs(Role.VIEWER)
async def candidate(candidate_id: Id, desk: DeskHere, eyes: EyesHere, actor: ActorHere) -> CandidateShape:
    search = QueueSearch(tuple(Status), keys=(candidate_id,))
    page = await desk.read(lambda connection: reading.page(connection, search))
    if not page.items:
        raise NotFound("candidate_not_found", id=candidate_id)
    return _candidate(page.items[0], eyes, may_act=actor.role >= Role.OPERATOR)


@router.post("/candidates/ignore", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def ignore(
    asked: Ignored, parts: PartsHere, actor: ActorHere, eyes: EyesHere, preview: bool = False, key: Key = None
) -> Response:
    """Let live rows rest: until a moment, or while their signal stands. A batch, with its preview and undo."""
    wish = {"ignore": {"until": asked.until} if asked.until else True}
    return await _begun(parts, eyes, asked.chosen, wish, actor, preview=preview, key=key)


@router.post("/candidates/resolve", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def resolve(
    asked: Rows, parts: PartsHere, actor: ActorHere, eyes: EyesHere, preview: bool = False, key: Key = None
) -> Response:
    """Close live rows: nothing is left to do. Only what is observed later opens them anew. A batch, as above."""
    return await _begun(parts, eyes, asked.chosen, {"resolve": True}, actor, preview=preview, key=key)


@router.post("/candidates/reopen", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def reopen(
    asked: Rows, parts: PartsHere, actor: ActorHere, eyes: EyesHere, preview: bool = False, key: Key = None
) -> Response:
    """Make ignored and failed rows pending again. A batch, as above."""
    return await _begun(parts, eyes, asked.chosen, {"reopen": True}, actor, preview=preview, key=key)


@router.post("/candidates/batch", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def batch(
    asked: Wish, parts: PartsHere, actor: ActorHere, eyes: EyesHere, preview: bool = False, key: Key = None
) -> Response:
    """Disable, enable or delete the rows' accounts: a batch, with its preview and undo, that answers these rows."""
    return await _begun(parts, eyes, asked.chosen, asked.change, actor, preview=preview, key=key)


async def _begun(
    parts: PartsHere,
    eyes: Eyes,
    chosen: Chosen,
    wish: Mapping[str, Any],
    actor: ActorHere,
    *,
    preview: bool,
    key: str | None,
) -> Response:
    found = await queue.change(parts.desk, parts.batches, chosen, wish, actor, preview=preview, key=key)
    return await answer(parts, eyes, found)


@router.get("/incidents")
@needs(Role.VIEWER)
async def incidents(
    desk: DeskHere,
    eyes: EyesHere,
    open: Annotated[bool | None, Query(description="Only open ones, or only closed ones.")] = None,  # noqa: A002
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=16)] = None,
) -> Listing[IncidentShape]:
    """Open ones first, then the newest."""
    start = _start(cursor)
    found, total = await desk.read(
        lambda c: (
            reading.all_incidents(c, limit=page_size, start=start, is_open=open),
            reading.count_incidents(c, is_open=open),
        )
    )
    end = start + page_size
    return Listing(items=[_incident(each, eyes) for each in found], total=total, next=str(end) if end < total else None)


@router.post("/incidents/{incident_id}/close")
@needs(Role.OPERATOR)
async def close(incident_id: Id, desk: DeskHere, eyes: EyesHere, actor: ActorHere) -> IncidentShape:
    """Close it by hand. Failures that go on open another."""
    return _incident(await queue.close_incident(desk, incident_id, actor), eyes)


def _candidate(row: QueueRow, eyes: Eyes, *, may_act: bool) -> CandidateShape:
    asks = row.candidate
    told = None
    if asks.resolution is not None:
        told = eyes.because(f"resolution.{asks.resolution.value}", {"actor": asks.closed_by or "authdeck"}).sentence
    return CandidateShape(
        id=asks.key,
        auth_index=row.auth_index,
        file_name=row.file_name,
        provider=row.provider.value,
        suggested_action=asks.action.value,
        reason_code=asks.reason_code,
        sentence=eyes.because(asks.reason_code, {"provider": row.provider.value, **row.detail}).sentence,
        status=asks.status.value,
        hits=asks.hits,
        first_seen=asks.first_seen,
        last_seen=asks.last_seen,
        evidence=asks.evidence,
        source=row.source,
        request_id=row.request_id,
        link=row.detail.get("link") if may_act else None,
        links=_links(row),
        ignored_until=asks.ignored_until,
        closed_at=asks.closed_at,
        closed_by=asks.closed_by,
        resolution=asks.resolution.value if asks.resolution else None,
        resolution_sentence=told,
        batch=asks.batch,
    )


def _links(row: QueueRow) -> dict[str, str]:
    asks, signs_in = row.candidate, row.provider in offered()
    found = {"account": f"/auth-files/{row.auth_index}"}
    if row.request_id:
        found["request"] = f"/monitoring/{row.request_id}"
    if asks.action is Action.REAUTH:
        found |= {"sign_in": f"/oauth-login?account={row.auth_index}"} if signs_in else {"import": "/import"}
    if asks.batch:
        found["change"] = f"/batches/{asks.batch}"
    return found


def _incident(incident: Incident, eyes: Eyes) -> IncidentShape:
    words = {"subject": incident.subject.partition(":")[0], "code": incident.subject.partition(":")[2]}
    if incident.cause == "proxy":
        words["subject"] = incident.subject
    return IncidentShape(
        id=incident.key,
        cause=incident.cause.value,
        subject=incident.subject,
        sentence=eyes.because(f"cause.{incident.cause.value}", words).sentence,
        count=incident.count,
        opened_at=incident.opened_at,
        last_at=incident.last_at,
        closed_at=incident.closed_at,
        closed_by=incident.closed_by or None,
    )


def _start(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise DeckError("cursor_invalid")
    return int(cursor)
