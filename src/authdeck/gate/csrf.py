"""An unsafe request that a cookie vouches for must prove that one of our own pages sent it.

Two proofs, both needed: the token of the session (header ``x-csrf-token`` or form field ``csrf``), and ``Origin`` and
``Sec-Fetch-Site`` saying so wherever a browser sends them. Bearer keys need none: no browser adds them by itself.
Tokens live as long as their session; the sign-in form's, as long as the visitor's cookie.
"""

import hmac
import secrets
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import Message, Receive, Scope

from authdeck.errors import DeckError
from authdeck.gate import hosts
from authdeck.gate.cookies import line, visitor_cookie, visitor_name
from authdeck.gate.visits import Visit, visit_of

HEADER: Final = "x-csrf-token"
FIELD: Final = "csrf"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_OVERHEAD: Final = 64 * 1024
FILES_AT_ONCE: Final = 4
"""A form may carry this many times the limit of one file, as the API's imports may."""

_VISITOR: Final = "authdeck.visitor"


def token_of(request: HTTPConnection) -> str:
    """The token for this page's forms and scripts: the session's, or on public pages the visitor's (set by this)."""
    visit = visit_of(request)
    visit.private = True  # the page holds a token: no cache may keep it
    if visit.caller and visit.caller.session:
        return visit.caller.session.csrf
    cookie = visitor_cookie(request, visit.gate.settings) or request.scope.get(_VISITOR) or _new_visitor(request, visit)
    return _visitor_token(visit, cookie)


async def check(scope: Scope, receive: Receive, visit: Visit) -> Receive:
    """Raises 403 ``csrf_origin`` or ``csrf_token``. Returns a ``receive`` that gives what this read once more."""
    if scope["method"] in SAFE or (visit.caller and not visit.caller.session):
        return receive
    _check_origin(scope, visit)
    expected = _expected(scope, visit)
    given = Headers(scope=scope).get(HEADER)
    if given is None and _is_form(scope):
        given, receive = await _field(scope, receive, _limit(visit))
    if not (expected and given and hmac.compare_digest(expected.encode(), given.encode())):
        raise DeckError("csrf_token", status=403)
    return receive


def _expected(scope: Scope, visit: Visit) -> str | None:
    if visit.caller and visit.caller.session:
        return visit.caller.session.csrf
    cookie = visitor_cookie(HTTPConnection(scope), visit.gate.settings)
    return _visitor_token(visit, cookie) if cookie else None


def _check_origin(scope: Scope, visit: Visit) -> None:
    """Each header that is sent must say "same origin".

    A page with ``Referrer-Policy: no-referrer`` (the one-time link's) makes browsers send ``Origin: null``; there
    ``Sec-Fetch-Site: same-origin`` decides, which no page of another origin and no sandbox can send.
    """
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "same-origin"):
        raise DeckError("csrf_origin", status=403, origin=f"sec-fetch-site: {site}"[:100])
    if origin == "null" and site == "same-origin":
        return
    if origin is not None and origin.lower() not in hosts.origins(scope, visit.gate.settings):
        raise DeckError("csrf_origin", status=403, origin=origin[:100])


def _new_visitor(request: HTTPConnection, visit: Visit) -> str:
    cookie = secrets.token_hex(32)
    settings = visit.gate.settings
    request.scope[_VISITOR] = cookie
    visit.new_cookies.append(line(visitor_name(settings), cookie, settings))
    return cookie


def _visitor_token(visit: Visit, cookie: str) -> str:
    """Keyed, so that a cookie planted by someone else comes without its token."""
    return visit.gate.desk.vault.keyed_hash("csrf", cookie)


def _is_form(scope: Scope) -> bool:
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")


def _limit(visit: Visit) -> int:
    """Only who is signed in may make us hold an upload."""
    return FORM_OVERHEAD + (FILES_AT_ONCE * visit.gate.settings.upload_limit if visit.caller else 0)


async def _field(scope: Scope, receive: Receive, limit: int) -> tuple[str | None, Receive]:
    body = await _read(receive, limit)
    async with Request(scope, _replay(body, receive)).form() as form:
        value = form.get(FIELD)
    return (value if isinstance(value, str) else None), _replay(body, receive)


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DeckError("client_left", status=499)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise DeckError("upload_too_large", status=413, limit=limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever the connection says next (that the client left)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
