"""Who manages: operators, their roles, switching one off. One active admin always remains."""

import re
from typing import Final

from authdeck.access import AUTOMATION, Actor, Role
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredOperator as Operator
from authdeck.storage.writing import access as writing

__all__ = ("Operator", "change_role", "create", "disable", "enable", "ensure_first", "list_operators", "role_named")

FIRST: Final = "admin"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


async def ensure_first(desk: Desk) -> None:
    """At start: a deck that has no operator gets the admin ``admin``, who has no key yet and no password ever."""

    def work(connection: WriteConnection) -> None:
        if not access.all_operators(connection):
            _create(desk, connection, FIRST, Role.ADMIN, AUTOMATION)

    await desk.write(work)


async def list_operators(desk: Desk) -> list[Operator]:
    return await desk.read(access.all_operators)


async def create(desk: Desk, name: str, role: Role, actor: Actor) -> Operator:
    """Raises ``operator_name_invalid`` and 409 ``operator_exists``."""
    if not _NAME.fullmatch(name):
        raise DeckError("operator_name_invalid", name=name[:64])
    return await desk.write(lambda connection: _create(desk, connection, name, role, actor))


async def change_role(desk: Desk, name: str, role: Role, actor: Actor) -> Operator:
    """In force at the next request. Raises 404 ``operator_not_found``, 409 ``operator_last_admin``."""

    def work(connection: WriteConnection) -> Operator:
        found = _named(connection, name)
        if role < Role.ADMIN:
            _keep_an_admin(connection, found)
        writing.set_operator_role(connection, found.key, role.word)
        before, after = {"role": found.role}, {"role": role.word}
        record(desk, connection, actor, Act.OPERATOR_ROLE_CHANGED, name, before=before, after=after)
        changed(desk, connection, "access", name)
        return _named(connection, name)

    return await desk.write(work)


async def disable(desk: Desk, name: str, actor: Actor) -> Operator:
    """Their keys and sessions count no more. Idempotent. Raises as ``change_role``."""

    def work(connection: WriteConnection) -> Operator:
        found = _named(connection, name)
        if found.disabled_at is not None:
            return found
        _keep_an_admin(connection, found)
        writing.set_operator_disabled(connection, found.key, desk.now())
        writing.end_sessions_of(connection, found.key)
        record(desk, connection, actor, Act.OPERATOR_DISABLED, name)
        changed(desk, connection, "access", name)
        return _named(connection, name)

    return await desk.write(work)


async def enable(desk: Desk, name: str, actor: Actor) -> Operator:
    """Keys that were not revoked count again. Idempotent."""

    def work(connection: WriteConnection) -> Operator:
        found = _named(connection, name)
        if found.disabled_at is None:
            return found
        writing.set_operator_disabled(connection, found.key, None)
        record(desk, connection, actor, Act.OPERATOR_ENABLED, name)
        changed(desk, connection, "access", name)
        return _named(connection, name)

    return await desk.write(work)


def role_named(word: str) -> Role:
    """``viewer``, ``operator`` or ``admin``. Raises ``role_unknown``."""
    roles = {role.word: role for role in Role}
    if word not in roles:
        raise DeckError("role_unknown", role=word[:32], known=", ".join(roles))
    return roles[word]


def _create(desk: Desk, connection: WriteConnection, name: str, role: Role, actor: Actor) -> Operator:
    if access.operator(connection, name) is not None:
        raise Conflict("operator_exists", name=name)
    writing.add_operator(connection, name=name, role=role.word, at=desk.now())
    record(desk, connection, actor, Act.OPERATOR_CREATED, name, after={"role": role.word})
    changed(desk, connection, "access", name)
    return _named(connection, name)


def _named(connection: ReadConnection, name: str) -> Operator:
    found = access.operator(connection, name)
    if found is None:
        raise NotFound("operator_not_found", name=name)
    return found


def _keep_an_admin(connection: ReadConnection, leaving: Operator) -> None:
    is_active_admin = leaving.role == Role.ADMIN.word and leaving.disabled_at is None
    if is_active_admin and access.active_admins(connection) == 1:
        raise Conflict("operator_last_admin", name=leaving.name)
