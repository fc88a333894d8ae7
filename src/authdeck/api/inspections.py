"""``/inspections``: asking providers about many accounts, what came of it, and what to do. Exports stream."""

import csv
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from io import StringIO
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.batches import BatchShape, Key, batch_fields
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import Because, Listing, Shape, Time
from authdeck.clock import rfc3339
from authdeck.errors import DeckError, NotFound
from authdeck.evidence import Action
from authdeck.gate.events import streamed
from authdeck.gate.routes import needs
from authdeck.inspection_order import LONGEST_NAME, MOST_NAMES, Order, read_policy, read_selection
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.inspections import StoredInspection, StoredResult

router = APIRouter(tags=["inspections"], route_class=Limited)

Id = Annotated[str, Path(description="An inspection's id.", pattern="^[0-9a-f]{32}$")]
MAX_PAGE: Final = 1_000
_AT_ONCE: Final = 1_000
_LONGEST_KEY: Final = 18


class PolicyAsked(BaseModel):
    """``may``: enable, disable, or neither (record only). What is left out is as usual."""

    model_config = ConfigDict(extra="forbid")

    may: list[Literal["enable", "disable"]] = []
    threshold: float | None = Field(None, ge=1, le=100)
    refresh: bool = False
    workers: int | None = Field(None, ge=1, le=32)
    timeout: float | None = Field(None, ge=5, le=300)
    retries: int | None = Field(None, ge=0, le=3)


class InspectionAsked(BaseModel):
    """About ``auth_indexes`` (other names too), or what ``search`` and the list's filters find; nothing: every account.

    Filters given have to keep some accounts out, as those of ``POST /batches``; ``{"search": ""}`` is every account.
    ``sample`` draws so many of them. ``dry_run``: it does nothing by itself, and says what it would have done.
    """

    model_config = ConfigDict(extra="allow")

    auth_indexes: list[Annotated[str, Field(max_length=LONGEST_NAME)]] | None = Field(None, max_length=MOST_NAMES)
    search: str | None = Field(None, max_length=200)
    provider: str | None = None
    sample: int | None = Field(None, ge=1, le=MOST_NAMES)
    policy: PolicyAsked = PolicyAsked()
    dry_run: bool = False


class InspectionShape(Shape):
    """``status``: queued, running, completed, failed, cancelled, interrupted. ``counts``: results by action.

    ``compared_to``: the last completed run about the same before it. ``batch``: what it did by itself.
    """

    id: str
    status: str
    actor: str
    schedule: int | None
    schedule_name: str | None
    selection: dict[str, Any]
    policy: dict[str, Any]
    dry_run: bool
    total: int
    done: int
    counts: dict[str, int]
    compared_to: str | None
    batch: str | None
    created_at: Time
    ended_at: Time | None


class InspectionResultShape(Shape):
    """``action``: keep, reauth, review, disable, enable, delete; ``before`` what the run compared with suggested.

    ``evidence`` is redacted. ``outcome`` is what the run itself did: done, would (a dry run), skipped; ``null``: it is
    left to a person.
    """

    auth_index: str
    file_name: str
    provider: str
    action: str
    reason: Because
    evidence: dict[str, Any]
    until: Time | None
    at: Time
    before: str | None
    outcome: str | None
    outcome_reason: Because | None


class ChangedShape(Shape):
    """So many accounts went from one suggestion (``null``: not looked at) to another, or stayed."""

    before: str | None
    now: str
    count: int


class ComparisonShape(Shape):
    inspection: str
    compared_to: str
    items: list[ChangedShape]


class LatestShape(Shape):
    """An account's newest result and its run."""

    result: InspectionResultShape
    inspection: InspectionShape


class FollowUpAsked(BaseModel):
    """``action``: enable, disable or delete; of all such results, or of ``auth_indexes`` among them."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["enable", "disable", "delete", "reauth", "review", "keep"]
    auth_indexes: list[Annotated[str, Field(max_length=16)]] | None = Field(None, max_length=MOST_NAMES)


@router.post("/inspections", status_code=202)
@needs(Role.OPERATOR)
async def begin(asked: InspectionAsked, parts: PartsHere, actor: ActorHere, key: Key = None) -> InspectionShape:
    """Begin a run. It goes on in the background: ask ``GET /inspections/{id}``, or follow its events."""
    given = asked.model_dump(exclude={"policy", "dry_run"}, exclude_unset=True)
    policy = asked.policy.model_dump(exclude_none=True)
    order = Order(read_selection(given), read_policy(policy))
    return shape(await parts.inspecting.runs.begin(order, actor, dry_run=asked.dry_run, key=key))


@router.get("/inspections")
@needs(Role.VIEWER)
async def inspections(
    desk: DeskHere,
    schedule: Annotated[int | None, Query(ge=1, le=2**53, description="Runs of this schedule.")] = None,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Listing[InspectionShape]:
    """Runs, newest first."""
    found, following = await desk.read(
        lambda connection: reading.newest(connection, limit=page_size, cursor=cursor, schedule=schedule)
    )
    return Listing(items=[shape(each) for each in found], next=following)


@router.get("/inspections/{inspection_id}")
@needs(Role.VIEWER)
async def inspection(inspection_id: Id, parts: PartsHere) -> InspectionShape:
    """How it stands."""
    return shape(await parts.inspecting.runs.one(inspection_id))


@router.get("/inspections/{inspection_id}/results")
@needs(Role.VIEWER)
async def results(
    inspection_id: Id,
    parts: PartsHere,
    eyes: EyesHere,
    action: Annotated[list[Action] | None, Query(description="Only these suggestions.")] = None,
    page_size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 200,
    cursor: Annotated[str | None, Query(max_length=_LONGEST_KEY)] = None,
) -> Listing[InspectionResultShape]:
    """What it saw and suggests, account by account."""
    run, after = await parts.inspecting.runs.one(inspection_id), _after(cursor)
    found = await parts.desk.read(
        lambda connection: reading.results(
            connection, run.id, actions=action, compared_to=run.compared_to, after=after, limit=page_size + 1
        )
    )
    following = str(found[page_size - 1].account) if len(found) > page_size else None
    total = sum(run.counts.get(each, 0) for each in (action or list(Action)))
    return Listing(items=[result_shape(each, eyes) for each in found[:page_size]], next=following, total=total)


@router.get("/inspections/{inspection_id}/comparison")
@needs(Role.VIEWER)
async def comparison(
    inspection_id: Id,
    parts: PartsHere,
    other: Annotated[str | None, Query(alias="with", pattern="^[0-9a-f]{32}$", description="Another run.")] = None,
) -> ComparisonShape:
    """How many accounts went from which suggestion to which, since another run; by default the last about the same."""
    run = await parts.inspecting.runs.one(inspection_id)
    former = other or run.compared_to
    if former is None:
        raise NotFound("inspection_without_former", id=inspection_id)
    await parts.inspecting.runs.one(former)
    found = await parts.desk.read(lambda connection: reading.comparison(connection, run.id, former))
    items = [ChangedShape(before=before, now=now, count=count) for (before, now), count in sorted(
        found.items(), key=lambda each: (each[0][0] or "", each[0][1])
    )]  # fmt: skip
    return ComparisonShape(inspection=run.id, compared_to=former, items=items)


@router.get("/inspections/{inspection_id}/events", response_class=StreamingResponse)
@needs(Role.VIEWER)
async def events(inspection_id: Id, parts: PartsHere) -> Response:
    """The run as server-sent events named ``inspection``, whenever it moved. A stream ends after 20 s at most."""
    await parts.inspecting.runs.one(inspection_id)
    following = parts.inspecting.runs.follow(inspection_id)
    return StreamingResponse(
        streamed("inspection", following, lambda now: shape(now).model_dump_json()),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


@router.get("/inspections/{inspection_id}/export", response_class=StreamingResponse)
@needs(Role.VIEWER)
async def export(
    inspection_id: Id,
    parts: PartsHere,
    eyes: EyesHere,
    as_: Annotated[Literal["jsonl", "csv"], Query(alias="format")] = "jsonl",
) -> Response:
    """Every result, as JSON lines or CSV."""
    run = await parts.inspecting.runs.one(inspection_id)
    media_type = "application/x-ndjson" if as_ == "jsonl" else "text/csv; charset=utf-8"
    name = f"inspection-{run.created_at:%Y-%m-%d-%H%M}.{as_}"
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(exported(parts.desk, run, eyes, as_), media_type=media_type, headers=headers)


@router.post("/inspections/{inspection_id}/cancel")
@needs(Role.OPERATOR)
async def cancel(inspection_id: Id, parts: PartsHere, actor: ActorHere) -> InspectionShape:
    """Ask no further account. What was seen stays."""
    return shape(await parts.inspecting.runs.cancel(inspection_id, actor))


@router.post("/inspections/{inspection_id}/actions")
@needs(Role.OPERATOR)
async def follow_up(
    inspection_id: Id,
    asked: FollowUpAsked,
    parts: PartsHere,
    actor: ActorHere,
    preview: bool = False,
    key: Key = None,
) -> BatchShape:
    """Do what is suggested: a batch, with its preview, rows and undo under ``/batches``."""
    names = None if asked.auth_indexes is None else frozenset(asked.auth_indexes)
    batch = await parts.inspecting.runs.follow_up(
        inspection_id, Action(asked.action), actor, names=names, preview=preview, key=key
    )
    return BatchShape(**batch_fields(batch))


@router.get("/accounts/{auth_index}/inspection")
@needs(Role.VIEWER)
async def latest(auth_index: Name, desk: DeskHere, eyes: EyesHere) -> LatestShape:
    """What the newest inspection of the account saw."""
    account = by_name(desk, auth_index).account
    found = await desk.read(lambda connection: reading.of_account(connection, account.key))
    if found is None:
        raise NotFound("account_not_inspected", auth_index=account.auth_index)
    result, run = found
    return LatestShape(result=result_shape(result, eyes), inspection=shape(run))


# ---- shapes ----


def shape(run: StoredInspection) -> InspectionShape:
    return InspectionShape(**{name: getattr(run, name) for name in InspectionShape.model_fields})


def result_shape(result: StoredResult, eyes: Eyes) -> InspectionResultShape:
    why = result.outcome_reason
    named = {"file_name": result.file_name, "provider": result.provider, **result.params}
    return InspectionResultShape(
        auth_index=result.auth_index,
        file_name=result.file_name,
        provider=result.provider,
        action=result.action.value,
        reason=eyes.because(result.reason_code, named),
        evidence=dict(result.evidence),
        until=result.until,
        at=result.at,
        before=result.before,
        outcome=result.outcome,
        outcome_reason=eyes.because(why["code"], why["params"]) if why else None,
    )


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise DeckError("cursor_invalid")
    return int(cursor)


# ---- exporting ----

_COLUMNS: Final = (
    "auth_index", "file_name", "provider", "action", "code", "sentence", "before", "status", "plan", "at", "until",
    "outcome",
)  # fmt: skip


async def exported(desk: Desk, run: StoredInspection, eyes: Eyes, as_: str) -> AsyncIterator[bytes]:
    """The file, a thousand rows at a time."""
    after = 0
    if as_ == "csv":
        yield _csv([_COLUMNS])
    while True:
        some = await desk.read(
            lambda connection, after=after: reading.results(  # type: ignore[misc]
                connection, run.id, compared_to=run.compared_to, after=after, limit=_AT_ONCE
            )
        )
        if not some:
            return
        after = some[-1].account
        shapes = [result_shape(each, eyes) for each in some]
        yield _csv(map(_cells, shapes)) if as_ == "csv" else _lines(shapes)


def _lines(shapes: Iterable[InspectionResultShape]) -> bytes:
    return "".join(f"{each.model_dump_json()}\n" for each in shapes).encode()


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cells(found: InspectionResultShape) -> list[str]:
    told: dict[str, Any] = {
        **json.loads(found.model_dump_json()),
        "code": found.reason.code,
        "sentence": found.reason.sentence,
        "status": found.evidence.get("status"),
        "plan": found.evidence.get("plan"),
        "at": rfc3339(found.at),
    }
    return ["" if told[name] is None else str(told[name]) for name in _COLUMNS]


def _harmless(cell: str) -> str:
    """A spreadsheet would carry out what begins like this; file names and plans come from outside."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
