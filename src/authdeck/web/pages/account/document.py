"""Document: the auth file with its secrets hidden, edited as JSON, and downloaded by who proves to be there."""

import json
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import documents
from authdeck.operations.edit_document import edit_document
from authdeck.web import proof
from authdeck.web.pages.account.frame import PATH, at, done, entry_of, show
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

TAB = "document"


async def content(request: Request, entry: Entry, typed: str | None = None) -> dict[str, Any]:
    """``typed`` is what was sent and could not be taken; ``unreadable`` says why there is nothing to show."""
    room, index = room_of(request), entry.account.auth_index
    found: dict[str, Any] = {"proven": proof.is_recent(request), "document": "", "unreadable": "", "typed": typed}
    found["editing"] = typed is not None or request.query_params.get("edit") == "yes"
    found["revision"] = entry.account.revision
    try:
        shown = await documents.redacted_document(room.desk, index)
    except DeckError as error:
        locale = room.pages.preferences(request).locale
        return {**found, "unreadable": wording.sentence(error.code, error.params, locale), "editing": False}
    text = json.dumps(shown.content, ensure_ascii=False, indent=2)
    return {**found, "document": text, "revision": shown.revision}


@needs(Role.OPERATOR)
async def edit(request: Request) -> Response:
    """Make the text the account's auth file; ``***`` keeps what is there. What can't be taken comes back as typed."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    index, typed = entry.account.auth_index, str(said.get("document", ""))
    given = str(said.get("revision", ""))
    revision = int(given) if given.isdecimal() and len(given) < 10 else None  # noqa: PLR2004 - revisions are few
    try:
        made = await edit_document(room.desk, index, typed.encode(), actor_of(request), revision=revision)
    except DeckError as error:
        return await show(request, entry, TAB, await content(request, entry, typed), error)
    if made.outcome == "unchanged":
        return done(entry, TAB, "did_nothing")
    undo = Undo(f"{PATH}/{index}/restoration", str(entry.account.revision), at(index, TAB))
    return done(entry, TAB, "did_edit_document", {"revision": made.revision}, undo)


@needs(Role.OPERATOR)
async def download(request: Request) -> Response:
    """The file with its settings, secrets and all: for who signed in just now or gives the admin key again. Audited."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    try:
        await proof.require(request, str(said.get("admin_key", "")))
        name, opened = await documents.revealed_bytes(room.desk, entry.account.auth_index, actor_of(request))
    except DeckError as error:
        return await show(request, entry, TAB, await content(request, entry), error)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }
    return Response(opened, media_type="application/json", headers=headers)


ROUTES = (
    Route(f"{PATH}/{{auth_index}}/document", edit, methods=["POST"]),
    Route(f"{PATH}/{{auth_index}}/document/download", download, methods=["POST"]),
)
