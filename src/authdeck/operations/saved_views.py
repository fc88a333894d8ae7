"""Saved views: the address of a list under a name, for oneself or for everyone."""

from typing import Final

from authdeck.access import Actor, Role
from authdeck.errors import DeckError, NotFound
from authdeck.operations.desk import Desk
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
        return next(view for view in visible_now if (view.owner, view.name) == (actor.name, named))

    return await desk.write(work)


async def remove(desk: Desk, key: int, actor: Actor) -> StoredView:
    """Take a view away: one's own, or as an admin a shared one. Raises ``NotFound('view_not_found')``."""

    def work(connection: WriteConnection) -> StoredView:
        view = saved_views.one(connection, key)
        if view is None or not may_remove(view, actor):
            raise NotFound("view_not_found")
        writing.remove(connection, key)
        return view

    return await desk.write(work)


def may_remove(view: StoredView, actor: Actor) -> bool:
    return view.owner == actor.name or (view.shared and actor.role >= Role.ADMIN)
