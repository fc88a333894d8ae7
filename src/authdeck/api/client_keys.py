"""``/client-keys``: what clients present to the gateway."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import client_keys
from authdeck.operations.client_keys import ClientKey, Scope

router = APIRouter(prefix="/client-keys", tags=["client keys"], route_class=Limited)


class ScopeShape(BaseModel):
    """What a key may reach; absent is everything. ``models`` may be patterns with ``*``."""

    model_config = ConfigDict(extra="forbid")

    prefixes: list[str] | None = None
    providers: list[str] | None = None
    models: list[str] | None = None


class NewKey(BaseModel):
    """``rate_limit`` is requests a minute."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    scope: ScopeShape = ScopeShape()
    expires_at: AwareDatetime | None = None
    rate_limit: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class CreatedKey(Shape):
    """``key`` is shown this once: only its hash is kept."""

    id: str
    name: str
    key: str


class ClientKeyShape(Shape):
    """``display`` is the key's first characters."""

    id: str
    name: str
    display: str
    scope: ScopeShape
    rate_limit: int | None
    created_at: Time
    created_by: str
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None


@router.get("")
@needs(Role.VIEWER)
async def keys(desk: DeskHere) -> Listing[ClientKeyShape]:
    """Newest first, revoked ones too."""
    items = [_shape(key) for key in await client_keys.list_keys(desk)]
    return Listing(items=items, total=len(items))


@router.post("", status_code=201)
@needs(Role.OPERATOR)
async def create(new: NewKey, desk: DeskHere, actor: ActorHere) -> CreatedKey:
    """A new key, in force at once."""
    made = await client_keys.create(
        desk,
        new.name,
        actor,
        scope=Scope.of(new.scope.model_dump(exclude_none=True)),
        expires_at=new.expires_at,
        rate_limit=new.rate_limit,
    )
    return CreatedKey(id=made.id, name=made.name, key=made.key.open())


@router.delete("/{key_id}", status_code=204)
@needs(Role.OPERATOR)
async def revoke(key_id: Annotated[str, Path(max_length=64)], desk: DeskHere, actor: ActorHere) -> None:
    """Refuse the key from now on. Idempotent."""
    await client_keys.revoke(desk, key_id, actor)


@router.post("/{key_id}/restoration")
@needs(Role.OPERATOR)
async def restore(key_id: Annotated[str, Path(max_length=64)], desk: DeskHere, actor: ActorHere) -> ClientKeyShape:
    """Accept a key again that was revoked within a day. Idempotent."""
    return _shape(await client_keys.restore(desk, key_id, actor))


def _shape(key: ClientKey) -> ClientKeyShape:
    return ClientKeyShape(
        id=key.id,
        name=key.name,
        display=key.display,
        scope=ScopeShape.model_validate(key.scope.stored()),
        rate_limit=key.rate_limit,
        created_at=key.created_at,
        created_by=key.created_by,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
