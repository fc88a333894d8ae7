"""Client keys: what clients present to the gateway. Created and revoked here; found in memory on the hot path."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from authdeck import ids
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.errors import Conflict, DeckError, NotFound
from authdeck.operations import putting_back
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.secret import Secret
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading import access
from authdeck.storage.reading.access import StoredClientKey
from authdeck.storage.writing import access as writing

PREFIX: Final = "adk"
LONGEST: Final = 256
_DISPLAYED: Final = 8
_LONGEST_NAME: Final = 100
_SCOPES: Final = ("prefixes", "providers", "models")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key may reach; ``None`` is everything. Models may be patterns with ``*``."""

    prefixes: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    models: frozenset[str] | None = None

    def allows_prefix(self, prefix: str | None) -> bool:
        """Whether accounts of this prefix may serve. A key bound to prefixes reaches no account without one."""
        return self.prefixes is None or (prefix is not None and prefix in self.prefixes)

    def allows_provider(self, provider: str) -> bool:
        return self.providers is None or provider in self.providers

    def allows_model(self, model: str) -> bool:
        if self.models is None or model in self.models:
            return True
        return any("*" in pattern and fnmatchcase(model, pattern.replace("[", "[[]")) for pattern in self.models)

    def stored(self) -> dict[str, list[str]]:
        """As JSON: only what is bound."""
        bound = {name: getattr(self, name) for name in _SCOPES}
        return {name: sorted(words) for name, words in bound.items() if words is not None}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Scope":
        """From JSON. Raises ``client_key_scope_invalid`` for a name that is no scope or a value that is no list."""
        for name, words in stored.items():
            if (
                name not in _SCOPES
                or not isinstance(words, list | tuple | frozenset | None)
                or not _are_words(words or ())
            ):
                raise DeckError("client_key_scope_invalid", field=str(name)[:32], known=", ".join(_SCOPES))
        return cls(**{name: frozenset(words) for name, words in stored.items() if words is not None})


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class ClientKey:
    """``rate_limit`` is requests a minute. ``display`` is the key's first characters."""

    id: str
    name: str
    scope: Scope
    display: str
    rate_limit: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def counts(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewClientKey:
    """``key`` is shown once and stored nowhere."""

    id: str
    name: str
    key: Secret


async def create(
    desk: Desk,
    name: str,
    actor: Actor,
    *,
    scope: Scope = EVERYTHING,
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
) -> NewClientKey:
    """In force in this process when it returns. Raises ``client_key_…_invalid``, ``client_key_expired_already``."""
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DeckError("client_key_name_invalid", longest=_LONGEST_NAME)
    if expires_at is not None and expires_at <= desk.now():
        raise DeckError("client_key_expired_already", expires_at=expires_at.isoformat())
    if rate_limit is not None and not 1 <= rate_limit < 2**31:  # what the column holds
        raise DeckError("client_key_rate_invalid", rate_limit=rate_limit)
    id_, text = ids.new_id(), ids.new_key(PREFIX)

    def work(connection: WriteConnection) -> None:
        writing.add_client_key(
            connection,
            id_=id_,
            name=name,
            hash_=_hash(desk, text),
            display=text[:_DISPLAYED],
            scope=scope.stored(),
            rate_limit=rate_limit,
            at=desk.now(),
            by=actor.name,
            expires_at=expires_at,
        )
        after = {"name": name, "scope": scope.stored(), "rate_limit": rate_limit}
        record(desk, connection, actor, Act.CLIENT_KEY_CREATED, id_, after=after)
        changed(desk, connection, "client_key", id_)

    await desk.write(work)
    return NewClientKey(id_, name, Secret(text))


async def revoke(desk: Desk, id_: str, actor: Actor) -> ClientKey:
    """Counts no more before this returns. Idempotent. Raises 404 ``client_key_not_found``."""

    def work(connection: WriteConnection) -> ClientKey:
        found = _by_id(connection, id_)
        if writing.revoke_client_key(connection, id_, desk.now()):
            record(desk, connection, actor, Act.CLIENT_KEY_REVOKED, id_, before={"name": found.name})
            changed(desk, connection, "client_key", id_)
        return _by_id(connection, id_)

    return await desk.write(work)


async def restore(desk: Desk, id_: str, actor: Actor) -> ClientKey:
    """Counts again before this returns, if it was revoked within a day. Idempotent.

    Raises 404 ``client_key_not_found`` and 409 ``client_key_revoked_for_good``.
    """

    def work(connection: WriteConnection) -> ClientKey:
        found = _by_id(connection, id_)
        if found.revoked_at is None:
            return found
        if not putting_back.is_possible(found.revoked_at, desk.now()):
            raise Conflict("client_key_revoked_for_good", name=found.name)
        writing.restore_client_key(connection, id_)
        record(desk, connection, actor, Act.CLIENT_KEY_RESTORED, id_, after={"name": found.name})
        changed(desk, connection, "client_key", id_)
        return _by_id(connection, id_)

    return await desk.write(work)


async def list_keys(desk: Desk) -> list[ClientKey]:
    """Newest first, revoked ones too."""
    return [_of(stored) for stored in await desk.read(access.all_client_keys)]


class ClientKeys:
    """All client keys in memory, kept current by changes of kind ``client_key``.

    ``find`` asks a dictionary by keyed hash: no database, no wait, no comparison whose time depends on the secret.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._by_hash: Mapping[str, ClientKey] = MappingProxyType({})
        self._used: dict[str, datetime] = {}

    async def start(self) -> None:
        """Load all keys and listen for changes; before the port opens."""
        self._desk.feed.subscribe("client_key", self.reload)
        await self.reload()

    async def reload(self, subject: str = "") -> None:
        """Read all keys again: there are few, and they change rarely."""
        del subject
        stored = await self._desk.read(access.all_client_keys)
        self._by_hash = MappingProxyType({one.hash: _of(one) for one in stored if one.revoked_at is None})

    def find(self, presented: str) -> ClientKey | None:
        """The key, if it counts now."""
        if len(presented) > LONGEST:
            return None
        key = self._by_hash.get(_hash(self._desk, presented))
        if key is None:
            return None
        now = self._desk.clock.now()
        if not key.counts(now):
            return None
        self._used[key.id] = now
        return key

    async def flush(self) -> None:
        """Store when each key was last used. For the timetable, every few seconds, and at stop."""
        uses, self._used = self._used, {}
        if uses:
            await self._desk.write(partial(writing.note_client_key_uses, uses=tuple(uses.items())))


def _by_id(connection: ReadConnection, id_: str) -> ClientKey:
    found = access.client_key(connection, id_)
    if found is None:
        raise NotFound("client_key_not_found", id=id_)
    return _of(found)


def _of(stored: StoredClientKey) -> ClientKey:
    return ClientKey(
        stored.id, stored.name, Scope.of(stored.scope), stored.display, stored.rate_limit,
        stored.created_at, stored.created_by, stored.expires_at, stored.revoked_at, stored.last_used_at,
    )  # fmt: skip


def _are_words(words: Any) -> bool:
    return all(isinstance(word, str) and word for word in words)


def _hash(desk: Desk, text: str) -> str:
    return desk.vault.keyed_hash("client_key", text)
