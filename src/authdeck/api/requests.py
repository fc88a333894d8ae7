"""``/requests``: what was asked through the gateway, which account served it, and what failed."""

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import PartsHere
from authdeck.api.request_filters import SearchHere
from authdeck.api.request_shapes import RequestShape, request_shape
from authdeck.api.shapes import Listing
from authdeck.errors import NotFound
from authdeck.gate.routes import needs
from authdeck.storage.reading import requests as reading
from authdeck.storage.reading.requests import LARGEST_PAGE

router = APIRouter(prefix="/requests", tags=["requests"], route_class=Limited)


@router.get("")
@needs(Role.VIEWER)
async def requests(
    parts: PartsHere,
    search: SearchHere,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    cursor: str | None = None,
) -> Listing[RequestShape]:
    """Newest first. ``total`` is null: counting millions would cost more than it tells.

    A page may hold fewer than it could, or none, though ``next`` goes on: filters that no index answers look at so many
    requests together and no more.
    """
    asked = replace(search, page_size=page_size, cursor=cursor)
    page = await parts.monitoring.read(partial(reading.page, search=asked))
    return Listing(items=[request_shape(event) for event in page.items], next=page.next)


@router.get("/{request_id}")
@needs(Role.VIEWER)
async def request(
    request_id: Annotated[str, Path(description="As x-authdeck-request-id says.")], parts: PartsHere
) -> RequestShape:
    """One request, with every attempt."""
    event = await parts.monitoring.read(partial(reading.by_id, request_id=request_id))
    if event is None:
        raise NotFound("request_not_found", id=request_id[:64])
    return request_shape(event)
