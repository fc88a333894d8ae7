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
    """``masked`` hides the middle of identities. ``zone`` is the time zone chosen, else the browser's.

    ``zone_choice`` is what was chosen, empty where nothing was; ``zone_name`` is the name of the one in force.
    """

    locale: str = "en"
    theme: str = "auto"
    masked: bool = True
    zone: tzinfo = UTC
    zone_choice: str = ""
    zone_name: str = ""


def preferences_of(request: Request, zone: tzinfo) -> Preferences:
    """What the cookies say; ``zone`` is the server's own, used until the browser has told its."""
    said = {name: request.cookies.get(_COOKIE.format(name), "") for name in ("theme", "masked", "zone", "chosen_zone")}
    names = [name for name in (said["chosen_zone"], said["zone"]) if _zone(name)]
    return Preferences(
        locale=locale_of(request),
        theme=said["theme"] if said["theme"] in THEMES else "auto",
        masked=said["masked"] != "no",
        zone=(_zone(names[0]) if names else None) or zone,
        zone_choice=said["chosen_zone"] if _zone(said["chosen_zone"]) else "",
        zone_name=names[0].replace("%2F", "/") if names else "",
    )


def remember(response: Response, wishes: Mapping[str, str]) -> None:
    """Keep the wishes we know; the rest is left alone. None of these cookies is a secret or a right."""
    allowed = {"theme": THEMES, "masked": ("yes", "no"), "locale": ("en", "zh-CN")}
    for name, values in allowed.items():
        if (value := wishes.get(name)) in values:
            _set(response, name, str(value))
    if (zone := wishes.get("zone")) is not None and (not zone.strip() or _zone(zone.strip())):
        _set(response, "chosen_zone", zone.strip())


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(_COOKIE.format(name), value, max_age=_YEAR, samesite="lax", httponly=True)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name.replace("%2F", "/")) if name else None
    except (ValueError, OSError, LookupError):
        return None
