"""What a person does about one account from its page: lock, release a hold, refresh, send one request, delete."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.errors import Conflict, DeckError
from authdeck.exchange import RefreshOutcome
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.hold import Owner
from authdeck.operations import disable, trash, upstreams, verify_restored
from authdeck.operations.release_hold import put_hold_back, release_hold
from authdeck.operations.send_one import send_one
from authdeck.web import toasts
from authdeck.web.addresses import inside
from authdeck.web.pages.account import diagnostics, overview
from authdeck.web.pages.account.frame import PATH, at, done, entry_of, show
from authdeck.web.pages.auth_files import switched
from authdeck.web.rendering import wants_drawer
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

MONITORING = "/monitoring"


@needs(Role.OPERATOR)
async def lock(request: Request) -> Response:
    """``want`` is locked or unlocked. htmx gets the list's row back, a plain form the page it came from."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    want = str(said.get("want", ""))
    if want not in ("locked", "unlocked"):
        raise DeckError("wish_unknown", status=422, wish=want[:48])
    index = entry.account.auth_index
    after = await disable.set_lock(room.desk, index, actor_of(request), locked=want == "locked")
    opposite = "unlocked" if want == "locked" else "locked"
    back = inside(str(said.get("next", "")), at(index))
    undo = Undo(f"{PATH}/{index}/lock", opposite, back, f"row-{index}")
    named = {"file_name": after.account.file_name}
    if request.headers.get("hx-request") == "true" and not wants_drawer(request):
        return await switched(request, after, back, f"did_{want}", named, undo)
    response = RedirectResponse(back, 303)
    toasts.leave(response, f"did_{want}", named, undo)
    return response


@needs(Role.OPERATOR)
async def release(request: Request) -> Response:
    """End the hold named by ``owner`` and ``code``; a restored account's by saying that its tokens are the newest."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    owner, code = str(said.get("owner", "")), str(said.get("code", ""))
    index, actor = entry.account.auth_index, actor_of(request)
    if code == verify_restored.CODE:
        return done(await verify_restored.confirm(room.desk, index, actor), "overview", "did_release")
    after = await release_hold(room.desk, index, _owner(owner), code, actor)
    undo = Undo(f"{PATH}/{index}/holding", f"{owner} {code}", at(index))
    return done(after, "overview", "did_release", undo=undo)


@needs(Role.OPERATOR)
async def put_back(request: Request) -> Response:
    """The hold that was just released, ``want`` being its owner and code, stands again."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    owner, _, code = str(said.get("want", "")).partition(" ")
    try:
        after = await put_hold_back(room.desk, entry.account.auth_index, _owner(owner), code, actor_of(request))
    except Conflict as error:
        return await show(request, entry, "overview", await overview.content(request, entry), error)
    return done(after, "overview", "did_put_hold_back")


def _owner(word: str) -> Owner:
    try:
        return Owner(word)
    except ValueError:
        raise DeckError("wish_unknown", status=422, wish=word[:48]) from None


@needs(Role.ADMIN)
async def approve(request: Request) -> Response:
    """Approve where the account's requests go, and so release what waited for it."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    url = entry.account.base_url or ""
    origin = await upstreams.approve(room.desk, url, actor_of(request), private=said.get("private") == "yes")
    undo = Undo("/settings/upstreams/withdrawal", origin, at(entry.account.auth_index))
    return done(entry, "overview", "did_approve", {"origin": origin}, undo)


@needs(Role.OPERATOR)
async def refresh(request: Request) -> Response:
    """Exchange the refresh token now. A refusal is no error of this page: the page says what came of it."""
    room, entry = room_of(request), entry_of(request)
    try:
        made = await room.parts.refresh(entry.account.auth_index, actor_of(request))
    except DeckError as error:
        entry = entry_of(request)
        return await show(request, entry, diagnostics.TAB, await diagnostics.content(request, entry), error)
    code = "did_refresh" if made.outcome is RefreshOutcome.OK else "did_not_refresh"
    return done(entry, "diagnostics", code, {"code": made.code})


@needs(Role.OPERATOR)
async def request_one(request: Request) -> Response:
    """Send one small request through exactly this account; then its own page, which says how it went."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    model = str(said.get("model", ""))
    try:
        sent = await send_one(room.desk, room.parts.send, entry.account.auth_index, actor_of(request), model)
    except DeckError as error:
        return await show(request, entry, "overview", await overview.content(request, entry), error)
    return RedirectResponse(f"{MONITORING}/{sent}", 303)


@needs(Role.OPERATOR)
async def delete(request: Request) -> Response:
    """Into the trash, whole; the next page offers to take it back."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    index, given = entry.account.auth_index, str(said.get("version", ""))
    version = int(given) if given.isdecimal() and len(given) < 10 else None  # noqa: PLR2004 - as for settings
    await trash.delete(room.desk, index, actor_of(request), version=version)
    response = RedirectResponse(PATH, 303)
    undo = Undo(f"/trash/{index}/restoration", "restored", at(index))
    toasts.leave(response, "did_delete", {"file_name": entry.account.file_name}, undo)
    return response


ROUTES = tuple(
    Route(f"{PATH}/{{auth_index}}/{name}", handler, methods=["POST"])
    for name, handler in {
        "lock": lock, "release": release, "approval": approve, "refresh": refresh, "request": request_one,
        "deletion": delete, "holding": put_back,
    }.items()
)  # fmt: skip
