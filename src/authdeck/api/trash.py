"""``/trash``: what was deleted and is still whole."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import AccountShape, Listing, TrashedShape
from authdeck.gate.routes import needs
from authdeck.operations import kin, trash
from authdeck.search import LONGEST_TEXT
from authdeck.storage.reading import trash as reading
from authdeck.storage.reading.trash import TrashSearch

router = APIRouter(prefix="/trash", tags=["trash"], route_class=Limited)


@router.get("")
@needs(Role.VIEWER)
async def trashed(
    parts: PartsHere,
    eyes: EyesHere,
    search: Annotated[str, Query(max_length=LONGEST_TEXT)] = "",
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Listing[TrashedShape]:
    """Newest first, each with the moment from which it may be purged and what depends on it.

    ``search`` as for accounts: any text that an account is known by, ``*`` for anything.
    """
    desk, wanted = parts.desk, TrashSearch(search, page_size, cursor)
    found = await desk.read(lambda connection: reading.page(connection, wanted))
    kept = timedelta(days=desk.settings.trash_days)
    uses = await kin.dependents_of(desk, parts.monitoring, [one.account for one in found.items])
    items = [
        eyes.trashed(one.account, one.by, _after(one.account.trashed_at, kept), uses[one.account.auth_index])
        for one in found.items
    ]
    return Listing(items=items, total=found.total, next=found.next)


@router.post("/{auth_index}/restoration")
@needs(Role.OPERATOR)
async def restore(auth_index: Name, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> AccountShape:
    """Bring the account back with its auth_index and history. Idempotent."""
    return eyes.account(await trash.restore(desk, auth_index, actor))


@router.delete("/{auth_index}", status_code=204)
@needs(Role.ADMIN)
async def purge(auth_index: Name, desk: DeskHere, actor: ActorHere) -> None:
    """Let go for good: auth file, history and settings. Its auth_index is never given again."""
    await trash.purge(desk, auth_index, actor)


def _after(moment: datetime | None, kept: timedelta) -> datetime | None:
    return None if moment is None else moment + kept
