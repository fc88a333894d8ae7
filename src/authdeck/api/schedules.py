"""``/schedules``: inspections that begin by themselves."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.inspections import PolicyAsked
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, PartsHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations.schedules import LONGEST_NAME
from authdeck.storage.reading.schedules import StoredSchedule

router = APIRouter(prefix="/schedules", tags=["inspections"], route_class=Limited)

Id = Annotated[int, Path(description="A schedule's id.", ge=1, le=2**53)]


class TimingAsked(BaseModel):
    """``every`` so many minutes, or at ``times`` of day (``HH:MM``) in ``zone``, an IANA name."""

    model_config = ConfigDict(extra="forbid")

    every: int | None = None
    times: list[str] | None = Field(None, max_length=24)
    zone: str | None = Field(None, max_length=64)


class ScheduleAsked(BaseModel):
    """``selection``: ``{auth_indexes}`` or filters, and ``sample``, as ``POST /inspections`` takes them."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=LONGEST_NAME)
    timing: TimingAsked | None = None
    policy: PolicyAsked | None = None
    selection: dict[str, Any] | None = None
    enabled: bool | None = None


class ScheduleShape(Shape):
    """``next_at`` is ``null`` while it is off."""

    id: int
    name: str
    timing: dict[str, Any]
    policy: dict[str, Any]
    selection: dict[str, Any]
    enabled: bool
    next_at: Time | None
    created_at: Time
    created_by: str


@router.get("")
@needs(Role.VIEWER)
async def schedules(parts: PartsHere, page_size: Annotated[int, Query(ge=1, le=200)] = 50) -> Listing[ScheduleShape]:
    """All of them, by name; there are at most fifty."""
    found = await parts.inspecting.schedules.all()
    return Listing(items=[_shape(each) for each in found[:page_size]], total=len(found))


@router.post("", status_code=201)
@needs(Role.OPERATOR)
async def create(asked: ScheduleAsked, parts: PartsHere, actor: ActorHere) -> ScheduleShape:
    """Add one. It records only, unless ``policy.may`` says more."""
    return _shape(await parts.inspecting.schedules.create(_given(asked), actor))


@router.get("/{schedule_id}")
@needs(Role.VIEWER)
async def schedule(schedule_id: Id, parts: PartsHere) -> ScheduleShape:
    """One of them."""
    return _shape(await parts.inspecting.schedules.one(schedule_id))


@router.patch("/{schedule_id}")
@needs(Role.OPERATOR)
async def change(schedule_id: Id, asked: ScheduleAsked, parts: PartsHere, actor: ActorHere) -> ScheduleShape:
    """Change what is named; ``timing``, ``policy`` and ``selection`` as a whole."""
    return _shape(await parts.inspecting.schedules.change(schedule_id, _given(asked), actor))


@router.delete("/{schedule_id}", status_code=204)
@needs(Role.OPERATOR)
async def delete(schedule_id: Id, parts: PartsHere, actor: ActorHere) -> None:
    """Delete it. Its runs stay."""
    await parts.inspecting.schedules.delete(schedule_id, actor)


def _given(asked: ScheduleAsked) -> dict[str, Any]:
    return asked.model_dump(exclude_none=True)


def _shape(schedule: StoredSchedule) -> ScheduleShape:
    names = ScheduleShape.model_fields.keys() - {"id"}
    return ScheduleShape(id=schedule.key, **{name: getattr(schedule, name) for name in names})
