"""``/operators``: who manages, their role, and their admin keys."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.errors import NotFound
from authdeck.gate.routes import needs
from authdeck.operations import admin_keys, operators
from authdeck.operations.admin_keys import AdminKey
from authdeck.operations.operators import Operator

router = APIRouter(prefix="/operators", tags=["operators"], route_class=Limited)

OperatorName = Annotated[str, Path(max_length=64)]


class NewOperator(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Literal["viewer", "operator", "admin"]


class NewAdminKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_at: AwareDatetime | None = None


class AdminKeyShape(Shape):
    """``kind`` is generated, or preset for the one from the settings. ``display`` is the key's first characters."""

    id: int
    kind: str
    display: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None


class OperatorShape(Shape):
    name: str
    role: str
    created_at: Time
    disabled_at: Time | None
    keys: list[AdminKeyShape]


class CreatedAdminKey(Shape):
    """``key`` is shown this once: only its hash is kept."""

    id: int
    operator: str
    key: str


@router.get("")
@needs(Role.ADMIN)
async def everyone(desk: DeskHere) -> Listing[OperatorShape]:
    keys = await admin_keys.list_keys(desk)
    items = [_shape(operator, keys) for operator in await operators.list_operators(desk)]
    return Listing(items=items, total=len(items))


@router.post("", status_code=201)
@needs(Role.ADMIN)
async def create(new: NewOperator, desk: DeskHere, actor: ActorHere) -> OperatorShape:
    """A new operator, who can't sign in before they get a key or a sign-in link."""
    return _shape(await operators.create(desk, new.name, operators.role_named(new.role), actor), [])


@router.put("/{name}/disablement", status_code=204)
@needs(Role.ADMIN)
async def disable(name: OperatorName, desk: DeskHere, actor: ActorHere) -> None:
    """Their keys and sessions count no more. The last admin stays."""
    await operators.disable(desk, name, actor)


@router.delete("/{name}/disablement", status_code=204)
@needs(Role.ADMIN)
async def enable(name: OperatorName, desk: DeskHere, actor: ActorHere) -> None:
    """Keys that were not revoked count again."""
    await operators.enable(desk, name, actor)


@router.post("/{name}/keys", status_code=201)
@needs(Role.ADMIN)
async def create_key(
    name: OperatorName, desk: DeskHere, actor: ActorHere, new: NewAdminKey | None = None
) -> CreatedAdminKey:
    """A new admin key for the operator."""
    made = await admin_keys.create(desk, name, actor, expires_at=new.expires_at if new else None)
    return CreatedAdminKey(id=made.id, operator=made.operator, key=made.key.open())


@router.delete("/{name}/keys/{key_id}", status_code=204)
@needs(Role.ADMIN)
async def revoke_key(name: OperatorName, key_id: int, desk: DeskHere, actor: ActorHere) -> None:
    """Refuse the key from now on, and end the operator's sessions. Idempotent."""
    if all(key.key != key_id for key in await admin_keys.list_keys(desk, name)):
        raise NotFound("admin_key_not_found", id=key_id)
    await admin_keys.revoke(desk, key_id, actor)


def _shape(operator: Operator, keys: list[AdminKey]) -> OperatorShape:
    return OperatorShape(
        name=operator.name,
        role=operator.role,
        created_at=operator.created_at,
        disabled_at=operator.disabled_at,
        keys=[_key_shape(key) for key in keys if key.operator == operator.key],
    )


def _key_shape(key: AdminKey) -> AdminKeyShape:
    return AdminKeyShape(
        id=key.key,
        kind=key.kind,
        display=key.display,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
