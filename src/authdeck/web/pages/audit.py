"""Audit: who did what to what, with before and after, newest first. Admins see it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.errors import DeckError
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.storage.reading import audit, trash
from authdeck.storage.reading.audit import AuditEntry, AuditPage, AuditSearch
from authdeck.web import audit_links
from authdeck.web.addresses import changed
from authdeck.web.audit_links import There
from authdeck.web.history import by_day_of, changes_of
from authdeck.web.masking import masked
from authdeck.web.preferences import Preferences
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Undo

PATH: Final = "/audit"
_PLACE: Final = "\0"
_FILTERS: Final = ("actor", "what", "target", "cursor")
_KINDS: Final = (
    "account", "accounts", "client_key", "login", "notification", "operator", "queue", "requests", "schedule",
    "setting", "terms", "upstream", "vault", "view",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry. ``said`` stands before and after what it was done to.

    ``href`` leads to that, ``way_back`` to where it is taken back, with the code of how that link is called; ``undo``
    takes it back from here.
    """

    entry: AuditEntry
    said: tuple[str, str]
    target: str
    href: str
    changes: list[tuple[str, str, str]]
    way_back: tuple[str, str] | None
    undo: Undo | None


@needs(Role.ADMIN)
async def index(request: Request) -> Response:
    room, params = room_of(request), request.query_params
    prefs = room.pages.preferences(request)
    kept = {name: params[name] for name in _FILTERS if params.get(name)}
    found = await _page(room, kept)
    there, newest = await _there(room, found.items), _newest(found.items)
    entries = [_shown(request, entry, there, is_newest=at in newest) for at, entry in enumerate(found.items)]
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


def _shown(request: Request, entry: AuditEntry, there: There, *, is_newest: bool) -> Shown:
    room = room_of(request)
    prefs = room.pages.preferences(request)
    name = there.live.get(entry.target) or there.trashed.get(entry.target) or _name(entry, prefs.locale)
    hide = masked if prefs.masked else str
    before, _, after = wording.sentence(f"act.{entry.what}", {"it": _PLACE}, prefs.locale).partition(_PLACE)
    undo = audit_links.undo(entry, there, actor_of(request).name, room.desk.now()) if is_newest else None
    return Shown(
        entry,
        (before, after),
        hide(name),
        audit_links.subject(entry, there),
        [(field, hide(before), hide(after)) for field, before, after in changes_of(entry, prefs.locale)],
        audit_links.way_back(entry, there),
        undo,
    )


async def _there(room: Room, entries: Sequence[AuditEntry]) -> There:
    targets = {entry.target for entry in entries}
    found = {target: room.desk.directory.get(target) for target in targets}
    live = {target: entry.account.file_name for target, entry in found.items() if entry is not None}
    trashed, rest = await room.desk.read(lambda c: (trash.names(c, sorted(targets)), audit.mentioned(c, entries)))
    return There(live, trashed, rest)


def _newest(entries: Sequence[AuditEntry]) -> set[int]:
    """Places of entries after which nothing of the kind was done to the same: only those are taken back from here."""
    seen: set[tuple[str, str]] = set()
    places = set()
    for place, entry in enumerate(entries):
        about = (entry.what.rpartition(":")[0], entry.target)
        if about not in seen:
            places.add(place)
        seen.add(about)
    return places


def _name(entry: AuditEntry, locale: str) -> str:
    """What it was called then, where the entry says so; of an id enough to tell it from others."""
    if entry.target in _NAMED:
        return wording.sentence(_NAMED[entry.target], {}, locale)
    told = {**(entry.before or {}), **(entry.after or {})}
    id_ = f"{entry.target[:_SHOWN_OF_ID]}…" if _IS_ID.fullmatch(entry.target) else entry.target
    return str(told.get("name") or told.get("file_name") or id_)


_NAMED: Final = {"": "act.several", "requests": "act.requests"}
_IS_ID: Final = re.compile(r"[0-9a-f]{32}")
_SHOWN_OF_ID: Final = 8

ROUTES: Final = (Route(PATH, index),)
