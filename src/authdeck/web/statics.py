"""The console's own files, at addresses that carry their content's hash: a browser may keep them for ever."""

import hashlib
import mimetypes
from collections.abc import Mapping
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
        self.by_name: Final[Mapping[str, StaticFile]] = MappingProxyType(files)
        self._by_address: Final = {file.address: file for file in files.values()}

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
    content = path.read_bytes()
    mark = hashlib.sha256(content).hexdigest()[:12]
    place = path.relative_to(folder)
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(f"/static/{place.with_suffix('')}.{mark}{place.suffix}", media_type, content)
