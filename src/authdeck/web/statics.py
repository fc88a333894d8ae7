"""The console's own files, at addresses that carry their content's hash: a browser may keep them for ever."""

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from authdeck.errors import NotFound

FOLDER: Final = Path(__file__).parent / "static"
_FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    address: str
    media_type: str
    content: bytes


class Statics:
    """All files of a folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = {str(path.relative_to(folder)): _read(path, folder) for path in folder.rglob("*") if path.is_file()}
        self._files: Final = files
        self._by_address: Final = {file.address: file for file in files.values()}

    @property
    def by_name(self) -> Mapping[str, StaticFile]:
        return MappingProxyType(self._files)

    def join(self, name: str, parts: Sequence[str]) -> None:
        """One file of several, in this order: a page then asks once. Each script keeps its own names."""
        contents = [self._files[part].content for part in parts]
        if name.endswith(".js"):
            contents = [b'"use strict";', *(b"{\n" + content + b"}" for content in contents)]
        file = self._files[name] = _file(Path(name), b"\n".join(contents))
        self._by_address[file.address] = file

    def address(self, name: str) -> str | None:
        """Where the browser finds ``name``; ``None`` when it is not there (a browser library not fetched)."""
        file = self.by_name.get(name)
        return None if file is None else file.address

    async def serve(self, request: Request) -> Response:
        file = self._by_address.get(request.url.path)
        if file is None:
            raise NotFound("page_not_found")
        headers = {"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}
        return Response(file.content, media_type=file.media_type, headers=headers)


def _read(path: Path, folder: Path) -> StaticFile:
    return _file(path.relative_to(folder), path.read_bytes())


def _file(place: Path, content: bytes) -> StaticFile:
    mark = hashlib.sha256(content).hexdigest()[:12]
    media_type = _TYPES.get(place.suffix) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    return StaticFile(f"/static/{place.with_suffix('')}.{mark}{place.suffix}", media_type, content)
