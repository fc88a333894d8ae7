"""Settings in force: how long things are kept, what automation may do. They are set where the server starts."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck.access import Role
from authdeck.gate.routes import needs
from authdeck.settings import Settings
from authdeck.web.room import room_of

PATH: Final = "/settings"
SECTIONS: Final = ("terms", "upstreams", "retention", "automation", "notifications")


@dataclass(frozen=True, slots=True)
class Value:
    """One setting: the code of its sentence, the variable that sets it, its value, and whether that is the default."""

    code: str
    variable: str
    value: str
    is_default: bool


@needs(Role.VIEWER)
async def index(_request: Request) -> Response:
    return RedirectResponse(f"{PATH}/terms", 307)


@needs(Role.VIEWER)
async def retention(request: Request) -> Response:
    return _page(request, "retention", ("trash_days", "refresh.keep_revisions_days", "session_idle_hours"))


@needs(Role.VIEWER)
async def automation(request: Request) -> Response:
    """Bounds first: beyond them nothing happens without a person."""
    names = [f"automation.{name}" for name in type(room_of(request).settings.automation).model_fields]
    refresh = ("refresh.retry_unknown", "refresh.keep_warm_days", "refresh.request_wait")
    return _page(request, "automation", (*names, *refresh))


def _page(request: Request, section: str, names: tuple[str, ...]) -> Response:
    room = room_of(request)
    return room.pages.answer(
        request,
        "settings/values.html",
        section="settings",
        part=section,
        parts=SECTIONS,
        values=[value(room.settings, name) for name in names],
    )


def value(settings: Settings, name: str) -> Value:
    """The setting named with dots, as its environment variable and its value."""
    part: object = settings
    *path, last = name.split(".")
    for step in path:
        part = getattr(part, step)
    default = type(part).model_fields[last].get_default(call_default_factory=True)  # type: ignore[attr-defined]
    current = getattr(part, last)
    variable = "AUTHDECK_" + "__".join(step.upper() for step in (*path, last))
    said = (
        str(current).lower()
        if isinstance(current, bool)
        else f"{current:g}"
        if isinstance(current, float)
        else str(current)
    )
    return Value(f"setting.{name}", variable, said, current == default)


ROUTES: Final = (
    Route(PATH, index),
    Route(f"{PATH}/retention", retention),
    Route(f"{PATH}/automation", automation),
)
