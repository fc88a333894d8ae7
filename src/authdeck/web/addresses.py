"""Addresses of the console: the URL is the page's state."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request


def address(path: str, params: Mapping[str, object]) -> str:
    """``path`` with those of ``params`` that say something."""
    said = {name: value for name, value in params.items() if value not in ("", None, False)}
    return f"{path}?{urlencode(said)}" if said else path


def changed(path: str, params: Mapping[str, str], without: Iterable[str] = ("cursor",), **to: object) -> str:
    """This page's address with something changed; paging starts anew unless said otherwise."""
    kept = {name: value for name, value in params.items() if name not in without}
    return address(path, {**kept, **to})


def inside(target: str | None, default: str) -> str:
    """``target`` if it is a path of this console, else ``default``: nobody is sent elsewhere after a form."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or any(c < " " for c in target):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def here(request: Request) -> str:
    """The path and query that was asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
