"""The management API as the command line uses it: of the server that runs for this home, else of the home itself.

Both answer the same requests through the same gate; only the way there differs. Without a server the home is opened
(which takes its lock) and the very same app is called inside this process.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from json import loads as json_of
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from authdeck.cli.failure import RefusedError
from authdeck.cli.progress import Advance

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

    from authdeck.settings import Settings

TIMEOUT: Final = 120.0
"""Seconds; an import of a hundred files or a refresh takes a part of that."""

MAX_PAGE: Final = 200

File = tuple[str, bytes]
"""A file's name and its bytes."""


class Sink(Protocol):
    """Where a download goes."""

    def write(self, piece: bytes, /) -> object: ...


class Management:
    """One request after the other; each returns the decoded JSON or raises ``RefusedError`` in the server's words.

    ``upload_limit`` is the size in bytes above which a file is refused.
    """

    def __init__(self, client: "AsyncClient", loop: asyncio.Runner, upload_limit: int) -> None:
        self.upload_limit: Final = upload_limit
        self._client: Final = client
        self._loop: Final = loop

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._ask("GET", path, params=params)

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        files: Sequence[File] | None = None,
        form: Mapping[str, str | None] | None = None,
        content: bytes | None = None,
        patient: bool = False,
    ) -> Any:
        """``patient``: it may take long. ``content`` is a body as it is."""
        return self._ask(
            "POST", path, json=json, params=params, files=files, form=form, content=content, patient=patient
        )

    def pause(self, seconds: float) -> None:
        """Wait. Where the home is open in this process, what goes on in its background goes on meanwhile."""
        self._loop.run(asyncio.sleep(seconds))

    def download(
        self,
        path: str,
        to: Sink,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        advance: Advance | None = None,
    ) -> None:
        """Write the answer's bytes to an open file, piece by piece; with ``json`` it is a POST that is answered.

        ``advance`` is told the bytes of each piece, and of how many in all where the answer says so.
        """
        given = {name: value for name, value in (params or {}).items() if value not in (None, "", [])}
        self._loop.run(self._download(path, to, json, given, advance))

    async def _download(
        self, path: str, to: Sink, json: Any, params: Mapping[str, Any], advance: Advance | None
    ) -> None:
        method = "GET" if json is None else "POST"
        async with self._client.stream(method, path, json=json, params=params, timeout=None) as response:
            if not response.is_success:
                await response.aread()
                _read(response)
            size = response.headers.get("content-length", "")
            async for piece in response.aiter_bytes():
                to.write(piece)
                if advance is not None:
                    advance(len(piece), int(size) if size.isdecimal() else None)

    def follow(self, path: str, params: Mapping[str, Any], took: Callable[[Any], None]) -> str:
        """Hand over the data of server-sent events as they come, until the stream ends; the last one's id."""
        given = {name: value for name, value in params.items() if value not in (None, "", [])}
        return self._loop.run(self._follow(path, given, took))

    async def _follow(self, path: str, params: Mapping[str, Any], took: Callable[[Any], None]) -> str:
        last = str(params.get("after", ""))
        async with self._client.stream("GET", path, params=params, timeout=None) as response:
            if not response.is_success:
                await response.aread()
                _read(response)
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    last = value
                elif name == "data":
                    took(json_of(value))
        return last

    def put(self, path: str, *, json: Any = None) -> Any:
        return self._ask("PUT", path, json=json)

    def patch(self, path: str, *, json: Any, version: int | None = None) -> Any:
        return self._ask("PATCH", path, json=json, version=version)

    def delete(self, path: str, *, params: Mapping[str, Any] | None = None, version: int | None = None) -> Any:
        return self._ask("DELETE", path, params=params, version=version)

    def pages(self, path: str, params: Mapping[str, Any], limit: int) -> dict[str, Any]:
        """A list of up to ``limit`` items, asked for page by page, as if it were one page."""
        found: dict[str, Any] = self.get(path, {**params, "page_size": min(limit, MAX_PAGE)})
        while found["next"] and len(found["items"]) < limit:
            size = min(limit - len(found["items"]), MAX_PAGE)
            more = self.get(path, {**params, "page_size": size, "cursor": found["next"]})
            found = {**more, "items": found["items"] + more["items"]}
        return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        files: Sequence[File] | None = None,
        form: Mapping[str, str | None] | None = None,
        version: int | None = None,
        content: bytes | None = None,
        patient: bool = False,
    ) -> Any:
        headers = {} if version is None else {"if-match": f'"{version}"'}
        given = {name: value for name, value in (params or {}).items() if value not in (None, "", [])}
        parts = [("file", file) for file in files] if files is not None else None
        fields = {name: value for name, value in (form or {}).items() if value} or None
        timeout = None if patient else TIMEOUT
        asking = self._client.request(
            method,
            path,
            params=given,
            json=json,
            data=fields,
            files=parts,
            content=content,
            headers=headers,
            timeout=timeout,
        )
        return _read(self._loop.run(asking))


@contextmanager
def management() -> Iterator[Management]:
    """The API, for as long as the block lasts. Raises ``DeckError`` where neither a server nor the home answers."""
    from authdeck.cli.reach import client_of  # noqa: PLC0415 - opening a home needs everything, --help nothing
    from authdeck.settings import load  # noqa: PLC0415

    settings: Settings = load()
    with asyncio.Runner() as loop:
        way = client_of(settings)
        client = loop.run(way.__aenter__())
        try:
            yield Management(client, loop, settings.upload_limit)
        finally:
            loop.run(way.__aexit__(None, None, None))


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="@")


def _read(response: "Response") -> Any:
    if response.status_code == 204:  # noqa: PLR2004 - no content
        return None
    try:
        body = response.json()
    except ValueError:
        raise RefusedError("answer_unreadable", f"The server answered {response.status_code} without JSON.") from None
    if response.is_success:
        return body
    error = body.get("error", {})
    raise RefusedError(
        error.get("code", "internal"), error.get("message", f"The server answered {response.status_code}.")
    )
