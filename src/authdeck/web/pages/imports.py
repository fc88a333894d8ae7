"""Import: files or pasted text, a preview that writes nothing, then the import of exactly those files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from authdeck.operations.import_files import SOURCES, Choices, ImportReport, ImportRow, Source, import_files
from authdeck.secret import Secret
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of

PATH: Final = "/import"
MOST_FILES: Final = 1000
_OFFERED: Final = (".json", ".zip", ".age")
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
    room = room_of(request)
    try:
        sources, choices = await _sources(request, room)
    except DeckError as error:
        return _form(request, error)
    return await _previewed(request, sources, choices)


@needs(Role.OPERATOR)
async def again(request: Request) -> Response:
    """The same preview with the pasted text read as another form."""
    room, actor, said = room_of(request), actor_of(request), await request.form()
    try:
        waiting = room.waiting.get(str(said.get("ticket", "")), actor.name, room.desk.now())
    except DeckError as error:
        return _form(request, error)
    format_ = _format(said)
    sources = [replace(source, format=format_) if source.pasted else source for source in waiting.sources]
    room.waiting.drop(str(said.get("ticket", "")))
    return await _previewed(request, sources, waiting.choices)


async def _previewed(request: Request, sources: list[Source], choices: Choices) -> Response:
    room, actor = room_of(request), actor_of(request)
    report = await import_files(room.desk, sources, actor, preview=True, choices=choices)
    ticket = room.waiting.keep(actor.name, sources, room.desk.now(), choices)
    pasted = next((source for source in sources if source.pasted), None)
    return _report(request, report, ticket, pasted)


@needs(Role.OPERATOR)
async def run(request: Request) -> Response:
    """Import what the preview showed, with the person's choices."""
    room, actor, said = room_of(request), actor_of(request), await request.form()
    ticket = str(said.get("ticket", ""))
    try:
        waiting = room.waiting.get(ticket, actor.name, room.desk.now())
    except DeckError as error:
        return _form(request, error)
    choices = _choices(said, waiting.choices)
    report = await import_files(room.desk, waiting.sources, actor, choices=choices)
    room.waiting.drop(ticket)
    return _report(request, report, None)


def _choices(said: FormData, given: Choices) -> Choices:
    """``choice-<row>`` for a conflict, ``refresh_by`` where the person says who refreshes the tokens."""
    by_row = {
        int(name.removeprefix("choice-")): str(value)
        for name, value in said.items()
        if name.startswith("choice-") and name.removeprefix("choice-").isdecimal() and value in CHOICES
    }
    wish = str(said.get("refresh_by", ""))
    return replace(given, by_row=by_row, refresh_by=RefreshBy(wish) if wish in list(RefreshBy) else None)


async def _sources(request: Request, room: Room) -> tuple[list[Source], Choices]:
    """The files sent and the text pasted, what opens archives among them, and the region of service accounts.

    Raises ``upload_empty``, ``upload_too_big``, ``upload_too_many``.
    """
    async with request.form(max_files=MOST_FILES + 1, max_part_size=room.desk.settings.upload_limit) as said:
        passphrase = str(said.get("passphrase", ""))
        location = str(said.get("location", "")).strip()[:64]
        choices = Choices(passphrase=Secret(passphrase) if passphrase else None, location=location or None)
        return await _sent(said, room), choices


async def _sent(said: FormData, room: Room) -> list[Source]:
    """A folder's other files (a README, hidden ones) are left out without a word; files chosen one by one are not."""
    uploads = [part for part in said.getlist("file") if isinstance(part, UploadFile) and part.filename]
    uploads += [part for part in said.getlist("folder") if isinstance(part, UploadFile) and _is_offered(part)]
    if len(uploads) > MOST_FILES:
        raise DeckError("upload_too_many", status=413, most=MOST_FILES)
    sources, size = [], 0
    for upload in uploads:
        size += upload.size or 0
        if size > room.desk.settings.upload_limit:
            raise DeckError("upload_too_big", status=413, most=room.desk.settings.upload_limit // (1024 * 1024))
        sources.append(Source(_base_name(upload), await upload.read()))
    if pasted := str(said.get("pasted", "")).strip():
        sources.append(_pasted(pasted, str(said.get("name", "")).strip(), _format(said)))
    if not sources:
        raise DeckError("upload_empty", status=422)
    return sources


def _base_name(upload: UploadFile) -> str:
    return str(upload.filename).replace("\\", "/").rpartition("/")[2]


def _is_offered(upload: UploadFile) -> bool:
    name = _base_name(upload)
    return bool(name) and not name.startswith(".") and name.lower().endswith(_OFFERED)


def _format(said: FormData) -> str | None:
    """The form that a person insists on; ``None`` detects it."""
    wish = str(said.get("source", ""))
    return wish if wish in SOURCES else None


def _pasted(text: str, name: str, format_: str | None) -> Source:
    """Pasted text under the name given, else the name of what it says it is."""
    if not name:
        try:
            name = str(json.loads(text).get("type") or "pasted")
        except (ValueError, AttributeError):
            name = "pasted"
    return Source(name if name.endswith(".json") else f"{name}.json", text.encode(), format_, pasted=True)


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
        most_megabytes=room.desk.settings.upload_limit // (1024 * 1024),
        most_files=MOST_FILES,
        sources=_source_options(locale),
        wants_location=request.query_params.get("for") == "vertex",
    )


def _source_options(locale: str) -> list[tuple[str, str]]:
    named = [(source, wording.sentence(f"source.{source}", {}, locale)) for source in SOURCES]
    return [("", wording.sentence("source.detect", {}, locale)), *named]


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row of the report in words. ``choices`` are what a person may decide: (value, code of its sentence).

    ``other`` is the account that stands in the way or was written: its auth_index and its name, where it is live.
    """

    number: int
    row: ImportRow
    name: str
    provider: str
    tone: str
    glyph: str
    texts: Sequence[str]
    choices: Sequence[tuple[str, str]]
    other: tuple[str, str] | None


def _report(request: Request, report: ImportReport, ticket: str | None, pasted: Source | None = None) -> Response:
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
        pasted=pasted,
        sources=_source_options(prefs.locale),
    )


def _shown(number: int, row: ImportRow, prefs: Preferences, room: Room) -> ShownRow:
    said: list[tuple[str, Any]] = [] if row.reason is None else [row.reason]
    texts = [wording.sentence(code, params, prefs.locale) for code, params in (*said, *row.notes)]
    if row.stored_as:
        texts.append(wording.sentence("stored_as", {"file_name": row.stored_as}, prefs.locale))
    entry = room.desk.directory.get(row.auth_index) if row.auth_index else None
    named = entry.account.provider if entry else row.provider
    hide = masked if prefs.masked else str
    return ShownRow(
        number,
        row,
        hide(row.file_name),
        named.value if named else "",
        _TONES[row.outcome],
        _GLYPHS[row.outcome],
        [hide(text) for text in texts],
        _choices_of(row),
        None
        if entry is None
        else (entry.account.auth_index, masked(entry.account.file_name) if prefs.masked else entry.account.file_name),
    )


def _choices_of(row: ImportRow) -> Sequence[tuple[str, str]]:
    """None where no choice of the person's would help."""
    if row.outcome is not Outcome.CONFLICT or row.reason is None:
        return ()
    return _CHOICES_OF.get(row.reason[0], ())


_CHOICES_OF: Final = {
    "file_name_taken": (("skip", "choice.skip"), ("keep_both", "choice.keep_both"), ("replace", "choice.replace")),
    "in_trash": (
        ("skip", "choice.skip"), ("replace", "choice.in_trash.replace"), ("keep_both", "choice.in_trash.keep_both"),
    ),
}  # fmt: skip


ROUTES: Final = (
    Route(PATH, form),
    Route(PATH, preview, methods=["POST"]),
    Route(f"{PATH}/again", again, methods=["POST"]),
    Route(f"{PATH}/run", run, methods=["POST"]),
)
