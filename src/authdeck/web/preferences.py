"""How one browser wants to see the console: kept in cookies, so that the page comes right the first time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from authdeck.gate.locale import locale_of

THEMES: Final = ("light", "dark", "auto")
_COOKIE: Final = "authdeck_{}"
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preferences:
    """``masked`` hides the middle of identities; ``zone`` is the browser's time zone."""

    locale: str = "en"
    theme: str = "auto"
    masked: bool = True
    zone: tzinfo = UTC


def preferences_of(request: Request, zone: tzinfo) -> Preferences:
    """What the cookies say; ``zone`` is the server's own, used until the browser has told its."""
    said = {name: request.cookies.get(_COOKIE.format(name), "") for name in ("theme", "masked", "zone")}
    return Preferences(
        locale=locale_of(request),
        theme=said["theme"] if said["theme"] in THEMES else "auto",
        masked=said["masked"] != "no",
        zone=_zone(said["zone"]) or zone,
    )


def remember(response: Response, wishes: Mapping[str, str]) -> None:
    """Keep the wishes we know; the rest is left alone. None of these cookies is a secret or a right."""
    allowed = {"theme": THEMES, "masked": ("yes", "no"), "locale": ("en", "zh-CN")}
    for name, values in allowed.items():
        if (value := wishes.get(name)) in values:
            response.set_cookie(_COOKIE.format(name), str(value), max_age=_YEAR, samesite="lax", httponly=True)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name.replace("%2F", "/")) if name else None
    except (ValueError, OSError, LookupError):
        return None
