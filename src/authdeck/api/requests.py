"""``/requests``: what was asked through the gateway, which account served it, and what failed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere, PartsHere
from authdeck.api.shapes import Listing, RequestShape, request_shape
from authdeck.errors import DeckError, NotFound
from authdeck.gate.routes import needs
from authdeck.operations.desk import Desk
from authdeck.operations.entries import by_name
from authdeck.storage.reading import requests as reading
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import LARGEST_PAGE

router = APIRouter(prefix="/requests", tags=["requests"], route_class=Limited)


@router.get("")
@needs(Role.VIEWER)
async def requests(
    parts: PartsHere,
    desk: DeskHere,
    account: Annotated[str | None, Query(description="An auth_index, a file name or an alias.")] = None,
    auth_index: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    client_key: Annotated[str | None, Query(description="The key's name.")] = None,
    status: Annotated[str | None, Query(pattern="^(ok|failed|[1-5][0-9][0-9])$")] = None,
    failure: Annotated[str | None, Query(description="A kind such as quota, or kind:code.")] = None,
    search: Annotated[str | None, Query(max_length=200, description="Part of a name, or a whole request id.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    cursor: str | None = None,
) -> Listing[RequestShape]:
    """Newest first. ``total`` is null: counting millions would cost more than it tells."""
    asked = RequestSearch(
        status=int(status) if status and status.isdecimal() else status,  # type: ignore[arg-type]  # the pattern says so
        auth_index=auth_index or (account and _auth_index(desk, account)),
        model=model, client_key=client_key, provider=provider, failure=failure, since=since, until=until,
        text=search, page_size=page_size, cursor=cursor,
    )  # fmt: skip
    page = await parts.monitoring.read(lambda connection: reading.page(connection, asked))
    return Listing(items=[request_shape(event) for event in page.items], next=page.next)


@router.get("/{request_id}")
@needs(Role.VIEWER)
async def request(
    request_id: Annotated[str, Path(description="As x-authdeck-request-id says.")], parts: PartsHere
) -> RequestShape:
    """One request, with every attempt."""
    event = await parts.monitoring.read(lambda connection: reading.by_id(connection, request_id))
    if event is None:
        raise NotFound("request_not_found", id=request_id[:64])
    return request_shape(event)


def _auth_index(desk: Desk, name: str) -> str:
    """A deleted account's requests are still found by its auth_index."""
    try:
        return by_name(desk, name).account.auth_index
    except DeckError as error:
        if error.code != "account_not_found":
            raise
        return name
