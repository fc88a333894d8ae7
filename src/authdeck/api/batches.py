"""``/batches``: one change of many accounts, with preview, progress, cancelling and undo. Imports are listed too."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from authdeck import change as changes
from authdeck.access import Role
from authdeck.api.accounts import AccountChange
from authdeck.api.eyes import Eyes
from authdeck.api.limits import MAX_NAMES, Limited
from authdeck.api.parts import ActorHere, EyesHere, PartsHere
from authdeck.api.shapes import Because, Listing, Shape, Time
from authdeck.errors import DeckError
from authdeck.gate.handing_out import handed_out
from authdeck.gate.routes import needs
from authdeck.operations.batches import AT_ONCE, Asked
from authdeck.search import AccountSearch
from authdeck.selection import chosen
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch, StoredItem

router = APIRouter(prefix="/batches", tags=["batches"], route_class=Limited)

Id = Annotated[str, Path(description="A batch's id.", pattern="^[0-9a-f]{32}$")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        pattern="^[!-~]+$",
        description="The same call with the same key is carried out once; what it began is answered again.",
    ),
]
PageSize = Annotated[int, Query(ge=1, le=AT_ONCE)]
Cursor = Annotated[str | None, Query(max_length=64)]


class Selection(BaseModel):
    """``auth_indexes`` (other names too; trashed accounts by their auth_index), or a search and filters of the list.

    ``{"search": ""}`` is every account, on purpose; otherwise at least one filter has to keep some out. Empty filters
    are refused, and so are ``sort``, ``page_size`` and ``cursor``, which choose nobody. With ``"trash": true`` the
    search is that of ``GET /trash``, ``""`` all that lies there.
    """

    model_config = ConfigDict(extra="allow")

    auth_indexes: list[Annotated[str, Field(max_length=512)]] | None = Field(None, max_length=MAX_NAMES)
    search: str | None = Field(None, max_length=200)
    trash: bool = False


class Disablement(BaseModel):
    reason: str = Field("", max_length=2000)
    until: str | None = None


class ExportOrder(BaseModel):
    format: str
    hand_over: bool = False
    recipients: list[str] = []


class QuotaOrder(BaseModel):
    refresh: bool = False


class Change(AccountChange):
    """Fields as ``PATCH`` takes them (``file_name`` for one account only), and acts.

    ``null`` clears a field, absent leaves it. The last six acts stand alone. ``purge`` lets go for good what lies in
    the trash: an admin previews it first.
    """

    disable: bool | Disablement | None = None
    enable: bool | None = None
    lock: bool | None = None
    unlock: bool | None = None
    delete: bool | None = None
    restore: bool | None = None
    purge: bool | None = None
    refresh: bool | None = None
    export: ExportOrder | None = None
    query_quota: bool | QuotaOrder | None = None


class BatchAsked(BaseModel):
    """``selection`` and ``change``; or ``preview``, the id of what was previewed and is to be done now."""

    model_config = ConfigDict(extra="forbid")

    selection: Selection | None = None
    change: Annotated[dict[str, Any] | None, Field(json_schema_extra=Change.model_json_schema())] = None
    preview: str | None = Field(None, pattern="^[0-9a-f]{32}$")


class BatchItemShape(Shape):
    """One row. ``outcome``: done, unchanged, skipped, failed; begun while its provider is asked; of imports their own.

    ``differs``: what was otherwise than the preview, or the undo, expected: ``{field: {expected, found}}``.
    """

    row: int
    auth_index: str | None
    file_name: str
    outcome: str
    reason: Because | None
    before: dict[str, Any]
    after: dict[str, Any]
    differs: dict[str, Any]


class BatchShape(Shape):
    """``status``: running, completed, cancelled, interrupted, failed; of a preview previewing, previewed, applied.

    ``kind``: change, undo, import, merge, inspection. ``counts``: ``total`` rows, ``left`` ones that were not
    done (not yet, or never where it was cut short; ``null`` where nobody knows), and rows by outcome.
    """

    id: str
    kind: str
    status: str
    preview: bool
    actor: str
    selection: dict[str, Any]
    change: dict[str, Any]
    counts: dict[str, int | None]
    preview_of: str | None
    undo_of: str | None
    created_at: Time
    ended_at: Time | None
    expires_at: Time | None


class BatchPageShape(BatchShape):
    """With its rows: ``next`` is the cursor of the next page of them."""

    items: list[BatchItemShape]
    next: str | None


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Done, or previewed.", "model": BatchPageShape},
    202: {"description": "Goes on in the background: ask `GET /batches/{id}`.", "model": BatchPageShape},
}


@router.post("", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def begin(
    asked: BatchAsked,
    parts: PartsHere,
    actor: ActorHere,
    eyes: EyesHere,
    preview: bool = False,
    key: Key = None,
) -> Response:
    """Change many accounts. Up to 1,000 rows are done when this answers; more go on in the background (202).

    With ``?preview=true`` nothing is changed: each row says what would be. Within 15 minutes ``{"preview": id}`` does
    exactly those rows, and lists what changed since. A row that can't be done says why and never stops the others.
    """
    if asked.preview is not None:
        if asked.selection is not None or asked.change is not None or preview:
            raise DeckError("batch_preview_alone", status=422)
        return await answer(parts, eyes, await parts.batches.apply(asked.preview, actor, key=key))
    if asked.selection is None:
        raise DeckError("selection_unclear", status=422)
    if asked.change is None:
        raise DeckError("change_empty", status=422)
    if asked.selection.trash:
        words, told = in_trash(asked.selection)
        wanted = Asked(asked.change, trash=words, selection=told, key=key)
    else:
        names, search, told = selected(asked.selection)
        wanted = Asked(asked.change, names, search, told, key)
    return await answer(parts, eyes, await parts.batches.begin(wanted, actor, preview=preview))


@router.get("")
@needs(Role.VIEWER)
async def batches(
    parts: PartsHere,
    kind: Annotated[str | None, Query(max_length=24)] = None,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> Listing[BatchShape]:
    """Newest first, imports and merges too; previews are left out."""
    found, following = await parts.desk.read(
        lambda connection: reading.newest(connection, limit=page_size, cursor=cursor, kind=kind)
    )
    return Listing(items=[BatchShape(**batch_fields(batch)) for batch in found], next=following)


@router.get("/{batch_id}")
@needs(Role.VIEWER)
async def batch(
    batch_id: Id,
    parts: PartsHere,
    eyes: EyesHere,
    outcome: Annotated[str | None, Query(max_length=16)] = None,
    page_size: PageSize = 200,
    cursor: Cursor = None,
) -> BatchPageShape:
    """Progress, counts and rows by number, those of one ``outcome`` where asked."""
    found = await parts.batches.one(batch_id)
    return await _page(parts, eyes, found, page_size, cursor, outcome)


@router.get(
    "/{batch_id}/content", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}}
)
@needs(Role.OPERATOR)
async def content(request: Request, batch_id: Id, parts: PartsHere, actor: ActorHere) -> Response:
    """The file of an export batch, made and audited as it leaves."""
    return await handed_out(request, parts.batches.content(batch_id, actor))


@router.post("/{batch_id}/cancel")
@needs(Role.OPERATOR)
async def cancel(batch_id: Id, parts: PartsHere, actor: ActorHere, eyes: EyesHere) -> BatchPageShape:
    """Do no further row. What is done stays, and can be undone."""
    return await _page(parts, eyes, await parts.batches.cancel(batch_id, actor), AT_ONCE)


@router.post("/{batch_id}/undo", response_model=None, responses=ANSWERS)
@needs(Role.OPERATOR)
async def undo(
    batch_id: Id,
    parts: PartsHere,
    actor: ActorHere,
    eyes: EyesHere,
    preview: bool = False,
    key: Key = None,
) -> Response:
    """Take the batch back, field by field where nobody changed it since; that is a batch too, and can be undone.

    What deleted is restored, what was enabled gets back the very holds it had. Rows list what differs and was left.
    """
    return await answer(parts, eyes, await parts.batches.undo(batch_id, actor, preview=preview, key=key))


def selected(selection: Selection) -> tuple[list[str], AccountSearch | None, dict[str, Any]]:
    """Names or a search, and how to tell which."""
    filters = dict(selection.model_extra or {})
    if selection.search is not None:
        filters["search"] = selection.search
    if selection.trash or (selection.auth_indexes is not None and filters):
        raise DeckError("selection_unclear", status=422)
    if selection.auth_indexes is not None:
        return selection.auth_indexes, None, {"auth_indexes": len(selection.auth_indexes)}
    if "search" in selection.model_fields_set:
        filters["search"] = selection.search
    return [], chosen(filters), filters


def in_trash(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The words to find in the trash, and how to tell it. Filters of the list say nothing there."""
    words = selection.search
    if words is None or (words and not words.strip()) or selection.auth_indexes is not None or selection.model_extra:
        raise DeckError("selection_unclear", status=422)
    return words, {"trash": True, "search": words}


async def answer(parts: PartsHere, eyes: Eyes, batch: StoredBatch) -> Response:
    page = await _page(parts, eyes, batch, AT_ONCE)
    status = 202 if batch.is_running else 200
    return Response(page.model_dump_json(), status_code=status, media_type="application/json")


async def _page(
    parts: PartsHere, eyes: Eyes, batch: StoredBatch, size: int, cursor: str | None = None, outcome: str | None = None
) -> BatchPageShape:
    after = _after(cursor)
    found = await parts.desk.read(
        lambda connection: reading.items(connection, batch.id, after=after, limit=size + 1, outcome=outcome)
    )
    following = str(found[size - 1].row) if len(found) > size else None
    return BatchPageShape(**batch_fields(batch), items=[_item(eyes, item) for item in found[:size]], next=following)


def _after(cursor: str | None) -> int:
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 9:  # noqa: PLR2004 - far above any number of rows
        raise DeckError("cursor_invalid")
    return int(cursor)


def batch_fields(batch: StoredBatch) -> dict[str, Any]:
    names = BatchShape.model_fields.keys() - {"counts", "preview"}
    fields: dict[str, Any] = {name: getattr(batch, name) for name in names}
    return {**fields, "preview": batch.is_preview, "counts": _counts(batch)}


def _counts(batch: StoredBatch) -> dict[str, int | None]:
    plain = dict.fromkeys(("done", "unchanged", "skipped", "failed"), 0) if batch.total is not None else {}
    return {"total": batch.total, "left": batch.left, **plain, **batch.counts}


def _item(eyes: Eyes, item: StoredItem) -> BatchItemShape:
    because = None
    if item.reason is not None:
        because = eyes.because(item.reason["code"], {"file_name": item.subject, **item.reason["params"]})
    is_ours = item.outcome in {"done", "unchanged", "skipped", "failed", "begun"}
    return BatchItemShape(
        row=item.row,
        auth_index=item.auth_index,
        file_name=item.subject,
        outcome=item.outcome,
        reason=because,
        before=changes.shown(item.before or {}) if is_ours else {},
        after=changes.shown(item.after or {}) if is_ours else {},
        differs=changes.shown_differences(item.differs or {}),
    )
