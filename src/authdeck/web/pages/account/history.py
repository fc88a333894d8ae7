"""History: what happened to the account, the difference between revisions, and the way back to one."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import documents
from authdeck.operations.documents import Difference
from authdeck.operations.restore_revision import restore_revision
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import audit, batches, holds, revisions
from authdeck.storage.reading.audit import AuditSearch
from authdeck.web.history import KINDS, Happening, by_day, story
from authdeck.web.pages.account.frame import PATH, at, done, entry_of, show
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

TAB = "history"
_MOST = 200


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    prefs = room.pages.preferences(request)

    def work(connection: ReadConnection) -> list[Happening]:
        search = AuditSearch(target=account.auth_index, page_size=_MOST)
        return story(
            revisions.of_account(connection, account.auth_index),
            holds.history(connection, account.key),
            audit.page(connection, search).items,
            batches.of_account(connection, account.key),
            prefs,
        )

    told = await room.desk.read(work)
    kind = request.query_params.get("show", "")
    number = _number(request.query_params.get("compare", ""))
    return {
        "kinds": KINDS,
        "kind": kind if kind in KINDS else "",
        "days": by_day([one for one in told if kind not in KINDS[1:] or one.kind == kind], room.desk.now(), prefs),
        "compared": number,
        "differences": await _differences(request, entry, number) if number else [],
        "at_tab": lambda **more: at(account.auth_index, TAB, **more),
    }


async def _differences(request: Request, entry: Entry, number: int) -> list[tuple[str, str, str]]:
    """(field, before, after) against the revision's parent, as JSON; of secrets only that they differ."""
    _, found = await documents.difference(room_of(request).desk, entry.account.auth_index, number, None)
    return [(one.field, _line(one, "before"), _line(one, "after")) for one in found if one.change != "same"]


def _line(one: Difference, side: str) -> str:
    missing = "added" if side == "before" else "removed"
    return "" if one.change == missing else json.dumps(getattr(one, side), ensure_ascii=False)


@needs(Role.OPERATOR)
async def restore(request: Request) -> Response:
    """Bring revision ``want`` back: all but the tokens, which stay the newest; with ``credential`` those too."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    index, number = entry.account.auth_index, _number(str(said.get("want", "")))
    try:
        made = await restore_revision(
            room.desk, index, number, actor_of(request), credential=said.get("credential") == "yes"
        )
    except DeckError as error:
        return await show(request, entry, TAB, await content(request, entry), error)
    if made.outcome == "unchanged":
        return done(entry, TAB, "did_nothing")
    undo = Undo(f"{PATH}/{index}/restoration", str(entry.account.revision), at(index, TAB))
    return done(entry, TAB, "did_restore_revision", {"number": number, "revision": made.revision}, undo)


def _number(text: str) -> int:
    """A revision's number; 0 where the text is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - revisions are few


ROUTES = (Route(f"{PATH}/{{auth_index}}/restoration", restore, methods=["POST"]),)
