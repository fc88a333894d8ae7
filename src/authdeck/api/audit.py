"""``/audit``: who did what, newest first."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.storage.reading import audit

router = APIRouter(prefix="/audit", tags=["audit"], route_class=Limited)


class AuditShape(Shape):
    writer: str
    seq: int
    at: Time
    actor: str
    what: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    batch: str | None


@router.get("")
@needs(Role.ADMIN)
async def entries(
    desk: DeskHere,
    target: Annotated[str | None, Query(description="An auth_index, a provider, an origin, an id.")] = None,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Listing[AuditShape]:
    """What happened, in codes. No entry holds a secret."""
    found = await desk.read(lambda connection: audit.newest(connection, limit=page_size, target=target))
    return Listing(items=[AuditShape.model_validate(entry, from_attributes=True) for entry in found])
