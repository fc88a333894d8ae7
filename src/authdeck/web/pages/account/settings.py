"""Settings: all fields a person sets, checked as they are left, and how clients reach the account."""

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.account import ErrorAction
from authdeck.entry import Entry
from authdeck.errors import DeckError, NotFound
from authdeck.gate import hosts
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import edit_accounts, reach
from authdeck.operations.header_names import header_names
from authdeck.operations.undo_edit import undo_edit
from authdeck.web import client_start
from authdeck.web.pages.account import fields
from authdeck.web.pages.account.frame import PATH, done, edited, entry_of, show
from authdeck.web.room import room_of

TAB = "settings"


async def content(
    request: Request, entry: Entry, said: FormData | None = None, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    room, account = room_of(request), entry.account
    prefs = room.pages.preferences(request)
    found = reach.of_account(room.desk, account, hosts.address(request.scope, room.desk.settings))
    params = {"prefix": found.prefix or "", "base": found.base}
    return {
        "sections": fields.sections(account, prefs.locale, hidden=prefs.masked, said=said, errors=errors),
        "errors": errors or {},
        "typed": said or {},
        "error_actions": [action.value for action in ErrorAction],
        "headers": await header_names(room.desk, account.auth_index) if account.has_headers else [],
        "reach": found,
        "reach_note": wording.sentence(found.note, params, prefs.locale) if found.note else "",
        "starts": client_start.addresses(found.base, reach.routes_of([account])),
    }


@needs(Role.OPERATOR)
async def save(request: Request) -> Response:
    """Change what the form changes. What is wrong comes back beside its field, with everything as it was typed."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    prefs = room.pages.preferences(request)
    changes = fields.wished(entry.account, said, hidden=prefs.masked)
    if errors := fields.errors_in(changes, prefs.locale):
        return await show(request, entry, TAB, await content(request, entry, said, errors), _wrong(errors))
    if not changes:
        return done(entry, TAB, "did_nothing")
    try:
        after = await edit_accounts.edit(
            room.desk, entry.account.auth_index, actor_of(request), changes, version=_version(said)
        )
    except DeckError as error:
        return await show(request, entry, TAB, await content(request, entry, said), error)
    names = ", ".join(wording.sentence(f"field.{name}", {}, prefs.locale) for name in sorted(changes))
    return edited(after, TAB, "did_save", {"fields": names}, changes)


@needs(Role.OPERATOR)
async def undo(request: Request) -> Response:
    """Take back the edit that made version ``want``, unless somebody edited the account since."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    given = str(said.get("want", ""))
    version = int(given) if given.isdecimal() and len(given) < 10 else 0  # noqa: PLR2004 - as above
    tab = "models" if "tab=models" in str(said.get("next", "")) else TAB
    after = await undo_edit(room.desk, entry.account.auth_index, version, actor_of(request))
    return done(after, tab, "did_undo_edit")


@needs(Role.OPERATOR)
async def check(request: Request) -> Response:
    """One field as it would be saved: the form asks when it is left."""
    room, entry, said = room_of(request), entry_of(request), await request.form()
    name = request.path_params["field"]
    if name not in fields.NAMES:
        raise NotFound("page_not_found")
    prefs = room.pages.preferences(request)
    shown = fields.field(entry.account, name, prefs.locale, hidden=prefs.masked, said=said)
    return HTMLResponse(
        room.pages.text(
            request, "account/_field.html", field=shown, account=entry.account, sharing=0,
            check_at=f"{PATH}/{entry.account.auth_index}/settings/check",
        )
    )  # fmt: skip


def _wrong(errors: dict[str, str]) -> DeckError:
    return DeckError("fields_wrong", status=422, count=len(errors))


def _version(said: FormData) -> int | None:
    """The version that the form was made from."""
    given = str(said.get("version", ""))
    return int(given) if given.isdecimal() and len(given) < 10 else None  # noqa: PLR2004 - far above any number of edits


ROUTES = (
    Route(f"{PATH}/{{auth_index}}/settings", save, methods=["POST"]),
    Route(f"{PATH}/{{auth_index}}/settings/undo", undo, methods=["POST"]),
    Route(f"{PATH}/{{auth_index}}/settings/check/{{field}}", check, methods=["POST"]),
)
