"""``/backups``: making one, fetching it, and removing it. Restoring needs no server: ``authdeck restore``."""

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import FileResponse, Response

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, PartsHere
from authdeck.api.shapes import Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import backups

router = APIRouter(prefix="/backups", tags=["vault"], route_class=Limited)


class NewBackup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    monitoring: bool = False


class RotatingShape(Shape):
    auth_index: str
    file_name: str
    provider: str


class BackupShape(Shape):
    """``rows`` by table. ``rotating``: restored elsewhere, these accounts' tokens will be stale."""

    id: str
    created_at: Time
    size: int
    rows: Mapping[str, int]
    rotating: list[RotatingShape]
    with_monitoring: bool


@router.post("", status_code=201)
@needs(Role.ADMIN)
async def make(parts: PartsHere, actor: ActorHere, new: NewBackup | None = None) -> BackupShape:
    """Everything of one moment, sealed; fetch it within an hour."""
    monitoring = parts.monitoring if new is not None and new.monitoring else None
    made = await backups.make(parts.desk, actor, monitoring)
    return BackupShape(
        id=made.id,
        created_at=made.created_at,
        size=made.size,
        rows=made.rows,
        rotating=[RotatingShape.model_validate(one, from_attributes=True) for one in made.rotating],
        with_monitoring=made.with_monitoring,
    )


@router.get("/{backup_id}/content")
@needs(Role.ADMIN)
async def content(backup_id: str, desk: DeskHere) -> Response:
    """The backup's bytes."""
    return FileResponse(backups.find(desk, backup_id), media_type="application/octet-stream")


@router.delete("/{backup_id}", status_code=204)
@needs(Role.ADMIN)
async def remove(backup_id: str, desk: DeskHere) -> None:
    """Remove it from the server."""
    backups.remove(desk, backup_id)
