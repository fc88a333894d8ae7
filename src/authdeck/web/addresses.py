"""Addresses of the console: the URL is the page's state."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request

from authdeck.gate.errors import next_page


def address(path: str, params: Mapping[str, object]) -> str:
    """``path`` with those of ``params`` that say something."""
    said = {name: value for name, value in params.items() if value not in ("", None, False)}
    return f"{path}?{urlencode(said)}" if said else path


def changed(path: str, params: Mapping[str, str], to: Mapping[str, object]) -> str:
    """This page's address with something changed; paging starts anew unless the change is about that."""
    kept = {name: value for name, value in params.items() if name != "cursor"}
    return address(path, {**kept, **to})


def inside(target: str | None, default: str) -> str:
    """``target`` if it is a path of this console, else ``default``: nobody is sent elsewhere after a form."""
    found = next_page(target)
    return default if found == "/" else found


def here(request: Request) -> str:
    """The path and query that was asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
