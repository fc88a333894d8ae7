"""``/imports``: auth files in, as multipart parts named ``file`` or as JSON. One row an account in the report.

Multipart keeps each file's bytes; in JSON, ``document`` is either the document itself or its text, and its bytes are
kept too. Zips and encrypted archives come as files; what opens an archive is a part or field of the body, never of the
address. A file larger than ``upload_limit`` is a rejected row; a request larger than ``limits.LimitedImport`` allows
is refused before it is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from authdeck.access import Role
from authdeck.account import RefreshBy
from authdeck.api.limits import LimitedImport
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import ImportShape
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.operations.import_files import Choices, Source, import_files
from authdeck.secret import Secret

router = APIRouter(prefix="/imports", tags=["imports"], route_class=LimitedImport)

MAX_FILES = 1000
T = TypeVar("T")


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    file_name: str
    document: msgspec.Raw
    source: str | None = None


class _Items(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[_Item], msgspec.Meta(min_length=1, max_length=MAX_FILES)]
    choices: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class _Given:
    sources: Sequence[Source]
    choices: Mapping[int, str] = field(default_factory=dict)
    passphrase: Secret | None = None
    identity: Secret | None = None


_CHOICES_SHOWN = {
    "type": "object",
    "description": "What to do with single rows, by their number from 0.",
    "additionalProperties": {"enum": ["skip", "keep_both", "replace"]},
}
_FILES_SHOWN = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "choices": _CHOICES_SHOWN,
        "source": {"type": "string", "description": "The format, where it should not be detected."},
        "passphrase": {"type": "string", "format": "password", "description": "Opens encrypted archives."},
        "identity": {"type": "string", "format": "password", "description": "An age identity that opens them."},
    },
}
_ITEM_SHOWN = {
    "type": "object",
    "required": ["file_name", "document"],
    "properties": {
        "file_name": {"type": "string"},
        "document": {"description": "The document, or its text."},
        "source": {"type": ["string", "null"], "description": "The format, where it should not be detected."},
    },
}
_ITEMS_SHOWN = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": _ITEM_SHOWN}, "choices": _CHOICES_SHOWN},
}
_BODY_SHOWN = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FILES_SHOWN},
            "application/json": {"schema": {"anyOf": [_ITEM_SHOWN, _ITEMS_SHOWN]}},
        },
    }
}


@router.post("", openapi_extra=_BODY_SHOWN)
@needs(Role.OPERATOR)
async def imports(
    request: Request,
    desk: DeskHere,
    actor: ActorHere,
    eyes: EyesHere,
    preview: bool = False,
    on_conflict: Literal["skip", "keep_both", "replace"] = "skip",
    settings: Literal["report", "apply"] = "report",
    refresh_by: RefreshBy | None = None,
    cliproxy_auth_dir: Annotated[str | None, Query(max_length=4096)] = None,
    location: Annotated[str | None, Query(max_length=64)] = None,
) -> ImportShape:
    """Import files. A bad one is a row that says why and never stops the others; ``preview`` writes nothing.

    Files are checked for form only: what is saved here need not be an account that can serve, which its first request
    shows. Taken are CLIProxyAPI files, ChatGPT sessions, Sub2API bundles, Codex CLI and Claude Code sign-ins, Google
    service accounts, API keys, and zips and encrypted archives of any of them.

    ``cliproxy_auth_dir`` is the absolute folder in which CLIProxyAPI keeps the files: with it, its index of each file
    becomes an alias. ``refresh_by=other`` says that another program goes on refreshing these sign-ins.
    ``settings=apply`` lets known accounts take over the settings in their files. ``location`` is the region of service
    accounts.
    """
    given = await _given(request)
    choices = Choices(
        on_conflict,
        given.choices,
        refresh_by,
        cliproxy_auth_dir,
        settings == "apply",
        location,
        given.passphrase,
        given.identity,
    )
    report = await import_files(desk, given.sources, actor, preview=preview, choices=choices)
    return eyes.import_report(report)


async def _given(request: Request) -> _Given:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _parts(request)
    if kind == "application/json":
        return _items(await request.body())
    raise DeckError("content_type_unknown", status=415, given=kind, known=["multipart/form-data", "application/json"])


async def _parts(request: Request) -> _Given:
    """The parts named ``file``; large ones lie on disk while they come in."""
    try:
        form = await MultiPartParser(request.headers, request.stream(), max_files=MAX_FILES, max_fields=10).parse()
    except MultiPartException as error:
        raise DeckError("multipart_invalid", problem=error.message) from None
    try:
        files = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        if not files:
            raise DeckError("file_part_missing")
        source = _text(form, "source")
        sources = [Source(part.filename or "", await part.read(), source) for part in files]
    finally:
        await form.close()
    choices = _text(form, "choices")
    by_row = _decoded(choices.encode(), dict[int, str]) if choices else {}
    return _Given(sources, by_row, _secret(form, "passphrase"), _secret(form, "identity"))


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _secret(form: FormData, name: str) -> Secret | None:
    value = _text(form, name)
    return Secret(value) if value else None


def _items(body: bytes) -> _Given:
    fields = _decoded(body, dict[str, msgspec.Raw])
    if "items" not in fields:
        return _Given([_source(_decoded(body, _Item))])
    many = _decoded(body, _Items)
    return _Given([_source(item) for item in many.items], many.choices)


def _source(item: _Item) -> Source:
    raw = bytes(item.document)
    if raw.startswith(b'"'):
        return Source(item.file_name, _decoded(raw, str).encode(), item.source, pasted=True)
    return Source(item.file_name, raw, item.source)


def _decoded(body: bytes, kind: type[T]) -> T:
    """Raises ``json_invalid`` for what is no JSON, ``request_invalid`` for JSON of another shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise DeckError("request_invalid", status=422, field="body", problem=str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DeckError("json_invalid", field="body", problem=str(error)) from None
