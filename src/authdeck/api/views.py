"""``/views``: saved views of the list of accounts: its filters under a name, for oneself or for everyone."""

from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Actor, Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere
from authdeck.api.shapes import Listing, Shape
from authdeck.gate.routes import needs
from authdeck.operations import saved_views
from authdeck.storage.reading.saved_views import StoredView

router = APIRouter(prefix="/views", tags=["views"], route_class=Limited)


class View(BaseModel):
    """``query`` is a query string of ``GET /accounts``, as the console's address has it (``mode`` too)."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    query: str = Field(max_length=8000)
    shared: bool = False


class ViewShape(Shape):
    """``may_remove``: it is one's own, or a shared one and one is an admin."""

    id: int
    name: str
    query: str
    shared: bool
    owner: str
    may_remove: bool


@router.get("")
@needs(Role.VIEWER)
async def views(desk: DeskHere, actor: ActorHere) -> Listing[ViewShape]:
    """One's own views, and those that others share."""
    found = await saved_views.visible(desk, saved_views.ACCOUNTS, actor)
    return Listing(items=[_shape(view, actor) for view in found], total=len(found))


@router.post("", status_code=201)
@needs(Role.VIEWER)
async def save(view: View, desk: DeskHere, actor: ActorHere) -> ViewShape:
    """Keep a view; one of the same name that one has is replaced. Sharing it needs an operator."""
    query = urlencode(parse_qsl(view.query.removeprefix("?")))
    kept = await saved_views.save(desk, saved_views.ACCOUNTS, actor, name=view.name, query=query, shared=view.shared)
    return _shape(kept, actor)


@router.delete("/{view_id}", status_code=204)
@needs(Role.VIEWER)
async def remove(view_id: int, desk: DeskHere, actor: ActorHere) -> None:
    """Take it away; 404 for somebody else's, which only an admin may do, and only where it is shared.

    For a day it can be put back.
    """
    await saved_views.remove(desk, view_id, actor)


@router.post("/{view_id}/restoration")
@needs(Role.VIEWER)
async def put_back(view_id: int, desk: DeskHere, actor: ActorHere) -> ViewShape:
    """Put a view back that was taken away within a day; who may take it away may do so. Idempotent."""
    return _shape(await saved_views.put_back(desk, view_id, actor), actor)


def _shape(view: StoredView, actor: Actor) -> ViewShape:
    may = saved_views.may_remove(view, actor)
    return ViewShape(
        id=view.key, name=view.name, query=view.query, shared=view.shared, owner=view.owner, may_remove=may
    )
