"""Saved views: the address of a list under a name, for oneself or for everyone."""

from typing import Any, Final

from authdeck.access import Actor, Role
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.ids import is_key
from authdeck.operations import putting_back
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import access, saved_views
from authdeck.storage.reading.saved_views import StoredView
from authdeck.storage.writing import saved_views as writing

ACCOUNTS: Final = "auth-files"
"""The page whose views these are: the list of accounts."""

LONGEST_NAME: Final = 60
MOST: Final = 50
_LONGEST_QUERY: Final = 4000


async def visible(desk: Desk, page: str, actor: Actor) -> list[StoredView]:
    """The actor's own views of a page and the shared ones, by name."""
    return await desk.read(lambda connection: saved_views.visible(connection, page, actor.name))


async def save(desk: Desk, page: str, actor: Actor, *, name: str, query: str, shared: bool) -> StoredView:
    """Keep ``query`` (without ``?``) under ``name``; a view of the actor's with that name is replaced.

    Raises ``view_name_invalid``, ``view_invalid``, ``view_too_many``, and 403 ``view_share_denied``: a viewer keeps
    views for themselves.
    """
    named = " ".join(name.split())
    if not 0 < len(named) <= LONGEST_NAME:
        raise DeckError("view_name_invalid", status=422, most=LONGEST_NAME)
    if len(query) > _LONGEST_QUERY:
        raise DeckError("view_invalid", status=422)
    if shared and actor.role < Role.OPERATOR:
        raise DeckError("view_share_denied", status=403)

    def work(connection: WriteConnection) -> StoredView:
        operator = access.operator(connection, actor.name)
        if operator is None:
            raise DeckError("view_invalid", status=422)
        own = [view for view in saved_views.visible(connection, page, actor.name) if view.owner == actor.name]
        if len(own) >= MOST and all(view.name != named for view in own):
            raise DeckError("view_too_many", status=422, most=MOST)
        writing.save(connection, operator=operator.key, page=page, name=named, query=query, shared=shared)
        visible_now = saved_views.visible(connection, page, actor.name)
        saved = next(view for view in visible_now if (view.owner, view.name) == (actor.name, named))
        record(desk, connection, actor, Act.VIEW_SAVED, str(saved.key), after=_told(saved))
        return saved

    return await desk.write(work)


async def remove(desk: Desk, key: int, actor: Actor) -> StoredView:
    """Take a view away: one's own, or as an admin a shared one. For a day it can be put back.

    Raises ``NotFound('view_not_found')``.
    """

    def work(connection: WriteConnection) -> StoredView:
        view = saved_views.one(connection, _key(key))
        if view is None or not may_remove(view, actor):
            raise NotFound("view_not_found")
        writing.remove(connection, view, desk.now())
        record(desk, connection, actor, Act.VIEW_REMOVED, str(key), before=_told(view))
        return view

    return await desk.write(work)


async def put_back(desk: Desk, key: int, actor: Actor) -> StoredView:
    """As it was. Who may remove it may put it back; idempotent.

    Raises ``NotFound('view_not_found')``, a day later too, and ``Conflict('view_name_taken')``.
    """

    def work(connection: WriteConnection) -> StoredView:
        standing = saved_views.one(connection, _key(key))
        view = standing or saved_views.removed(connection, key, putting_back.since(desk.now()))
        if view is None or not may_remove(view, actor):
            raise NotFound("view_not_found")
        if standing is None:
            theirs = saved_views.visible(connection, ACCOUNTS, view.owner)
            if any((other.owner, other.name) == (view.owner, view.name) for other in theirs):
                raise Conflict("view_name_taken", name=view.name)
            writing.put_back(connection, view)
            record(desk, connection, actor, Act.VIEW_RESTORED, str(key), after=_told(view))
        return view

    return await desk.write(work)


def may_remove(view: StoredView, actor: Actor) -> bool:
    return view.owner == actor.name or (view.shared and actor.role >= Role.ADMIN)


def _key(key: int) -> int:
    """Raises ``NotFound('view_not_found')`` for a number that no row can have."""
    if not is_key(key):
        raise NotFound("view_not_found")
    return key


def _told(view: StoredView) -> dict[str, Any]:
    return {"name": view.name, "shared": view.shared}
