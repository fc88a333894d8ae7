"""``/exports``: auth files out. Preview first: it lists what the form can't carry. Answers are never to be stored."""

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import Response

from authdeck.access import Role
from authdeck.api.account_search import Filters
from authdeck.api.eyes import Eyes
from authdeck.api.limits import MAX_NAMES, Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import Because, Shape
from authdeck.errors import DeckError
from authdeck.gate.handing_out import handed_out
from authdeck.gate.routes import needs
from authdeck.operations.export import Wish, export, preview
from authdeck.operations.export_forms import ExportRow, Form
from authdeck.search import LONGEST_TEXT
from authdeck.secret import Secret
from authdeck.selection import chosen

router = APIRouter(prefix="/exports", tags=["exports"], route_class=Limited)

_UNSTORED: Final = {"Cache-Control": "no-store"}


class ExportSearch(Filters):
    """All accounts that match. ``text`` is another word for ``search``; ``{"search": ""}`` is every account.

    Otherwise at least one filter has to keep some out; none may be empty.
    """

    text: str | None = Field(None, max_length=LONGEST_TEXT)


class ExportWish(BaseModel):
    """Accounts by ``auth_indexes`` (file names and aliases too) or by ``search``; see ``operations.export.Wish``."""

    model_config = ConfigDict(extra="forbid")

    format: Form
    auth_indexes: list[str] = Field([], max_length=MAX_NAMES)
    search: ExportSearch | None = None
    partial: bool = False
    hand_over: bool = False
    recipients: list[str] = Field([], max_length=64)
    passphrase: SecretStr | None = None


class ExportRowShape(Shape):
    """``lost`` are fields that the form has no place for, ``stale_after`` ``rotating`` where the copy goes stale."""

    auth_index: str
    file_name: str
    provider: str
    refused: Because | None
    lost: list[str]
    stale_after: str | None
    notes: list[Because]


class ExportPreviewShape(Shape):
    """``hand_over`` says whether any of the sign-ins rotates, so that handing over is worth a thought.

    ``items`` are the first 1,000 of ``total`` accounts. The other counts are of all: those that the format can't hold,
    those of which something is lost, those that two programs would share.
    """

    format: str
    items: list[ExportRowShape]
    hand_over: bool
    total: int
    refused: int
    lossy: int
    rotating: int


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, or with `preview` what it would hold and lose.",
        "content": {
            "application/json": {
                "schema": ExportPreviewShape.model_json_schema(ref_template="#/components/schemas/{model}")
            },
            "application/zip": {},
            "application/octet-stream": {},
        },
    }
}


@router.post("", response_model=None, responses=_ANSWERS)
@needs(Role.OPERATOR)
async def exports(
    request: Request,
    asked: ExportWish,
    desk: DeskHere,
    actor: ActorHere,
    eyes: EyesHere,
    preview_only: Annotated[bool, Query(alias="preview")] = False,
) -> Response:
    """Hand out auth files in clear, or an age archive of them. Each account's export is audited before it leaves.

    ``format``: ``cliproxyapi`` (the bytes as they came where nothing was edited), ``codex_cli``, ``sub2api`` or
    ``archive``. Several files come as a zip; so do the parts of a large archive or bundle, each of which can be
    imported. Any number of accounts can be exported; the answer begins when all of them are read. ``partial`` leaves
    out what the form can't hold; otherwise that is 422 ``export_refused``. ``hand_over`` leaves rotating sign-ins to
    the other program.
    """
    wish = _wish(asked)
    if preview_only:
        found = await preview(desk, wish)
        shape = ExportPreviewShape(
            format=wish.form.value,
            items=[_row(eyes, row) for row in found.rows],
            hand_over=bool(found.rotating),
            total=found.total,
            refused=found.refused,
            lossy=found.lossy,
            rotating=found.rotating,
        )
        return Response(shape.model_dump_json(), media_type="application/json", headers=_UNSTORED)
    return await handed_out(request, export(desk, wish, actor))


def _wish(asked: ExportWish) -> Wish:
    search = None if asked.search is None else replace(chosen(asked.search.model_dump(exclude_unset=True)), sort="name")
    if search is not None and asked.auth_indexes:
        raise DeckError("selection_unclear", status=422)
    passphrase = Secret(asked.passphrase.get_secret_value()) if asked.passphrase else None
    return Wish(asked.format, asked.auth_indexes, search, asked.partial, asked.hand_over, asked.recipients, passphrase)


def _row(eyes: Eyes, row: ExportRow) -> ExportRowShape:
    named = {"file_name": row.account.file_name}
    return ExportRowShape(
        auth_index=row.account.auth_index,
        file_name=row.account.file_name,
        provider=row.account.provider.value,
        refused=eyes.because(row.refused[0], {**named, **row.refused[1]}) if row.refused else None,
        lost=list(row.lost),
        stale_after=row.stale_after,
        notes=[eyes.because(code, {**named, **params}) for code, params in row.notes],
    )
