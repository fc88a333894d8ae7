"""Errors as pages: the gate renders the sentence, this gives it the console's frame."""

from typing import Any, Final

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from authdeck.gate.visits import visit_of
from authdeck.web.room import Room

_TOASTS: Final = {"dialog#drawer": "#drawer-toasts", "div#found": "#find-toasts"}
"""Where a dialog shows them, by what htmx wanted to fill: what lies under an open one can't be reached."""


def error_page(request: Request, status: int, headers: dict[str, str], error: dict[str, object]) -> Response:
    """For ``Gate(error_page=…)``. htmx gets a toast, someone signed in the console's frame, a stranger a bare page."""
    room = _room(request)
    if room is None:
        return HTMLResponse(_plain(str(error["message"])), status, headers)
    said: dict[str, Any] = {
        "shown_status": status,
        "message": error["message"],
        "code": error["code"],
        "details": error["details"],
        "error_id": _error_id(error),
    }
    if request.headers.get("hx-request") == "true":
        said["toasts_at"] = _TOASTS.get(request.headers.get("hx-target", ""), "#toasts")
        return HTMLResponse(room.pages.text(request, "error_toast.html", **said), status, headers)
    template = "error_bare.html" if visit_of(request).caller is None else "error.html"
    response = room.pages.answer(request, template, status=status, **said)
    response.headers.update(headers)
    return response


def _room(request: Request) -> Room | None:
    """Errors before any of our routes (a foreign Host) have no app to ask."""
    state = getattr(request.scope.get("app"), "state", None)
    return getattr(state, "room", None)


def _error_id(error: dict[str, object]) -> str:
    details = error.get("details")
    return str(details.get("error_id", "")) if isinstance(details, dict) else ""


def _plain(message: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>authdeck</title><p>{escape(message)}</p></html>'
    )
