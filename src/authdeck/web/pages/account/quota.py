"""Quota: every window as it was last seen, with its source and age. What nobody saw is said to be unknown."""

from typing import Any

from starlette.requests import Request

from authdeck.entry import Entry
from authdeck.storage.reading import evidence
from authdeck.web.quota_rows import ShownWindow, shown
from authdeck.web.room import room_of

TAB = "quota"
_MOST = 30


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    now, locale = room.desk.now(), room.pages.preferences(request).locale
    seen = await room.desk.read(lambda connection: evidence.snapshots(connection, account.key))
    newest = [(shown(each, now, locale), is_reset) for each, is_reset in reversed(seen[-_MOST:])]
    return {"windows": windows_of(request, entry), "snapshots": newest}


def windows_of(request: Request, entry: Entry) -> list[ShownWindow]:
    """What is known before what is not, the account's own windows before those of single models, short before long."""
    room = room_of(request)
    now, locale = room.desk.now(), room.pages.preferences(request).locale
    found = [shown(window, now, locale) for window in entry.windows]
    return sorted(found, key=_order)


def _order(shown: ShownWindow) -> tuple[bool, bool, int, str]:
    window = shown.window
    return shown.left is None, window.scope is not None, window.seconds or 0, window.window
