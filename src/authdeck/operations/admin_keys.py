"""Admin keys: generated ones, stored as keyed hashes, and the preset one of an unattended install, as argon2id."""

import asyncio
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from authdeck import ids
from authdeck.access import AUTOMATION, Actor, Role
from authdeck.acts import Act
from authdeck.errors import DeckError, NotFound
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredAdminKey as AdminKey
from authdeck.storage.writing import access as writing

__all__ = ("AdminKey", "AdminKeys", "NewAdminKey", "create", "list_keys", "revoke")

PREFIX: Final = "ada"
PRESET_LENGTH: Final = 24
_DISPLAYED: Final = 8
_AT_ONCE: Final = 2  # argon2id checks: each takes a core for a tenth of a second and 64 MiB
_REFUSED: Final = 1024


@dataclass(frozen=True, slots=True)
class NewAdminKey:
    """``key`` is shown once and stored nowhere."""

    id: int
    operator: str
    key: Secret


async def create(desk: Desk, operator: str, actor: Actor, *, expires_at: datetime | None = None) -> NewAdminKey:
    """Raises 404 ``operator_not_found``."""
    text = ids.new_key(PREFIX)

    def work(connection: WriteConnection) -> int:
        found = access.operator(connection, operator)
        if found is None:
            raise NotFound("operator_not_found", name=operator)
        hash_, display = _hash(desk, text), text[:_DISPLAYED]
        id_ = writing.add_admin_key(
            connection,
            operator=found.key,
            kind="generated",
            hash_=hash_,
            display=display,
            at=desk.now(),
            expires_at=expires_at,
        )
        record(desk, connection, actor, Act.ADMIN_KEY_CREATED, operator, after={"id": id_, "key": display})
        changed(desk, connection, "access", operator)
        return id_

    return NewAdminKey(await desk.write(work), operator, Secret(text))


async def revoke(desk: Desk, id_: int, actor: Actor) -> AdminKey:
    """Counts no more when this returns; the operator's sessions end. Idempotent. 404 ``admin_key_not_found``."""

    def work(connection: WriteConnection) -> AdminKey:
        found = _by_id(connection, id_)
        if writing.revoke_admin_key(connection, id_, desk.now()):
            writing.end_sessions_of(connection, found.operator)
            record(desk, connection, actor, Act.ADMIN_KEY_REVOKED, found.operator_name, after={"id": id_})
            changed(desk, connection, "access", found.operator_name)
        return _by_id(connection, id_)

    return await desk.write(work)


async def list_keys(desk: Desk, operator: str | None = None) -> list[AdminKey]:
    """Newest first, revoked ones too. ``hash`` in it is for comparing only: no edge shows it."""
    keys = await desk.read(access.all_admin_keys)
    return [key for key in keys if operator is None or key.operator_name == operator]


class AdminKeys:
    """Tells whose an admin key is. The preset one costs its argon2id check once a process; after that a keyed hash."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._hasher: Final = PasswordHasher()
        self._checking: Final = asyncio.Semaphore(_AT_ONCE)
        self._remembered: tuple[str, str] | None = None  # argon2id hash as stored, keyed hash of its text
        self._refused: Final[OrderedDict[tuple[str, str], None]] = OrderedDict()
        self._used: Final[dict[int, datetime]] = {}

    async def install_preset(self) -> None:
        """At start: put ``AUTHDECK_ADMIN_KEY`` in force in place of the former one; without it, nothing changes.

        Needs an operator (``operators.ensure_first``). Raises ``preset_key_weak``.
        """
        setting = self._desk.settings.admin_key
        if setting is None:
            return
        text = _strong(setting.get_secret_value().strip())
        stored = await self._desk.read(partial(access.usable_preset_key, now=self._desk.now()))
        if stored is None or not await asyncio.to_thread(self._verified, stored.hash, text):
            argon = await asyncio.to_thread(self._hasher.hash, text)
            await self._desk.write(partial(self._replace_preset, argon))
        else:
            argon = stored.hash
        self._remembered = (argon, _hash(self._desk, text))

    async def find(self, presented: str) -> Actor | None:
        """The actor whose key this is, if it counts now."""
        hash_, now = _hash(self._desk, presented), self._desk.now()
        generated, preset = await self._desk.read(
            lambda connection: (
                access.usable_generated_key(connection, hash_, now),
                access.usable_preset_key(connection, now),
            )
        )
        found = generated
        if found is None and preset is not None and await self._is_preset(preset.hash, presented, hash_):
            found = preset
        if found is None:
            return None
        self._used[found.key] = now
        return Actor(found.operator_name, Role[found.operator_role.upper()], found.operator)

    async def flush(self) -> None:
        """Store when each key was last used. For the timetable."""
        uses = list(self._used.items())
        self._used.clear()

        def work(connection: WriteConnection) -> None:
            for key, at in uses:
                writing.note_admin_key_use(connection, key, at)

        if uses:
            await self._desk.write(work)

    async def _is_preset(self, argon: str, presented: str, hash_: str) -> bool:
        if self._remembered is not None and self._remembered[0] == argon:
            return hmac.compare_digest(self._remembered[1], hash_)
        if len(presented) < PRESET_LENGTH or (argon, hash_) in self._refused:
            return False
        async with self._checking:
            verified = await asyncio.to_thread(self._verified, argon, presented)
        if verified:
            self._remembered = (argon, hash_)
        else:
            self._refuse(argon, hash_)
        return verified

    def _refuse(self, argon: str, hash_: str) -> None:
        """A wrong key costs one check, however often it comes."""
        self._refused[argon, hash_] = None
        if len(self._refused) > _REFUSED:
            self._refused.popitem(last=False)

    def _verified(self, argon: str, text: str) -> bool:
        try:
            return self._hasher.verify(argon, text)
        except (VerificationError, InvalidHashError):
            return False

    def _replace_preset(self, argon: str, connection: WriteConnection) -> None:
        desk = self._desk
        owner = next(
            (
                o
                for o in sorted(access.all_operators(connection), key=_by_key)
                if o.role == "admin" and not o.disabled_at
            ),
            None,
        )
        if owner is None:
            raise NotFound("operator_not_found", name=Role.ADMIN.word)
        writing.revoke_preset_keys(connection, desk.now())
        id_ = writing.add_admin_key(
            connection, operator=owner.key, kind="preset", hash_=argon, display="preset", at=desk.now()
        )
        record(desk, connection, AUTOMATION, Act.ADMIN_KEY_CREATED, owner.name, after={"id": id_, "key": "preset"})
        changed(desk, connection, "access", owner.name)


def _strong(text: str) -> str:
    if len(text) < PRESET_LENGTH or not text.isprintable():
        raise DeckError("preset_key_weak", shortest=PRESET_LENGTH)
    return text


def _by_key(operator: access.StoredOperator) -> int:
    return operator.key


def _by_id(connection: ReadConnection, id_: int) -> AdminKey:
    found = access.admin_key(connection, id_)
    if found is None:
        raise NotFound("admin_key_not_found", id=id_)
    return found


def _hash(desk: Desk, text: str) -> str:
    return desk.vault.keyed_hash("admin_key", text)
