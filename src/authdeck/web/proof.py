"""Recent proof of sign-in: what hands out secrets asks who came in a while ago for the admin key once more."""

from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request

from authdeck.errors import DeckError
from authdeck.gate.visits import visit_of
from authdeck.web.room import room_of

LASTS: Final = timedelta(minutes=10)


def is_recent(request: Request) -> bool:
    """Whether this browser signed in within the last ten minutes."""
    caller = visit_of(request).caller
    begun = caller.session.begun_at if caller is not None and caller.session is not None else None
    return begun is not None and _now(request) - begun < LASTS


async def require(request: Request, admin_key: str) -> None:
    """Returns when the sign-in is recent, or ``admin_key`` is this very operator's.

    Raises 403 ``proof_needed`` and ``proof_of_another``, and as ``Gate.actor_by_key`` for a key that is none.
    """
    if is_recent(request):
        return
    if not admin_key.strip():
        raise DeckError("proof_needed", status=403)
    caller = visit_of(request).caller
    actor = await room_of(request).gate.actor_by_key(admin_key.strip())
    if caller is None or actor.name != caller.actor.name:
        raise DeckError("proof_of_another", status=403)


def _now(request: Request) -> datetime:
    return room_of(request).desk.now()
