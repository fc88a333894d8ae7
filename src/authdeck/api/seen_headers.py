"""``/accounts/{auth_index}/seen-headers``: what headers of answers said last of limits, waits and ids."""

from functools import partial

from fastapi import APIRouter

from authdeck.access import Role
from authdeck.api.accounts import Name
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations.entries import by_name
from authdeck.seen_headers import each
from authdeck.storage.reading import seen_headers as reading

router = APIRouter(tags=["evidence"], route_class=Limited)


class SeenHeaderShape(Shape):
    """A header as it was last said; ``value`` is sanitised. ``request_id`` is null where we asked by ourselves."""

    name: str
    value: str
    observed_at: Time
    request_id: str | None


@router.get("/accounts/{auth_index}/seen-headers")
@needs(Role.VIEWER)
async def seen_headers(auth_index: Name, desk: DeskHere) -> Listing[SeenHeaderShape]:
    """Headers of the account's answers, each as it was last seen, newest first; some seconds behind.

    Those about limits, waits and the provider's ids only, never cookies or credentials; kept for 30 days.
    """
    account = by_name(desk, auth_index).account
    found = each(await desk.read(partial(reading.of_account, account_key=account.key))).values()
    items = [
        SeenHeaderShape(name=one.name, value=one.value, observed_at=one.at, request_id=one.request_id) for one in found
    ]
    return Listing(items=items, total=len(items))
