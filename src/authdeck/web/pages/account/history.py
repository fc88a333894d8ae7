"""History: what happened to the account, the difference between revisions, and the way back to one."""

import json
import re
from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.account import Account
from authdeck.clock import from_micros, to_micros
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
from authdeck.web.history import KINDS, Happening, by_day, page_of, story
from authdeck.web.pages.account.frame import PATH, at, done, entry_of, show
from authdeck.web.preferences import Preferences
from authdeck.web.room import room_of
from authdeck.web.toasts import Undo

TAB = "history"
_PAGE = 100
_MICROS = re.compile(r"[0-9]{1,16}")


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, account, asked = room_of(request), entry.account, request.query_params
    prefs = room.pages.preferences(request)
    kind, number, before = asked.get("show", ""), _number(asked.get("compare", "")), _moment(asked.get("before", ""))
    kind = kind if kind in KINDS else ""
    told = await room.desk.read(partial(_told, account=account, kind=kind, before=before, prefs=prefs))
    shown = page_of(told, _PAGE)
    return {
        "kinds": KINDS,
        "kind": kind,
        "days": by_day(shown, room.desk.now(), prefs),
        "before": to_micros(before) if before else "",
        "older": to_micros(shown[-1].at) if len(shown) < len(told) else "",
        "compared": number,
        "differences": await _differences(request, entry, number) if number else [],
        "at_tab": lambda **more: at(account.auth_index, TAB, **more),
    }


def _told(
    c: ReadConnection, account: Account, kind: str, before: datetime | None, prefs: Preferences
) -> list[Happening]:
    """More than a page of it, where there is more: what happened before then."""
    some = _PAGE + 1
    changes = AuditSearch(
        target=account.auth_index, page_size=some, cursor=audit.cursor_before(before) if before else None
    )
    told = story(
        revisions.of_account(c, account.auth_index, before, some) if kind in ("", "revisions") else (),
        holds.history(c, account.key, before, some) if kind in ("", "holds") else (),
        audit.page(c, changes).items if kind in ("", "changes") else (),
        batches.of_account(c, account.key, before, some) if kind in ("", "changes") else (),
        prefs,
    )
    return [one for one in told if before is None or one.at < before]


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


def _moment(text: str) -> datetime | None:
    """Of an address: microseconds since 1970."""
    return from_micros(int(text)) if _MICROS.fullmatch(text) else None


def _number(text: str) -> int:
    """A revision's number; 0 where the text is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - revisions are few


ROUTES = (Route(f"{PATH}/{{auth_index}}/restoration", restore, methods=["POST"]),)
