"""``/accounts/{auth_index}/…``: the auth file's text and revisions; accounts that are one, or were taken for one."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.eyes import revision_shapes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere, VersionRead, with_etag
from authdeck.api.shapes import (
    DependentsShape,
    DifferenceShape,
    Listing,
    MadeShape,
    MergedShape,
    NearShape,
    RevisionContentShape,
    SplitShape,
)
from authdeck.gate.routes import needs
from authdeck.operations import documents, kin
from authdeck.operations import merge as merging
from authdeck.operations import split as splitting
from authdeck.operations.edit_document import edit_document
from authdeck.operations.entries import by_name
from authdeck.operations.restore_revision import restore_revision

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=Limited)

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_DOCUMENT = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


class Restoration(BaseModel):
    """``credential``: the revision's tokens too, not only its other fields."""

    model_config = ConfigDict(extra="forbid")

    credential: bool = False


class Into(BaseModel):
    """The account that stays: an auth_index, a file name or another alias."""

    model_config = ConfigDict(extra="forbid")

    into: str


class Merged(BaseModel):
    """The account that was merged, by its auth_index."""

    model_config = ConfigDict(extra="forbid")

    merged: str


class Taken(BaseModel):
    """The revision that is another account's."""

    model_config = ConfigDict(extra="forbid")

    revision: int


@router.put("/{auth_index}/document", response_model=MadeShape, openapi_extra=_DOCUMENT)
@needs(Role.OPERATOR)
async def put_document(
    auth_index: Name, revision: VersionRead, request: Request, desk: DeskHere, actor: ActorHere, eyes: EyesHere
) -> Response:
    """Put the edited auth file back. ``***`` keeps what is there. If-Match takes the revision: the document's ETag.

    Settings in it are reported, not applied. 409 where it is another account's; other tokens begin a generation.
    """
    index = by_name(desk, auth_index).account.auth_index
    made = await edit_document(desk, index, await request.body(), actor, revision=revision)
    return with_etag(eyes.made(index, made), made.revision)


@router.get("/{auth_index}/revisions/{number}")
@needs(Role.VIEWER)
async def revision(auth_index: Name, number: Number, desk: DeskHere) -> RevisionContentShape:
    """One revision and its auth file, secrets as ``***``."""
    account = by_name(desk, auth_index).account
    stored, content = await documents.redacted_revision(desk, account.auth_index, number)
    (shape,) = revision_shapes([stored], account.revision)
    return RevisionContentShape(**shape.model_dump(), auth_index=account.auth_index, document=content)


@router.get("/{auth_index}/revisions/{number}/difference")
@needs(Role.VIEWER)
async def difference(
    auth_index: Name,
    number: Number,
    desk: DeskHere,
    former: Annotated[
        int | None, Query(alias="with", ge=1, le=2**31 - 1, description="By default the revision's parent.")
    ] = None,
) -> Listing[DifferenceShape]:
    """What the revision has otherwise than another. Of secrets only whether they are the same."""
    index = by_name(desk, auth_index).account.auth_index
    _, found = await documents.difference(desk, index, number, former)
    return Listing(items=[DifferenceShape.model_validate(one) for one in found], total=len(found))


@router.post("/{auth_index}/revisions/{number}/restoration")
@needs(Role.OPERATOR)
async def restore(
    auth_index: Name,
    number: Number,
    desk: DeskHere,
    actor: ActorHere,
    eyes: EyesHere,
    how: Restoration | None = None,
) -> MadeShape:
    """Bring back every field but rotating tokens, which stay the newest; with ``credential`` those too. Idempotent."""
    index = by_name(desk, auth_index).account.auth_index
    credential = how is not None and how.credential
    return eyes.made(index, await restore_revision(desk, index, number, actor, credential=credential))


@router.get("/{auth_index}/near")
@needs(Role.VIEWER)
async def near(auth_index: Name, desk: DeskHere, eyes: EyesHere) -> Listing[NearShape]:
    """Accounts that may be the same one, and why. Nothing is merged by itself."""
    found = await kin.near(desk, by_name(desk, auth_index).account.auth_index)
    return Listing(items=[eyes.near(one) for one in found], total=len(found))


@router.get("/{auth_index}/dependents")
@needs(Role.VIEWER)
async def dependents(auth_index: Name, parts: PartsHere) -> DependentsShape:
    """What deleting it would leave behind: aliases, requests seen, who shares its prefix, keys bound to that."""
    index = by_name(parts.desk, auth_index).account.auth_index
    return DependentsShape.model_validate(await kin.dependents(parts.desk, parts.monitoring, index))


@router.post("/{auth_index}/merge")
@needs(Role.OPERATOR)
async def merge(
    auth_index: Name, how: Annotated[Into, Body()], desk: DeskHere, actor: ActorHere, eyes: EyesHere
) -> MergedShape:
    """Make the account a part of another, which keeps its auth_index and settings. ``unmerge`` undoes it."""
    index, into = (by_name(desk, name).account.auth_index for name in (auth_index, how.into))
    done = await merging.merge(desk, index, into, actor)
    return eyes.merged(done, by_name(desk, into))


@router.post("/{auth_index}/unmerge")
@needs(Role.OPERATOR)
async def unmerge(
    auth_index: Name, how: Annotated[Merged, Body()], desk: DeskHere, actor: ActorHere, eyes: EyesHere
) -> MergedShape:
    """Make a merged account one of its own again, as it was."""
    index = by_name(desk, auth_index).account.auth_index
    done = await merging.unmerge(desk, index, how.merged, actor)
    return eyes.merged(done, by_name(desk, index))


@router.post("/{auth_index}/split")
@needs(Role.OPERATOR)
async def split(
    auth_index: Name, how: Annotated[Taken, Body()], desk: DeskHere, actor: ActorHere, eyes: EyesHere
) -> SplitShape:
    """Make a revision that is another account's an account of its own."""
    done = await splitting.split(desk, by_name(desk, auth_index).account.auth_index, how.revision, actor)
    return SplitShape(
        auth_index=done.auth_index, restored=done.restored, account=eyes.account(by_name(desk, done.auth_index))
    )
