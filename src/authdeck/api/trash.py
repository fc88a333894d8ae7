"""``/trash``: what was deleted and is still whole."""

from datetime import datetime, timedelta

from fastapi import APIRouter

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import AccountShape, Listing, TrashedShape
from authdeck.gate.routes import needs
from authdeck.operations import trash
from authdeck.storage.reading import accounts

router = APIRouter(prefix="/trash", tags=["trash"], route_class=Limited)


@router.get("")
@needs(Role.VIEWER)
async def trashed(desk: DeskHere, eyes: EyesHere) -> Listing[TrashedShape]:
    """Newest first, each with the moment from which it may be purged."""
    found = await desk.read(accounts.in_trash)
    kept = timedelta(days=desk.settings.trash_days)
    items = [eyes.trashed(account, by, _after(account.trashed_at, kept)) for account, by in found]
    return Listing(items=items, total=len(items))


@router.post("/{auth_index}/restoration")
@needs(Role.OPERATOR)
async def restore(auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    """Bring the account back with its auth_index and history. Idempotent."""
    return eyes.account(await trash.restore(desk, auth_index, actor))


def _after(moment: datetime | None, kept: timedelta) -> datetime | None:
    return None if moment is None else moment + kept
