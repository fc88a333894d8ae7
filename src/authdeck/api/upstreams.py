"""``/upstreams``: origins that an admin approved, beside the hosts in the settings."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import upstreams
from authdeck.operations.desk import Desk
from authdeck.storage.reading.upstreams import approved

router = APIRouter(prefix="/upstreams", tags=["upstreams"], route_class=Limited)


class UpstreamShape(Shape):
    origin: str
    private: bool
    plain_http: bool
    approved_by: str
    approved_at: Time


class Approval(BaseModel):
    """``url``: its origin counts. ``private`` allows an origin on a private or loopback address."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000)
    private: bool = False


@router.get("")
@needs(Role.VIEWER)
async def origins(desk: DeskHere) -> Listing[UpstreamShape]:
    items = await _shapes(desk)
    return Listing(items=items, total=len(items))


@router.post("", status_code=201)
@needs(Role.ADMIN)
async def approve(approval: Approval, desk: DeskHere, actor: ActorHere) -> UpstreamShape:
    """Approve the URL's origin. Accounts that waited for it serve from now on. Idempotent."""
    origin = await upstreams.approve(desk, approval.url, actor, private=approval.private)
    return next(shape for shape in await _shapes(desk) if shape.origin == origin)


@router.delete("", status_code=204)
@needs(Role.ADMIN)
async def withdraw(
    origin: Annotated[str, Query(min_length=1, max_length=2000)], desk: DeskHere, actor: ActorHere
) -> None:
    """Take the approval back: nothing is sent there any more."""
    await upstreams.withdraw(desk, origin, actor)


async def _shapes(desk: Desk) -> list[UpstreamShape]:
    return [UpstreamShape.model_validate(origin, from_attributes=True) for origin in await desk.read(approved)]
