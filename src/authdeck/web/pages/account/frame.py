"""What every tab of an account's page stands in: its head, its tabs, its facts. A page of its own, or the drawer."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from authdeck import wording
from authdeck.account_fields import SECRET_FIELDS
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.operations import entries
from authdeck.operations.send_one import suggested_model
from authdeck.search import AccountSearch
from authdeck.storage.reading import revisions
from authdeck.web import account_rows, toasts
from authdeck.web.addresses import address
from authdeck.web.masking import masked
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Undo

PATH: Final = "/auth-files"
TABS: Final = ("overview", "quota", "settings", "models", "document", "history", "diagnostics")


async def show(
    request: Request, entry: Entry, tab: str, content: Mapping[str, Any], error: DeckError | None = None
) -> Response:
    """The account's page at this tab, or the inside of the drawer when that asks. ``error`` stands above the tab."""
    room = room_of(request)
    prefs, account = room.pages.preferences(request), entry.account
    row = account_rows.row(entry, room.desk.directory, room.desk.now(), prefs)
    stored = await room.desk.read(lambda connection: revisions.of_account(connection, account.auth_index))
    return room.pages.answer(
        request,
        "account/page.html",
        section="auth-files",
        status=200 if error is None else error.status,
        error=None if error is None else wording.sentence(error.code, error.params, prefs.locale),
        row=row,
        account=account,
        tab=tab,
        tabs=[(name, at(account.auth_index, name)) for name in TABS],
        organization=account_rows.identifier(account.organization, prefs),
        subject=account_rows.identifier(account.subject, prefs),
        aliases=[masked(alias) if prefs.masked else alias for alias in account.aliases],
        sharing=sharing(room, account.settings.prefix),
        revisions=len(stored),
        trash_days=room.desk.settings.trash_days,
        suggested=suggested_model(room.desk, account) or "",
        **content,
    )


def at(auth_index: str, tab: str = "overview", **more: object) -> str:
    """Where a tab is. The overview is the account's own address."""
    return address(f"{PATH}/{auth_index}", {"tab": "" if tab == "overview" else tab, **more})


def entry_of(request: Request) -> Entry:
    """The account that the address names. Raises ``NotFound('account_not_found')``."""
    return entries.by_name(room_of(request).desk, request.path_params["auth_index"])


def done(
    entry: Entry, tab: str, code: str, params: Mapping[str, Any] | None = None, undo: Undo | None = None
) -> Response:
    """Back to a tab after something was done, which the page then says, with the way back."""
    response = RedirectResponse(at(entry.account.auth_index, tab), 303)
    toasts.leave(response, code, {"file_name": entry.account.file_name, **(params or {})}, undo)
    return response


def edited(after: Entry, tab: str, code: str, params: Mapping[str, Any], names: Iterable[str]) -> Response:
    """Back after an edit of these fields, with its undoing; sealed values can't be put back, nobody shows them."""
    index = after.account.auth_index
    undo = Undo(f"{PATH}/{index}/settings/undo", str(after.account.version), at(index, tab))
    return done(after, tab, code, params, undo if SECRET_FIELDS.isdisjoint(names) else None)


def sharing(room: Room, prefix: str | None) -> int:
    """How many accounts a prefix reaches."""
    if prefix is None:
        return 0
    return room.desk.directory.find(AccountSearch(prefix=prefix, page_size=1), room.desk.now()).total
