"""``/accounts``: lists, one account, its settings, disablement, lock, reasons, revisions, document and refresh."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from authdeck.access import Actor, Role
from authdeck.api.account_search import SearchHere
from authdeck.api.eyes import revision_shapes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere, VersionRead, json_response, with_etag
from authdeck.api.shapes import (
    AccountShape,
    ErrorRuleShape,
    Listing,
    ModelAliasShape,
    ReasonShape,
    RevisionShape,
    Shape,
)
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.operations import disable, documents, edit_accounts, trash
from authdeck.operations.entries import by_name
from authdeck.operations.explain_routing import Question, explain_account
from authdeck.operations.find_accounts import find_accounts
from authdeck.routing import Route
from authdeck.search import LONGEST_TEXT
from authdeck.storage.reading import revisions

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=Limited)

Name = Annotated[str, Path(description="An auth_index, a file name, or another alias.", max_length=512)]
MAX_PAGE = 200


class AccountChange(BaseModel):
    """A JSON merge patch: ``null`` clears, absent leaves as it is. The rules of each field are ``account_fields``'s.

    This model only shows them in OpenAPI, so that a mistake is worded the same wherever it is made.
    """

    model_config = ConfigDict(extra="forbid")

    file_name: str | None = None
    label: str | None = None
    note: str | None = None
    priority: int | None = None
    weight: int | None = None
    project_id: str | None = None
    prefix: str | None = None
    proxy_url: str | None = None
    headers: dict[str, str | None] | None = None
    excluded_models: list[str] | None = None
    model_aliases: list[ModelAliasShape] | None = None
    request_scoped_errors: list[ErrorRuleShape] | None = None
    disable_cooling: bool | None = None
    request_retry: int | None = None
    websockets: bool | None = None
    using_api: bool | None = None
    refresh_by: Literal["authdeck", "other"] | None = None


_CHANGE_SHOWN = {"requestBody": {"content": {"application/json": {"schema": AccountChange.model_json_schema()}}}}


class Disablement(BaseModel):
    """``reason`` is shown wherever the account is; without ``until`` it lasts until somebody enables the account."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=2000)
    until: AwareDatetime | None = None


@router.get("", response_model=Listing[AccountShape])
@needs(Role.VIEWER)
async def accounts(desk: DeskHere, eyes: EyesHere, search: SearchHere) -> Response:
    """Accounts that match, worst first unless sorted otherwise, with the exact total and counts by facet.

    Each facet leaves its own filter out, so that it says what another choice would show. Of plans, prefixes and
    projects that are more than 200, the most frequent are counted. A cursor goes on behind the last row shown, also
    where rows came and went meanwhile.
    """
    found = await find_accounts(desk, search)
    await asyncio.sleep(0)  # finding took a millisecond or two, and shaping takes as long again
    shown = Listing[AccountShape](
        items=[eyes.account(entry) for entry in found.items],
        next=found.next,
        total=found.total,
        facets={name: dict(counts) for name, counts in found.facets.items()},
    )
    return Response(shown.model_dump_json(), media_type="application/json")


@router.get("/{auth_index}", response_model=AccountShape)
@needs(Role.VIEWER)
async def account(auth_index: Name, desk: DeskHere, eyes: EyesHere) -> Response:
    """One account. Its ETag is the version that PATCH and DELETE want in If-Match."""
    entry = by_name(desk, auth_index)
    return with_etag(eyes.account(entry), entry.account.version)


@router.patch("/{auth_index}", response_model=AccountShape, openapi_extra=_CHANGE_SHOWN)
@needs(Role.OPERATOR)
async def edit(
    auth_index: Name,
    version: VersionRead,
    changes: Annotated[dict[str, Any], Body()],
    desk: DeskHere,
    actor: ActorHere,
    eyes: EyesHere,
) -> Response:
    """Change settings. 428 without If-Match, 412 when somebody changed the account since it was read."""
    index = by_name(desk, auth_index).account.auth_index
    entry = await edit_accounts.edit(desk, index, actor, changes, version=version)
    return with_etag(eyes.account(entry), entry.account.version)


@router.delete("/{auth_index}", status_code=204)
@needs(Role.OPERATOR)
async def delete(auth_index: Name, version: VersionRead, desk: DeskHere, actor: ActorHere) -> None:
    """Put the account into the trash, whole, from where it can be restored."""
    await trash.delete(desk, by_name(desk, auth_index).account.auth_index, actor, version=version)


@router.put("/{auth_index}/disablement")
@needs(Role.OPERATOR)
async def put_disablement(
    auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere, why: Disablement | None = None
) -> AccountShape:
    """Stop serving with the account. Idempotent: done again, it takes the new reason and end."""
    why = why or Disablement()
    _in_future(why.until, eyes.now)
    index = by_name(desk, auth_index).account.auth_index
    return eyes.account(await disable.disable(desk, index, actor, why.reason, why.until))


@router.delete("/{auth_index}/disablement")
@needs(Role.OPERATOR)
async def delete_disablement(auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    """Serve with the account again, as far as nothing else stands in the way."""
    return eyes.account(await disable.enable(desk, by_name(desk, auth_index).account.auth_index, actor))


@router.put("/{auth_index}/lock")
@needs(Role.OPERATOR)
async def put_lock(auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    """Automation: hands off. Only people change what holds the account."""
    return eyes.account(await disable.set_lock(desk, by_name(desk, auth_index).account.auth_index, actor, locked=True))


@router.delete("/{auth_index}/lock")
@needs(Role.OPERATOR)
async def delete_lock(auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    return eyes.account(await disable.set_lock(desk, by_name(desk, auth_index).account.auth_index, actor, locked=False))


@router.get("/{auth_index}/reasons")
@needs(Role.VIEWER)
async def reasons(
    auth_index: Name,
    parts: PartsHere,
    eyes: EyesHere,
    route: Annotated[Route | None, Query(description="For a request of this kind.")] = None,
    model: Annotated[str | None, Query(max_length=LONGEST_TEXT, description="And for this model.")] = None,
) -> Listing[ReasonShape]:
    """Every reason why the account is not used now; none: it serves. Whatever is asked for, unless ``route`` says it.

    Each names its owner (a hold's, or terms, model, prefix, upstream, vault, token, route) and what clears it.
    """
    question = Question(route=route, model=model) if route is not None else None
    found = explain_account(parts.desk, parts.pool, by_name(parts.desk, auth_index), question)
    return Listing(items=[eyes.reason(each) for each in found], total=len(found))


@router.get("/{auth_index}/revisions")
@needs(Role.VIEWER)
async def account_revisions(auth_index: Name, desk: DeskHere) -> Listing[RevisionShape]:
    """Every version of the auth file that was kept, newest first."""
    named = by_name(desk, auth_index).account
    stored = await desk.read(lambda connection: revisions.of_account(connection, named.auth_index))
    return Listing(items=revision_shapes(stored, named.revision), total=len(stored))


@router.get("/{auth_index}/document")
@needs(Role.VIEWER)
async def document(auth_index: Name, desk: DeskHere, actor: ActorHere, reveal: bool = False) -> Response:
    """The auth file, settings that differ included, with ``***`` for every secret.

    With ``reveal`` (role operator, audited) all of it: the bytes that came, where no setting differs.
    """
    named = by_name(desk, auth_index).account
    headers = {"ETag": f'"{named.revision}"', "Cache-Control": "no-store"}
    if not reveal:
        shown = await documents.redacted_document(desk, named.auth_index)
        return json_response(shown.content, headers)
    _may_reveal(actor)
    _, content = await documents.revealed_bytes(desk, named.auth_index, actor)
    return Response(content, media_type="application/json", headers=headers)


class RefreshShape(Shape):
    """``outcome`` is ok, refused, failed or unknown; ``code`` says why where it is not ok."""

    auth_index: str
    outcome: str
    code: str
    account: AccountShape


@router.post("/{auth_index}/refresh")
@needs(Role.OPERATOR)
async def refresh(auth_index: Name, parts: PartsHere, actor: ActorHere, eyes: EyesHere) -> RefreshShape:
    """Exchange the account's refresh token for new tokens now."""
    named = by_name(parts.desk, auth_index).account
    done = await parts.refresh(named.auth_index, actor)
    return RefreshShape(
        auth_index=named.auth_index,
        outcome=done.outcome.value,
        code=done.code,
        account=eyes.account(by_name(parts.desk, named.auth_index)),
    )


def _in_future(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise DeckError("request_invalid", status=422, field="until", problem="lies in the past")


def _may_reveal(actor: Actor) -> None:
    if actor.role < Role.OPERATOR:
        raise DeckError("role_too_low", status=403, needs=Role.OPERATOR.word, role=actor.role.word)
