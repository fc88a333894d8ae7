"""What was observed of accounts: ``/accounts/{auth_index}/evidence``, and releasing holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from authdeck.access import Role
from authdeck.api.accounts import MAX_PAGE, Name
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import AccountShape, Listing, Shape, Time
from authdeck.errors import DeckError
from authdeck.evidence import Evidence
from authdeck.gate.routes import needs
from authdeck.hold import Owner
from authdeck.operations.entries import by_name
from authdeck.operations.release_hold import put_hold_back, release_hold
from authdeck.storage.reading.evidence import history

router = APIRouter(tags=["evidence"], route_class=Limited)

PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=16)]


class EvidenceShape(Shape):
    """Equal observations together: ``count`` of them between ``first_at`` and ``last_at``.

    ``dated`` is false where the time of the observation is unknown; then the times are those of learning it.
    ``link`` is where the provider sends the owner; only operators see it.
    """

    id: int
    source: str
    signal: str
    code: str
    sentence: str
    scope: str | None
    generation: int
    first_at: Time
    last_at: Time
    count: int
    dated: bool
    until: Time | None
    window: str | None
    suggested_action: str
    confidence: str
    request_id: str | None
    status: int | None
    summary: str | None
    incident: str | None
    link: str | None


@router.get("/accounts/{auth_index}/evidence")
@needs(Role.VIEWER)
async def evidence(
    auth_index: Name, desk: DeskHere, eyes: EyesHere, actor: ActorHere, page_size: PageSize = 50, cursor: Cursor = None
) -> Listing[EvidenceShape]:
    """What was observed of the account, newest first, earlier sign-ins included."""
    account, start = by_name(desk, auth_index).account, start_of(cursor)
    page = await desk.read(lambda connection: history(connection, account.key, page_size, start))
    end = start + page_size
    items = [_evidence(row, eyes, may_act=actor.role >= Role.OPERATOR) for row in page.items]
    return Listing(items=items, total=page.total, next=str(end) if end < page.total else None)


@router.delete("/accounts/{auth_index}/holds/{owner}/{code}")
@needs(Role.OPERATOR)
async def release(
    auth_index: Name,
    owner: Owner,
    code: Annotated[str, Path(max_length=48)],
    desk: DeskHere,
    eyes: EyesHere,
    actor: ActorHere,
) -> AccountShape:
    """Release a hold, whoever placed it. What was observed until now never raises it again."""
    named = by_name(desk, auth_index).account
    return eyes.account(await release_hold(desk, named.auth_index, owner, code, actor))


@router.post("/accounts/{auth_index}/holds/{owner}/{code}/restoration")
@needs(Role.OPERATOR)
async def put_back(
    auth_index: Name,
    owner: Owner,
    code: Annotated[str, Path(max_length=48)],
    desk: DeskHere,
    eyes: EyesHere,
    actor: ActorHere,
) -> AccountShape:
    """Put a hold back that a person released within a day: it stands as it did. Idempotent."""
    named = by_name(desk, auth_index).account
    return eyes.account(await put_hold_back(desk, named.auth_index, owner, code, actor))


def _evidence(row: Evidence, eyes: EyesHere, *, may_act: bool) -> EvidenceShape:
    detail: dict[str, Any] = dict(row.detail)
    return EvidenceShape(
        id=row.key,
        source=row.source.value,
        signal=row.signal.value,
        code=row.code,
        sentence=eyes.because(row.code, detail).sentence,
        scope=row.scope,
        generation=row.generation,
        first_at=row.first_at,
        last_at=row.last_at,
        count=row.count,
        dated=row.is_dated,
        until=row.until,
        window=row.window,
        suggested_action=row.action.value,
        confidence=row.confidence.value,
        request_id=row.request_id,
        status=detail.get("status"),
        summary=detail.get("summary"),
        incident=detail.get("incident"),
        link=detail.get("link") if may_act else None,
    )


def start_of(cursor: str | None) -> int:
    if cursor is None or cursor == "":
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise DeckError("cursor_invalid")
    return int(cursor)
