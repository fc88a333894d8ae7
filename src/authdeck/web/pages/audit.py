"""Audit: who did what to what, with before and after, newest first. Admins see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.storage.reading import accounts, audit
from authdeck.storage.reading.audit import AuditEntry, AuditPage, AuditSearch
from authdeck.web.addresses import changed
from authdeck.web.history import by_day_of, changes_of
from authdeck.web.masking import masked
from authdeck.web.pages.account.frame import at
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of

PATH: Final = "/audit"
_PLACE: Final = "\0"
_FILTERS: Final = ("actor", "what", "target", "cursor")
_KINDS: Final = ("account", "accounts", "client_key", "login", "operator", "setting", "terms", "upstream", "vault")


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry. ``said`` stands before and after what it was done to.

    ``href`` leads to that, ``undo`` to where it is taken back, with the code of how that link is called.
    """

    entry: AuditEntry
    said: tuple[str, str]
    target: str
    href: str
    changes: list[tuple[str, str, str]]
    undo: tuple[str, str] | None


@needs(Role.ADMIN)
async def index(request: Request) -> Response:
    room, params = room_of(request), request.query_params
    prefs = room.pages.preferences(request)
    kept = {name: params[name] for name in _FILTERS if params.get(name)}
    found = await _page(room, kept)
    trashed = {account.auth_index: account.file_name for account, _ in await room.desk.read(accounts.in_trash)}
    entries = [_shown(entry, room, trashed, prefs) for entry in found.items]
    return room.pages.answer(
        request,
        "audit/index.html",
        section="audit",
        days=by_day_of(entries, lambda shown: shown.entry.at, room.desk.now(), prefs),
        next=found.next,
        params=kept,
        filtered=bool(set(kept) - {"cursor"}),
        link=lambda **to: changed(PATH, kept, to),
        actors=[("", wording.sentence("any", {}, prefs.locale)), *await _actors(room)],
        kinds=[("", wording.sentence("any", {}, prefs.locale)), *_named_kinds(prefs)],
    )


async def _page(room: Room, kept: dict[str, str]) -> AuditPage:
    """A stranger's cursor begins at the start."""
    what = kept.get("what")
    search = AuditSearch(
        actor=kept.get("actor"),
        what=f"{what}:" if what in _KINDS else None,
        target=_target(room, kept.get("target", "")),
        cursor=kept.get("cursor"),
    )
    try:
        return await room.desk.read(lambda connection: audit.page(connection, search))
    except DeckError:
        first = AuditSearch(search.actor, search.what, search.target)
        return await room.desk.read(lambda connection: audit.page(connection, first))


def _target(room: Room, named: str) -> str | None:
    """An account may be named in any way it is known by."""
    found = room.desk.directory.named(named.strip()) if named.strip() else []
    return found[0].account.auth_index if len(found) == 1 else named.strip() or None


async def _actors(room: Room) -> list[tuple[str, str]]:
    return [(name, name) for name in await room.desk.read(audit.actors)]


def _named_kinds(prefs: Preferences) -> list[tuple[str, str]]:
    return [(kind, wording.sentence(f"acts_of.{kind}", {}, prefs.locale)) for kind in _KINDS]


def _shown(entry: AuditEntry, room: Room, trashed: Mapping[str, str], prefs: Preferences) -> Shown:
    account = room.desk.directory.get(entry.target)
    name = account.account.file_name if account else trashed.get(entry.target) or _name(entry)
    hide = masked if prefs.masked else str
    before, _, after = wording.sentence(f"act.{entry.what}", {"it": _PLACE}, prefs.locale).partition(_PLACE)
    href = at(entry.target, "history") if account else ""
    changes = [(field, hide(before), hide(after)) for field, before, after in changes_of(entry, prefs.locale)]
    return Shown(entry, (before, after), hide(name), href, changes, _undo(entry, exists=account is not None))


def _name(entry: AuditEntry) -> str:
    """What it was called then, where the entry says so."""
    told = {**(entry.before or {}), **(entry.after or {})}
    return str(told.get("name") or told.get("file_name") or entry.target)


def _undo(entry: AuditEntry, *, exists: bool) -> tuple[str, str] | None:
    """Where it can be taken back, while there is something to take back."""
    if entry.batch and entry.what != Act.FILES_IMPORTED:
        return f"/batches/{entry.batch}", "undo_in.batch"
    if entry.what == Act.ACCOUNT_TRASHED:
        return None if exists else ("/trash", "undo_in.trash")
    tab = _UNDONE_AT.get(entry.what)
    if tab is not None:
        return (at(entry.target, tab), f"undo_in.{tab}") if exists else None
    return _DECIDED_AT.get(entry.what)


_UNDONE_AT: Final[Mapping[str, str]] = {
    Act.ACCOUNT_EDITED: "settings",
    Act.DOCUMENT_EDITED: "history",
    Act.REVISION_RESTORED: "history",
    Act.ACCOUNT_UPDATED: "history",
    Act.ACCOUNT_DISABLED: "overview",
    Act.ACCOUNT_LOCKED: "overview",
}
_DECIDED_AT: Final[Mapping[str, tuple[str, str]]] = {
    Act.TERMS_ACKNOWLEDGED: ("/settings/terms", "undo_in.terms"),
    Act.TERMS_WITHDRAWN: ("/settings/terms", "undo_in.terms"),
    Act.SETTING_CHANGED: ("/settings/values", "undo_in.values"),
    Act.UPSTREAM_APPROVED: ("/settings/upstreams", "undo_in.upstreams"),
    Act.UPSTREAM_WITHDRAWN: ("/settings/upstreams", "undo_in.upstreams"),
}

ROUTES: Final = (Route(PATH, index),)
