"""A body larger than the limit is refused before it is read: by its declared length, else when the count runs over.

It is a kind of route and not a middleware, so that the gate has let the caller in before anything is said.
"""

from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive

from authdeck.api.shapes import ErrorShape
from authdeck.errors import DeckError
from authdeck.settings import Settings

PLAIN_LIMIT: Final = 1024 * 1024
"""Bytes of a request that carries no files."""

MAX_NAMES: Final = 50_000
"""Accounts named one by one; more are chosen by a search."""

FILES_AT_ONCE: Final = 4
"""An import may carry this many times the limit of one file."""

FAILURES: Final = {"4XX": {"model": ErrorShape, "description": "A failure, with a code that stays."}}
"""Of every route."""


class Limited(APIRoute):
    """Answers 413 ``upload_too_large``, naming the limit in bytes. Its description tells of failures."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, endpoint, **{**given, "responses": {**FAILURES, **(given.get("responses") or {})}})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer: Callable[[Request], Any] = super().get_route_handler()

        async def limited(request: Request) -> Response:
            limit = self.limit(request.app.state.parts.desk.settings)
            if _declared(request) > limit:
                raise too_large(limit)
            try:
                response: Response = await answer(_Strict(request.scope, _counted(request.receive, limit)))
            except _RanOver as error:
                raise too_large(error.limit) from None
            return response

        return limited

    def limit(self, settings: Settings) -> int:
        del settings
        return PLAIN_LIMIT


class _Strict(Request):
    """JSON as the standard has it: no NaN, and no half of a character, which nothing could store or say again."""

    async def json(self) -> Any:
        try:
            return orjson.loads(await self.body())
        except orjson.JSONDecodeError as error:
            raise JSONDecodeError(error.msg, "", error.pos) from None


class LimitedImport(Limited):
    def limit(self, settings: Settings) -> int:
        return settings.upload_limit * FILES_AT_ONCE


class _RanOver(HTTPException):
    """An ``HTTPException``, since only those pass through FastAPI's own reading of a body."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit: Final = limit


def too_large(limit: int) -> DeckError:
    return DeckError("upload_too_large", status=413, limit=limit)


def _declared(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _counted(receive: Receive, limit: int) -> Receive:
    count = 0

    async def counting() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > limit:
            raise _RanOver(limit)
        return message

    return counting
