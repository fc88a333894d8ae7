"""Export: chosen accounts in the form another program reads, or in an encrypted archive. What is lost is said first."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate.handing_out import handed_out
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations.export import Preview, Wish, export, preview
from authdeck.operations.export_forms import ExportRow, Form
from authdeck.secret import Secret
from authdeck.web import proof
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.room import room_of

PATH: Final = "/export"


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One account: ``refused`` says why it can't be in the file, ``texts`` what it loses and what to know."""

    index: str
    name: str
    provider: str
    refused: str
    texts: list[str]


@needs(Role.OPERATOR)
async def form(request: Request) -> Response:
    """``account`` names each account, ``form`` how they are written."""
    return await _page(request, request.query_params.getlist("account"), request.query_params.get("form", ""))


@needs(Role.OPERATOR)
async def hand_out(request: Request) -> Response:
    """The file. Who signed in a while ago proves again who they are; each account's export is audited."""
    room, said = room_of(request), await request.form()
    names, chosen = [str(name) for name in said.getlist("account")], str(said.get("form", ""))
    passphrase = str(said.get("passphrase", ""))
    wish = Wish(
        _form(chosen),
        names,
        partial=said.get("partial") == "yes",
        hand_over=said.get("hand_over") == "yes",
        passphrase=Secret(passphrase) if passphrase else None,
    )
    try:
        await proof.require(request, str(said.get("admin_key", "")))
        return await handed_out(request, export(room.desk, wish, actor_of(request)))
    except DeckError as error:
        return await _page(request, names, chosen, error)


async def _page(request: Request, names: list[str], chosen: str, error: DeckError | None = None) -> Response:
    room, form_ = room_of(request), _form(chosen)
    prefs = room.pages.preferences(request)
    found = Preview()
    if names:
        try:
            found = await preview(room.desk, Wish(form_, names))
        except DeckError as refused:
            error = error or refused
    return room.pages.answer(
        request,
        "export/index.html",
        section="auth-files",
        status=200 if error is None else error.status,
        error=None if error is None else wording.sentence(error.code, error.params, prefs.locale),
        chosen=names,
        form=form_.value,
        forms=[each.value for each in Form],
        rows=[_row(row, prefs) for row in found.rows],
        refused=found.refused,
        rotating=found.rotating,
        proven=proof.is_recent(request),
    )


def _row(row: ExportRow, prefs: Preferences) -> ShownRow:
    named = {"file_name": row.account.file_name}
    said: list[tuple[str, Any]] = [*row.notes]
    if row.lost:
        said.insert(0, ("export_loses", {"fields": ", ".join(row.lost)}))
    hide = masked if prefs.masked else str
    texts = [hide(wording.sentence(code, {**named, **params}, prefs.locale)) for code, params in said]
    why = "" if row.refused is None else wording.sentence(row.refused[0], {**named, **row.refused[1]}, prefs.locale)
    return ShownRow(row.account.auth_index, hide(row.account.file_name), row.account.provider.value, hide(why), texts)


def _form(text: str) -> Form:
    try:
        return Form(text)
    except ValueError:
        return Form.CLIPROXYAPI


ROUTES: Final = (Route(PATH, form), Route(PATH, hand_out, methods=["POST"]))
