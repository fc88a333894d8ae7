"""Files that leave: made while the client waits for them, sent piece by piece, gone when it has them or went away."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from authdeck import tasks
from authdeck.operations.export import Exported

_NOBODY: Final = 499
"""What the log says of a client that did not wait."""


async def handed_out(request: Request, making: Coroutine[Any, Any, Exported]) -> Response:
    """The file as an attachment that nobody stores. A client that goes away while it is made ends the making.

    Raises what ``making`` raises.
    """
    made = tasks.start(making, name="make an export")
    gone = tasks.start(_gone(request), name="wait for a client to go")
    try:
        await asyncio.wait({made, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not made.done():
            made.cancel()
            await asyncio.wait({made})
    return Response(status_code=_NOBODY) if made.cancelled() else _File(made.result())


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _File(StreamingResponse):
    def __init__(self, made: Exported) -> None:
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.file_name)}",
            "Content-Length": str(made.content.size),
        }
        super().__init__(made.content.pieces(), media_type=made.media_type, headers=headers)
        self._made: Final = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._made.content.close()
