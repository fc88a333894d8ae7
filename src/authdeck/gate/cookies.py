"""The gate's two cookies: the session's, and one that carries the sign-in form's CSRF token before there is a session.

Their names contain the port, since browsers share cookies between the ports of a host. Neither is readable by scripts.
"""

from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from authdeck.gate.hosts import is_https
from authdeck.gate.visits import visit_of
from authdeck.operations.sign_in import NewSession
from authdeck.settings import Settings

LONGEST: Final = 200


def session_cookie(connection: HTTPConnection, settings: Settings) -> str | None:
    return _value(connection, session_name(settings))


def visitor_cookie(connection: HTTPConnection, settings: Settings) -> str | None:
    return _value(connection, visitor_name(settings))


def session_name(settings: Settings) -> str:
    return f"authdeck_session_{settings.port}"


def visitor_name(settings: Settings) -> str:
    return f"authdeck_visitor_{settings.port}"


def begin(request: Request, response: Response, session: NewSession) -> None:
    """Sign the browser in with this response."""
    settings = visit_of(request).gate.settings
    response.headers.append("set-cookie", line(session_name(settings), session.cookie.open(), settings))


def end(request: Request, response: Response) -> None:
    """Take the session's cookie away; ``operations.sign_in.end`` ends the session itself."""
    settings = visit_of(request).gate.settings
    response.headers.append("set-cookie", f"{line(session_name(settings), '', settings)}; Max-Age=0")


def line(name: str, value: str, settings: Settings) -> str:
    """A Set-Cookie value: for the browser's session, to us alone."""
    secure = "; Secure" if is_https(settings) else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _value(connection: HTTPConnection, name: str) -> str | None:
    value = connection.cookies.get(name)
    return value if value and len(value) <= LONGEST else None
