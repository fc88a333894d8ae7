"""What is known of accounts: ``/quota``, ``/accounts/{auth_index}/evidence``, and releasing holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from authdeck.access import Role
from authdeck.api.accounts import MAX_PAGE, Name
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import AccountShape, Listing, Shape, Time
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.evidence import Evidence
from authdeck.gate.routes import needs
from authdeck.hold import Owner
from authdeck.operations.entries import by_name
from authdeck.operations.release_hold import release_hold
from authdeck.quota import NAMED, QuotaWindow
from authdeck.storage.reading.evidence import history

router = APIRouter(tags=["evidence"], route_class=Limited)

PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=16)]


class WindowShape(Shape):
    """One quota window as it was last seen. ``window`` is five_hour, weekly, monthly, rolling_24h or named.

    ``name`` is the limit's own name where it is named. ``scope`` is a model, or null for the account. ``used_percent``
    is 0-100, null where unknown. ``is_current``: it was not reset since, so the figure still says something.
    """

    auth_index: str
    window: str
    name: str | None
    scope: str | None
    used_percent: float | None
    remaining_percent: float | None
    limit_reached: bool
    is_current: bool
    is_full: bool
    resets_at: Time | None
    source: str
    accuracy: str
    observed_at: Time
    presence: str


@router.get("/quota")
@needs(Role.VIEWER)
async def quota(
    desk: DeskHere,
    eyes: EyesHere,
    auth_index: Annotated[str | None, Query(max_length=512, description="One account, by any of its names.")] = None,
    page_size: PageSize = 50,
    cursor: Cursor = None,
) -> Listing[WindowShape]:
    """Quota windows as last seen, of one account or of all, account by account. Nothing is asked upstream."""
    if auth_index is not None:
        found, following = [by_name(desk, auth_index)], None
    else:
        found, following = _page(desk.directory.entries(), page_size, _start(cursor))
    items = [_window(entry, window, eyes) for entry in found for window in entry.windows]
    return Listing(items=items, total=len(items) if auth_index is not None else None, next=following)


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
    account, start = by_name(desk, auth_index).account, _start(cursor)
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


def _window(entry: Entry, window: QuotaWindow, eyes: EyesHere) -> WindowShape:
    used = window.used_percent
    return WindowShape(
        auth_index=entry.account.auth_index,
        window=NAMED if window.is_named else window.window,
        name=window.window if window.is_named else None,
        scope=window.scope,
        used_percent=used,
        remaining_percent=None if used is None else round(100 - used, 2),
        limit_reached=window.limit_reached,
        is_current=window.is_current(eyes.now),
        is_full=window.is_full(eyes.now),
        resets_at=window.resets_at,
        source=window.source.value,
        accuracy=window.accuracy.value,
        observed_at=window.observed_at,
        presence=window.presence.value,
    )


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


def _page(entries: Any, size: int, start: int) -> tuple[list[Entry], str | None]:
    """Accounts that have windows, by auth_index."""
    known = sorted((entry for entry in entries if entry.windows), key=lambda entry: entry.account.auth_index)
    end = start + size
    return known[start:end], str(end) if end < len(known) else None


def _start(cursor: str | None) -> int:
    if cursor is None or cursor == "":
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise DeckError("cursor_invalid")
    return int(cursor)
