"""``…/endpoints`` of accounts and prefixes, and an account's ``…/models``: what clients can ask, and where."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from authdeck import models
from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere, EyesHere
from authdeck.api.shapes import Because, Listing, Shape
from authdeck.gate import hosts
from authdeck.gate.routes import needs
from authdeck.operations import reach
from authdeck.operations.entries import by_name
from authdeck.operations.reach import Reach

router = APIRouter(tags=["accounts"], route_class=Limited)

Prefix = Annotated[str, Path(max_length=200)]


class EndpointShape(Shape):
    route: str
    method: str
    url: str


class SnippetShape(Shape):
    client: str
    language: str
    text: str


class ReachShape(Shape):
    """``base`` is where a client begins; ``model`` one that is served there; ``note`` what one should know about it."""

    base: str
    prefix: str | None
    model: str | None
    note: Because | None
    endpoints: list[EndpointShape]
    snippets: list[SnippetShape]


class ModelShape(Shape):
    """``support`` is yes, no or unknown, which is served. ``excluded_by`` is the pattern that excludes it."""

    id: str
    support: str
    why: Because
    excluded_by: str | None
    excluded_where: str | None
    alias_of: str | None


@router.get("/accounts/{auth_index}/endpoints")
@needs(Role.VIEWER)
async def account_endpoints(auth_index: Name, desk: DeskHere, eyes: EyesHere, request: Request) -> ReachShape:
    """Ready URLs and client snippets for what the account serves, by its prefix where it has one."""
    account = by_name(desk, auth_index).account
    return _shape(eyes, reach.of_account(desk, account, hosts.address(request.scope, desk.settings)))


@router.get("/prefixes/{prefix}/endpoints")
@needs(Role.VIEWER)
async def prefix_endpoints(prefix: Prefix, desk: DeskHere, eyes: EyesHere, request: Request) -> ReachShape:
    """Ready URLs and client snippets for everything that accounts with this prefix serve."""
    return _shape(eyes, reach.of_prefix(desk, prefix, hosts.address(request.scope, desk.settings)))


@router.get("/accounts/{auth_index}/models")
@needs(Role.VIEWER)
async def account_models(
    auth_index: Name,
    desk: DeskHere,
    eyes: EyesHere,
    model: Annotated[str | None, Query(max_length=200, description="One to explain beside those known.")] = None,
) -> Listing[ModelShape]:
    """Which models the account serves and why, by name. Any other is served too, unless it is excluded."""
    account = by_name(desk, auth_index).account
    found = models.listing(account, desk.catalogue, model)
    items = [
        ModelShape(
            id=each.id,
            support=each.support.value,
            why=eyes.because(each.code, each.params),
            excluded_by=each.excluded_by,
            excluded_where=each.excluded_where,
            alias_of=each.alias_of,
        )
        for each in found
    ]
    return Listing(items=items, total=len(items))


def _shape(eyes: Eyes, found: Reach) -> ReachShape:
    params: dict[str, Any] = {"prefix": found.prefix or "", "base": found.base}
    return ReachShape(
        base=found.base,
        prefix=found.prefix,
        model=found.model,
        note=eyes.because(found.note, params) if found.note else None,
        endpoints=[EndpointShape(route=each.route.value, method=each.method, url=each.url) for each in found.endpoints],
        snippets=[SnippetShape.model_validate(each, from_attributes=True) for each in found.snippets],
    )
