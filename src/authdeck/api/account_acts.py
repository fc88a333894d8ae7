"""``/accounts/{auth_index}/…``: what a person does about one account: send one small request through it."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, PartsHere
from authdeck.api.shapes import Shape
from authdeck.gate.routes import needs
from authdeck.operations.entries import by_name
from authdeck.operations.send_one import LONGEST_MODEL, send_one

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=Limited)


class OneRequest(BaseModel):
    """``model``: by default the one that likely costs least among those the account is known to serve."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("", max_length=LONGEST_MODEL)


class SentShape(Shape):
    """``id`` is the request's, as in ``/requests/{id}``, which says how it went."""

    id: str


@router.post("/{auth_index}/request")
@needs(Role.OPERATOR)
async def request(auth_index: Name, parts: PartsHere, actor: ActorHere, wish: OneRequest | None = None) -> SentShape:
    """Send one small request through exactly this account. It costs a few tokens; holds do not stop it, terms do."""
    index = by_name(parts.desk, auth_index).account.auth_index
    return SentShape(id=await send_one(parts.desk, parts.send, index, actor, (wish or OneRequest()).model))
