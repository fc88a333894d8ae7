"""Overview: why the account is or is not used, how it does, and its newest requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from starlette.requests import Request

from authdeck.clock import to_micros
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.event import RequestEvent
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import requests
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import RequestPage
from authdeck.web import request_log, request_rows
from authdeck.web.activity import activity
from authdeck.web.answers import counted
from authdeck.web.pages.account.quota import windows_of
from authdeck.web.preferences import Preferences
from authdeck.web.room import room_of

_RECENT: Final = 8
_COUNTED: Final = 1000
_SPAN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Use:
    """(answered, failed) per ten minutes, oldest first; the newest requests; those of a day, as far as counted."""

    buckets: Sequence[tuple[int, int]]
    newest: Sequence[RequestEvent]
    day: RequestPage


async def content(request: Request, entry: Entry) -> dict[str, Any]:
    room = room_of(request)
    prefs = room.pages.preferences(request)
    read = room.parts.monitoring.read(partial(_use, auth_index=entry.account.auth_index, now=room.desk.now()))
    use = await request_log.unless_it_fails(read)
    return {
        "asks": {each.reason_code: each.action.value for each in entry.candidates},
        "windows": windows_of(request, entry),
        **(_nothing_known(use, prefs) if isinstance(use, DeckError) else _shown(use, prefs)),
    }


def _use(c: ReadConnection, auth_index: str, now: datetime) -> Use:
    day = RequestSearch(auth_index=auth_index, since=now - _SPAN, page_size=_COUNTED)
    newest = RequestSearch(auth_index=auth_index, page_size=_RECENT)
    buckets = requests.recent_buckets(c, [auth_index], to_micros(now) // 1000)
    return Use(buckets[auth_index], requests.page(c, newest).items, requests.page(c, day))


def _shown(use: Use, prefs: Preferences) -> dict[str, Any]:
    day = use.day.items
    return {
        "activity": activity(use.buckets),
        "recent": [request_rows.row(event, prefs) for event in use.newest],
        "use": counted(day, capped=use.day.next is not None) if day else None,
        "tokens": sum((event.tokens.input or 0) + (event.tokens.output or 0) for event in day),
        "trouble": "",
    }


def _nothing_known(error: DeckError, prefs: Preferences) -> dict[str, Any]:
    trouble = request_log.trouble(error, prefs.locale)
    return {"activity": None, "recent": [], "use": None, "tokens": 0, "trouble": trouble}
