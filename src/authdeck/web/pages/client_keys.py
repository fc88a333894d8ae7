"""Client keys: the list, a new one with what a client needs to use it, and taking one back."""

import re
from datetime import UTC, date, datetime, time
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import client_keys, putting_back
from authdeck.operations.client_keys import NewClientKey, Scope
from authdeck.web import toasts
from authdeck.web.account_rows import NAMES
from authdeck.web.client_start import PLACEHOLDER, for_clients
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

PATH: Final = "/client-keys"


@needs(Role.OPERATOR)
async def index(request: Request) -> Response:
    return await _page(request)


@needs(Role.OPERATOR)
async def create(request: Request) -> Response:
    """The key is in this answer and nowhere else: not in an address, a cookie, or the database."""
    said = await request.form()
    try:
        made = await client_keys.create(
            room_of(request).desk,
            str(said.get("name", "")),
            actor_of(request),
            scope=_scope(said),
            expires_at=_end(request, str(said.get("expires", ""))),
            rate_limit=_rate(str(said.get("rate_limit", ""))),
        )
    except DeckError as error:
        return await _page(request, error=error, said=said)
    return await _page(request, made=made)


def _scope(said: FormData) -> Scope:
    """What is ticked and typed; nothing of a kind is everything of it."""
    prefixes, models = (_words(str(said.get(name, ""))) for name in ("prefixes", "models"))
    return Scope(prefixes, frozenset(map(str, said.getlist("provider"))) or None, models)


def _words(text: str) -> frozenset[str] | None:
    return frozenset(re.split(r"[\s,]+", text.strip())) if text.strip() else None


def _rate(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or len(text.strip()) > 9:  # noqa: PLR2004 - requests a minute
        raise DeckError("client_key_rate_invalid", status=422, rate_limit=text.strip()[:16])
    return int(text)


def _end(request: Request, text: str) -> datetime | None:
    """The end of that day, in the reader's zone."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise DeckError("client_key_end_invalid", status=422, given=text.strip()[:32]) from None
    zone = room_of(request).pages.preferences(request).zone
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)


@needs(Role.OPERATOR)
async def revoke(request: Request) -> Response:
    key = await client_keys.revoke(room_of(request).desk, request.path_params["id"], actor_of(request))
    response = RedirectResponse(PATH, 303)
    undo = Undo(f"{PATH}/{key.id}/restoration", "restored", PATH)
    toasts.leave(response, "did_revoke", {"name": key.name}, undo)
    return response


@needs(Role.OPERATOR)
async def restore(request: Request) -> Response:
    """Let a key that was revoked within a day work again."""
    try:
        key = await client_keys.restore(room_of(request).desk, request.path_params["id"], actor_of(request))
    except DeckError as error:
        return await _page(request, error=error)
    response = RedirectResponse(PATH, 303)
    toasts.leave(response, "did_restore_key", {"name": key.name})
    return response


async def _page(
    request: Request,
    made: NewClientKey | None = None,
    error: DeckError | None = None,
    said: FormData | None = None,
) -> Response:
    room = room_of(request)
    now = room.desk.now()
    keys = await client_keys.list_keys(room.desk)
    locale = room.pages.preferences(request).locale
    shown = PLACEHOLDER if made is None else made.key.open()
    response = room.pages.answer(
        request,
        "client_keys/index.html",
        section="client-keys",
        status=200 if error is None else error.status,
        typed={} if said is None else {name: str(value) for name, value in said.items()},
        ticked=[] if said is None else said.getlist("provider"),
        prefixes=sorted({p for entry in room.desk.directory.entries() if (p := entry.account.settings.prefix)}),
        provider_names=list(NAMES.items()),
        keys=[
            (key, key.counts(now), key.revoked_at is not None and putting_back.is_possible(key.revoked_at, now))
            for key in sorted(keys, key=lambda key: not key.counts(now))
        ],
        made=made,
        made_key=shown,
        error=None if error is None else wording.sentence(error.code, error.params, locale),
        **for_clients(request, room, shown),
    )
    response.headers["cache-control"] = "no-store"
    return response


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, create, methods=["POST"]),
    Route(f"{PATH}/{{id}}/revocation", revoke, methods=["POST"]),
    Route(f"{PATH}/{{id}}/restoration", restore, methods=["POST"]),
)
