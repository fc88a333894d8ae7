"""``/accounts/{auth_index}/confirmation``: a person vouches for tokens that came out of a backup."""

from fastapi import APIRouter

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import AccountShape
from authdeck.gate.routes import needs
from authdeck.operations import verify_restored
from authdeck.operations.entries import by_name

router = APIRouter(prefix="/accounts", tags=["accounts"], route_class=Limited)


@router.put("/{auth_index}/confirmation")
@needs(Role.OPERATOR)
async def confirm(auth_index: str, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    """Its restored tokens are the newest there are: it serves and is refreshed again."""
    found = by_name(desk, auth_index)
    return eyes.account(await verify_restored.confirm(desk, found.account.auth_index, actor))
