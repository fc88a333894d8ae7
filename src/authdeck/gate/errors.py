"""One renderer for every error: JSON for programs, a page for browsers, a line for the terminal.

What is not a ``DeckError`` is ``internal`` outside, with an id that finds the full story in the log.
"""

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import structlog
from markupsafe import escape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from authdeck import ids
from authdeck.errors import DeckError
from authdeck.gate import hosts
from authdeck.gate.csrf import SAFE
from authdeck.gate.locale import locale_of
from authdeck.gate.visits import visit_of
from authdeck.wording import sentence

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

__all__ = ("answer", "install", "line", "locale_of", "next_page", "render")

SIGN_IN: Final = "/sign-in"
_NOT_SIGNED_IN: Final = frozenset({"sign_in_needed", "session_ended"})
_log = structlog.get_logger(__name__)


def render(error: Exception, locale: str = "en") -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and ``{"error": {"code", "message", "details"}}`` of any exception.

    An uncoded one is logged here, in full, under the id that ``details.error_id`` shows.
    """
    coded = error if isinstance(error, DeckError) else _internal(error)
    headers: dict[str, str] = {}
    if coded.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(coded.retry_after)))
    if coded.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    message = sentence(coded.code, coded.params, locale)
    return coded.status, headers, {"error": {"code": coded.code, "message": message, "details": coded.params}}


def line(error: Exception, locale: str = "en") -> str:
    """One line for the terminal."""
    return str(render(error, locale)[2]["error"]["message"])


def install(app: Starlette) -> None:
    """Let the framework's own refusals (no such route, wrong method, invalid parameters) speak as we do."""
    for kind in (HTTPException, DeckError):
        app.add_exception_handler(kind, _handled)
    if is_of_fastapi(app):
        from fastapi.exceptions import RequestValidationError  # noqa: PLC0415 - a start does not wait for FastAPI

        app.add_exception_handler(RequestValidationError, _handled)


def is_of_fastapi(thing: object) -> bool:
    """Whether one of FastAPI's classes made it: told by name, since asking FastAPI would load it."""
    return type(thing).__module__.partition(".")[0] == "fastapi"


async def answer(scope: Scope, receive: Receive, send: Send, error: Exception, *, started: bool) -> None:
    """Answer with the error; once an answer has begun, break it off, so that nobody takes half of one for the whole."""
    if started:
        raise error
    response = await _handled(Request(scope, receive), error)
    await response(scope, receive, send)


async def _handled(request: Request, error: Exception) -> Response:
    visit = visit_of(request)
    visit.admitted = True
    status, headers, body = render(_own(error, request), locale_of(request))
    headers |= (error.headers or {}) if isinstance(error, HTTPException) else {}
    if not _wants_page(request):
        return JSONResponse(body, status, headers)
    if body["error"]["code"] in _NOT_SIGNED_IN:
        return _to_sign_in(request, status)
    if visit.gate.error_page is not None:
        return visit.gate.error_page(request, status, headers, body["error"])
    return HTMLResponse(_plain_page(body["error"]["message"]), status, headers)


def next_page(text: str | None) -> str:
    """Where to go after signing in: a path of ours, else ``/``. Nothing that a browser could read as another host."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")):
        return "/"
    parts = urlsplit(text)
    is_ours = not parts.scheme and not parts.netloc and "\\" not in text and text.isprintable()
    return text if is_ours and parts.path != SIGN_IN else "/"


def _wants_page(request: Request) -> bool:
    if request.url.path.startswith("/api/"):
        return False
    return "hx-request" in request.headers or "text/html" in request.headers.get("accept", "")


def _to_sign_in(request: Request, status: int) -> Response:
    """A page asked for leads back to itself; a form's target does not, since a GET of it means nothing."""
    if "hx-request" in request.headers:
        return Response(status_code=status, headers={"hx-redirect": _sign_in_url(_page_shown(request))})
    here = str(request.url.replace(scheme="", netloc="")) if request.method in SAFE else "/"
    return RedirectResponse(_sign_in_url(here), HTTPStatus.SEE_OTHER)


def _page_shown(request: Request) -> str:
    shown = urlsplit(request.headers.get("hx-current-url", ""))
    if f"{shown.scheme}://{shown.netloc}".lower() not in hosts.origins(request.scope, visit_of(request).gate.settings):
        return "/"
    return f"{shown.path}?{shown.query}" if shown.query else shown.path


def _sign_in_url(page: str) -> str:
    wanted = next_page(page)
    return SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"


def _own(error: Exception, request: Request) -> Exception:
    """What the framework refuses, in our words; anything else as it is."""
    if is_of_fastapi(error):
        from fastapi.exceptions import RequestValidationError  # noqa: PLC0415 - it is loaded, or would not speak

        if isinstance(error, RequestValidationError):
            return _invalid(error)
    if not isinstance(error, HTTPException):
        return error
    path, allowed = request.url.path, (error.headers or {}).get("Allow", "")
    if error.status_code == HTTPStatus.NOT_FOUND:
        return DeckError("route_not_found", status=404, path=path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return DeckError("method_not_allowed", status=405, path=path, method=request.method, allowed=allowed)
    return DeckError("request_invalid", status=error.status_code, field="body", problem=str(error.detail))


def _internal(error: Exception) -> DeckError:
    error_id = ids.new_id()
    _log.error("internal error", error_id=error_id, exc_info=error)
    return DeckError("internal", status=500, error_id=error_id)


def _invalid(error: "RequestValidationError") -> DeckError:
    """The first thing that is wrong, and all of them as ``problems``; what was sent is not repeated."""
    problems = [{"field": _field(problem["loc"]), "problem": problem["msg"]} for problem in error.errors()]
    if any(problem["type"] == "json_invalid" for problem in error.errors()):
        return DeckError("json_invalid", **problems[0])
    return DeckError("request_invalid", status=422, **problems[0], problems=problems)


def _field(place: tuple[str | int, ...]) -> str:
    """``items.0.file_name``, without the part that only says where parameters come from."""
    return ".".join(str(part) for part in place[1:]) or str(place[0])


def _plain_page(message: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>authdeck</title><p>{escape(message)}</p></html>'
    )
