"""Sessions of the console, and one-time links that begin one. Both are stored as keyed hashes."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from authdeck import ids
from authdeck.access import Actor, Role
from authdeck.acts import Act
from authdeck.errors import DeckError, NotFound
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.secret import Secret
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredOperator
from authdeck.storage.writing import access as writing

LINK_LIFE: Final = timedelta(minutes=10)
TOUCH_EVERY: Final = timedelta(minutes=1)
_LINK_PREFIX: Final = "ads"


@dataclass(frozen=True, slots=True)
class Session:
    """A session that counts now. ``csrf`` is its one token for as long as it lives, ``begun_at`` the sign-in."""

    actor: Actor
    csrf: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class NewSession:
    """``cookie`` is handed to the browser and known to nobody else."""

    cookie: Secret
    actor: Actor


@dataclass(frozen=True, slots=True)
class NewLink:
    """``token`` goes into the link; it signs ``operator`` in once, until 10 minutes are over."""

    token: Secret
    operator: str


async def begin(desk: Desk, actor: Actor) -> NewSession:
    """A new session, always with a new cookie. Raises 403 ``session_needs_operator`` for who is no stored operator."""
    if actor.key is None:
        raise DeckError("session_needs_operator", status=403, actor=actor.name)
    operator = actor.key
    return await desk.write(lambda connection: _begin(desk, connection, operator, actor))


async def find(desk: Desk, cookie: str) -> Session | None:
    """The session of this cookie, if it counts now; being asked for prolongs it."""
    now, hash_ = desk.now(), _session_hash(desk, cookie)
    stored = await desk.read(partial(access.usable_session, hash_=hash_, now=now))
    if stored is None:
        return None
    if now - stored.used_at >= TOUCH_EVERY:
        await desk.write(partial(writing.prolong_session, hash_=hash_, at=now, expires_at=now + _idle(desk)))
    role = Role[stored.operator_role.upper()]
    return Session(Actor(stored.operator_name, role, stored.operator), stored.csrf, stored.created_at)


async def end(desk: Desk, cookie: str, actor: Actor) -> None:
    """Sign out. A cookie that is no session any more is fine."""

    def work(connection: WriteConnection) -> None:
        if writing.end_session(connection, _session_hash(desk, cookie)):
            record(desk, connection, actor, Act.SIGNED_OUT, actor.name)

    await desk.write(work)


async def make_link(desk: Desk, operator: str | None = None) -> NewLink:
    """A one-time link's token for the named operator, or else for the first active admin."""
    token = ids.new_key(_LINK_PREFIX)

    def work(connection: WriteConnection) -> str:
        found = _operator(access.all_operators(connection), operator)
        now = desk.now()
        hash_ = desk.vault.keyed_hash("sign_in_link", token)
        writing.add_link(connection, hash_=hash_, operator=found.key, at=now, expires_at=now + LINK_LIFE)
        return found.name

    return NewLink(Secret(token), await desk.write(work))


async def spend_link(desk: Desk, token: str) -> NewSession:
    """Begin a session with a link's token; it never works again. Raises 401 ``sign_in_link_unknown``."""

    def work(connection: WriteConnection) -> NewSession:
        key = writing.spend_link(connection, desk.vault.keyed_hash("sign_in_link", token), desk.now())
        found = next((o for o in access.all_operators(connection) if o.key == key and o.disabled_at is None), None)
        if found is None:
            raise DeckError("sign_in_link_unknown", status=401)
        return _begin(desk, connection, found.key, Actor(found.name, Role[found.role.upper()], found.key))

    return await desk.write(work)


async def forget_ended(desk: Desk) -> int:
    """Drop what ended. For the timetable, once an hour; nothing depends on it."""
    return await desk.write(partial(writing.forget_ended, now=desk.now()))


def _begin(desk: Desk, connection: WriteConnection, operator: int, actor: Actor) -> NewSession:
    cookie, now = secrets.token_hex(32), desk.now()
    writing.add_session(
        connection,
        hash_=_session_hash(desk, cookie),
        operator=operator,
        csrf=secrets.token_hex(32),
        at=now,
        expires_at=now + _idle(desk),
    )
    record(desk, connection, actor, Act.SIGNED_IN, actor.name)
    return NewSession(Secret(cookie), actor)


def _operator(known: list[StoredOperator], name: str | None) -> StoredOperator:
    """Raises ``operator_not_found``."""
    for operator in sorted(known, key=lambda one: one.key):
        wanted = operator.name == name if name is not None else operator.role == Role.ADMIN.word
        if wanted and operator.disabled_at is None:
            return operator
    raise NotFound("operator_not_found", name=name or Role.ADMIN.word)


def _idle(desk: Desk) -> timedelta:
    return timedelta(hours=desk.settings.session_idle_hours)


def _session_hash(desk: Desk, cookie: str) -> str:
    return desk.vault.keyed_hash("session", cookie)
