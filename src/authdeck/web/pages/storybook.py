"""Every component in every state on one page, for those who work on the console: only with ``AUTHDECK_STORYBOOK=1``."""

from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.evidence import Source
from authdeck.gate.routes import needs
from authdeck.quota import QuotaWindow, Window
from authdeck.web import batch_forms, quota_lines
from authdeck.web.account_rows import LETTERS, TONES
from authdeck.web.activity import activity
from authdeck.web.preferences import Preferences
from authdeck.web.quota_lines import QuotaLine
from authdeck.web.room import room_of
from authdeck.web.toasts import Toast, Undo

PATH: Final = "/storybook"
_BUSY: Final = [(3 + at * 7 % 11, 1 if at % 6 == 2 else 0) for at in range(20)]  # noqa: PLR2004 - any pattern will do


@needs(Role.VIEWER)
async def index(request: Request) -> Response:
    room = room_of(request)
    now, prefs = room.desk.now(), room.pages.preferences(request)
    return room.pages.answer(
        request,
        "storybook.html",
        section="storybook",
        healths=tuple(TONES),
        providers=tuple(LETTERS),
        quota=_quota(now, prefs),
        drawn={
            "busy": activity(_BUSY),
            "stopped": activity([*_BUSY[:8], (0, 6), *[(0, 0)] * 11]),
            "quiet": activity([(0, 0)] * 20),
        },
        acts=[act for act in batch_forms.ACTS.values() if act.fields],
        shown_toast=Toast("38 accounts disabled.", Undo(PATH, "undone", PATH)),
    )


def _quota(now: datetime, prefs: Preferences) -> list[QuotaLine]:
    """Plenty, low, used up, not known, begun anew since."""
    found: list[QuotaLine] = []
    for used, hours in ((17.0, 4.0), (89.0, 1.0), (100.0, 60.0), (None, 3.0), (40.0, -1.0)):
        window = QuotaWindow(
            Window.FIVE_HOUR.value,
            used,
            now - timedelta(minutes=4 + (300 if hours < 0 else 0)),
            Source.HEADER,
            resets_at=now + timedelta(hours=hours),
        )
        found += quota_lines.lines([window], now, prefs)
    return found


ROUTES: Final = (Route(PATH, index),)
