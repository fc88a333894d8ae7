"""Overview: why the account is or is not used, how it does, and its newest requests."""

from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request

from authdeck.clock import to_micros
from authdeck.entry import Entry
from authdeck.event import RequestEvent
from authdeck.storage.reading import requests
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.web import request_rows
from authdeck.web.activity import activity
from authdeck.web.answers import counted
from authdeck.web.pages.account.quota import windows_of
from authdeck.web.room import Room, room_of

_RECENT: Final = 8
_COUNTED: Final = 1000
_SPAN: Final = timedelta(hours=24)


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room, auth_index = room_of(request), entry.account.auth_index
    prefs = room.pages.preferences(request)
    now_ms = to_micros(room.desk.now()) // 1000
    buckets = await room.monitoring.read(lambda connection: requests.recent_buckets(connection, [auth_index], now_ms))
    newest = await _newest(room, RequestSearch(auth_index=auth_index, page_size=_RECENT))
    day, capped = await _of_a_day(room, auth_index)
    return {
        "asks": {each.reason_code: each.action.value for each in entry.candidates},
        "windows": windows_of(request, entry),
        "activity": activity(buckets[auth_index]),
        "recent": [request_rows.row(event, prefs) for event in newest],
        "use": counted(day, capped=capped) if day else None,
        "tokens": sum((event.tokens.input or 0) + (event.tokens.output or 0) for event in day),
    }


async def _of_a_day(room: Room, auth_index: str) -> tuple[list[RequestEvent], bool]:
    since = room.desk.now() - _SPAN
    search = RequestSearch(auth_index=auth_index, since=since, page_size=_COUNTED)
    page = await room.monitoring.read(lambda connection: requests.page(connection, search))
    return page.items, page.next is not None


async def _newest(room: Room, search: RequestSearch) -> list[RequestEvent]:
    page = await room.monitoring.read(lambda connection: requests.page(connection, search))
    return page.items
