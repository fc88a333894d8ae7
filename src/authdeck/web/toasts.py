"""What was just done, said once on the next page, with its way back."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from authdeck.web.addresses import inside

COOKIE: Final = "authdeck_toast"
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Undo:
    """The form that takes it back: where it is sent, what it wants, and the row it changes on the page (if shown)."""

    action: str
    want: str
    next: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class Toast:
    text: str
    undo: Undo | None = None


def leave(response: Response, code: str, params: Mapping[str, Any], undo: Undo | None = None) -> None:
    """Let the next page say the sentence of ``code``. Only codes and public names travel in the cookie."""
    said = {"code": code, "params": dict(params), "undo": [undo.action, undo.want, undo.next] if undo else None}
    packed = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    response.set_cookie(COOKIE, packed, max_age=_SECONDS, samesite="strict", httponly=True)


def left(request: Request) -> tuple[str, Mapping[str, Any], Undo | None] | None:
    """What the page before left; ``None`` when nothing, or nothing readable."""
    packed = request.cookies.get(COOKIE, "")
    try:
        said = json.loads(base64.urlsafe_b64decode(packed))
        undo = Undo(*map(str, said["undo"])) if said["undo"] else None
        if undo and inside(undo.action, "") != undo.action:
            return None
        return str(said["code"]), dict(said["params"]), undo
    except (ValueError, TypeError, KeyError, binascii.Error):
        return None
