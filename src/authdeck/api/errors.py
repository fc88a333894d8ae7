"""Every failure of the API in one shape: ``{"error": {"code", "message", "details"}}``, made by the gate's renderer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from authdeck.errors import DeckError
from authdeck.gate.locale import locale_of, render

_log = structlog.get_logger(__name__)

_CODES: Final = {404: "route_not_found", 405: "method_not_allowed"}


def install(app: FastAPI) -> None:
    """Make ``app`` answer every failure in the one shape."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        DeckError: _coded,
        RequestValidationError: _invalid,
        HTTPException: _http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def refuse(error: DeckError, scope: Scope) -> Response:
    """The answer that says what is wrong."""
    status, headers, body = render(error, locale_of(Request(scope)))
    return JSONResponse(body, status, headers)


async def _coded(request: Request, error: DeckError) -> Response:
    return refuse(error, request.scope)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """The first thing that is wrong, and all of them in ``problems``; what was sent is not repeated."""
    problems = [{"field": _field(problem["loc"]), "problem": problem["msg"]} for problem in error.errors()]
    if any(problem["type"] == "json_invalid" for problem in error.errors()):
        return refuse(DeckError("json_invalid", **problems[0]), request.scope)
    return refuse(DeckError("request_invalid", status=422, **problems[0], problems=problems), request.scope)


async def _http(request: Request, error: HTTPException) -> Response:
    known: DeckError | None = getattr(error, "error", None)
    code = _CODES.get(error.status_code, "request_invalid")
    given = known or DeckError(
        code, status=error.status_code, field="body", problem=str(error.detail), path=request.url.path
    )
    answer = refuse(given, request.scope)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def _field(place: tuple[str | int, ...]) -> str:
    """``body.items.0.file_name`` without the part that only says where parameters come from."""
    return ".".join(str(part) for part in place[1:]) or str(place[0])
