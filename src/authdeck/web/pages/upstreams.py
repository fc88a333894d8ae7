"""Settings, Upstreams: where credentials may be sent beside the providers' own hosts, and what waits for a yes."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import upstreams
from authdeck.storage.reading.upstreams import approved
from authdeck.web import toasts
from authdeck.web.addresses import inside
from authdeck.web.pages.settings import SECTIONS
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Undo

PATH: Final = "/settings/upstreams"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An address that accounts name and nobody approved."""

    origin: str
    accounts: int


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    return await _page(request)


@needs(Role.ADMIN)
async def approve(request: Request) -> Response:
    """``url``'s origin may be sent credentials; ``private`` allows loopback and private addresses."""
    room, said = room_of(request), await request.form()
    url = str(said.get("url", said.get("want", ""))).strip()
    private = "yes" in (said.get("private"), request.query_params.get("private"))
    try:
        origin = await upstreams.approve(room.desk, url, actor_of(request), private=private)
    except DeckError as error:
        return await _page(request, error, url)
    response = RedirectResponse(inside(str(said.get("next", "")), PATH), 303)
    toasts.leave(response, "did_approve", {"origin": origin}, Undo(f"{PATH}/withdrawal", origin, PATH))
    return response


@needs(Role.ADMIN)
async def withdraw(request: Request) -> Response:
    room, said = room_of(request), await request.form()
    origin = str(said.get("origin", said.get("want", "")))
    former = await upstreams.withdraw(room.desk, origin, actor_of(request))
    response = RedirectResponse(inside(str(said.get("next", "")), PATH), 303)
    undo = Undo(f"{PATH}?private=yes" if former.private else PATH, origin, PATH)
    toasts.leave(response, "did_withdraw_upstream", {"origin": origin}, undo)
    return response


async def _page(request: Request, error: DeckError | None = None, typed: str = "") -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    known = await room.desk.read(approved)
    return room.pages.answer(
        request,
        "settings/upstreams.html",
        section="settings",
        part="upstreams",
        parts=SECTIONS,
        status=200 if error is None else error.status,
        error=None if error is None else wording.sentence(error.code, error.params, locale),
        typed=typed,
        rows=[(row, _using(room, row.origin)) for row in known],
        waiting=_waiting(room, {row.origin for row in known}),
        may_decide=actor_of(request).role >= Role.ADMIN,
    )


def _using(room: Room, origin: str) -> int:
    return sum(_origin(entry.account.base_url) == origin for entry in room.desk.directory.entries())


def _waiting(room: Room, known: set[str]) -> list[Waiting]:
    counts: dict[str, int] = {}
    for entry in room.desk.directory.entries():
        if any(hold.code == upstreams.NOT_APPROVED for hold in entry.holds):
            origin = _origin(entry.account.base_url)
            counts[origin] = counts.get(origin, 0) + 1
    return [Waiting(origin, number) for origin, number in sorted(counts.items()) if origin and origin not in known]


def _origin(url: str | None) -> str:
    if not url:
        return ""
    try:
        return upstreams.origin_text(url)
    except DeckError:
        return ""


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, approve, methods=["POST"]),
    Route(f"{PATH}/withdrawal", withdraw, methods=["POST"]),
)
