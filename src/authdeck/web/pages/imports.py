"""Import: files or pasted text, a preview that writes nothing, then the import of exactly those files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import RefreshBy
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.import_plan import CHOICES, Outcome
from authdeck.operations.import_files import Choices, ImportReport, ImportRow, Source, import_files
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of

PATH: Final = "/import"
MOST_FILES: Final = 1000
_TONES: Final = {
    Outcome.NEW: "available", Outcome.UPDATED: "cooling", Outcome.UNCHANGED: "neutral", Outcome.CONFLICT: "low",
    Outcome.REJECTED: "reauth",
}  # fmt: skip
_GLYPHS: Final = {**_TONES, Outcome.UPDATED: "retry", Outcome.CONFLICT: "bad", Outcome.REJECTED: "reject"}
_ORDER: Final = (Outcome.CONFLICT, Outcome.REJECTED, Outcome.NEW, Outcome.UPDATED, Outcome.UNCHANGED)


@needs(Role.OPERATOR)
async def form(request: Request) -> Response:
    return _form(request)


@needs(Role.OPERATOR)
async def preview(request: Request) -> Response:
    """Say what would happen, and keep the files for the import. What can't be read at all comes back with the form."""
    room, actor = room_of(request), actor_of(request)
    try:
        sources = await _sources(request, room)
    except DeckError as error:
        return _form(request, error)
    report = await import_files(room.desk, sources, actor, preview=True)
    ticket = room.waiting.keep(actor.name, sources, room.desk.now())
    return _report(request, report, ticket)


@needs(Role.OPERATOR)
async def run(request: Request) -> Response:
    """Import what the preview showed, with the person's choices."""
    room, actor, said = room_of(request), actor_of(request), await request.form()
    ticket = str(said.get("ticket", ""))
    try:
        sources = room.waiting.get(ticket, actor.name, room.desk.now())
    except DeckError as error:
        return _form(request, error)
    report = await import_files(room.desk, sources, actor, choices=_choices(said))
    room.waiting.drop(ticket)
    return _report(request, report, None)


def _choices(said: FormData) -> Choices:
    """``choice-<row>`` for a conflict, ``refresh_by`` where the person says who refreshes the tokens."""
    by_row = {
        int(name.removeprefix("choice-")): str(value)
        for name, value in said.items()
        if name.startswith("choice-") and name.removeprefix("choice-").isdecimal() and value in CHOICES
    }
    wish = str(said.get("refresh_by", ""))
    return Choices(by_row=by_row, refresh_by=RefreshBy(wish) if wish in list(RefreshBy) else None)


async def _sources(request: Request, room: Room) -> list[Source]:
    """The files sent and the text pasted. Raises ``upload_empty``, ``upload_too_big``, ``upload_too_many``."""
    async with request.form(max_files=MOST_FILES + 1, max_part_size=room.settings.upload_limit) as said:
        return await _sent(said, room)


async def _sent(said: FormData, room: Room) -> list[Source]:
    uploads = [part for part in said.getlist("file") if isinstance(part, UploadFile) and part.filename]
    if len(uploads) > MOST_FILES:
        raise DeckError("upload_too_many", status=413, most=MOST_FILES)
    sources, size = [], 0
    for upload in uploads:
        size += upload.size or 0
        if size > room.settings.upload_limit:
            raise DeckError("upload_too_big", status=413, most=room.settings.upload_limit // (1024 * 1024))
        sources.append(Source(str(upload.filename).replace("\\", "/").rpartition("/")[2], await upload.read()))
    if pasted := str(said.get("pasted", "")).strip():
        sources.append(_pasted(pasted, str(said.get("name", "")).strip()))
    if not sources:
        raise DeckError("upload_empty", status=422)
    return sources


def _pasted(text: str, name: str) -> Source:
    """Pasted text under the name given, else the name of what it says it is."""
    if not name:
        try:
            name = str(json.loads(text).get("type") or "pasted")
        except (ValueError, AttributeError):
            name = "pasted"
    return Source(name if name.endswith(".json") else f"{name}.json", text.encode(), pasted=True)


def _form(request: Request, error: DeckError | None = None) -> Response:
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    said = None if error is None else wording.sentence(error.code, error.params, locale)
    return room.pages.answer(
        request,
        "imports/form.html",
        section="import",
        status=200 if error is None else error.status,
        error=said,
        most_megabytes=room.settings.upload_limit // (1024 * 1024),
        most_files=MOST_FILES,
    )


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row of the report in words. ``open`` rows wait for a choice."""

    number: int
    row: ImportRow
    name: str
    provider: str
    tone: str
    glyph: str
    texts: Sequence[str]

    @property
    def open(self) -> bool:
        return self.row.outcome is Outcome.CONFLICT


def _report(request: Request, report: ImportReport, ticket: str | None) -> Response:
    room = room_of(request)
    prefs = room.pages.preferences(request)
    shown = [_shown(number, row, prefs, room) for number, row in enumerate(report.items)]
    groups = [(outcome, [row for row in shown if row.row.outcome is outcome]) for outcome in _ORDER]
    return room.pages.answer(
        request,
        "imports/report.html",
        section="import",
        report=report,
        ticket=ticket,
        groups=[(outcome.value, rows) for outcome, rows in groups if rows],
        counts=[(outcome.value, _TONES[outcome], report.count(outcome)) for outcome in Outcome],
        written=report.count(Outcome.NEW) + report.count(Outcome.UPDATED),
    )


def _shown(number: int, row: ImportRow, prefs: Preferences, room: Room) -> ShownRow:
    said: list[tuple[str, Any]] = [] if row.reason is None else [row.reason]
    texts = [wording.sentence(code, params, prefs.locale) for code, params in (*said, *row.notes)]
    if row.stored_as:
        texts.append(wording.sentence("stored_as", {"file_name": row.stored_as}, prefs.locale))
    entry = room.desk.directory.get(row.auth_index) if row.auth_index else None
    provider = entry.account.provider.value if entry else row.file_name.partition("-")[0]
    return ShownRow(
        number,
        row,
        masked(row.file_name) if prefs.masked else row.file_name,
        provider,
        _TONES[row.outcome],
        _GLYPHS[row.outcome],
        [masked(text) for text in texts] if prefs.masked else texts,
    )


ROUTES: Final = (
    Route(PATH, form),
    Route(PATH, preview, methods=["POST"]),
    Route(f"{PATH}/run", run, methods=["POST"]),
)
