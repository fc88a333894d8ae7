"""Named reads of accounts: live ones with their holds, one by its auth_index, look-up by any name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, select

from authdeck.account import Account
from authdeck.entry import Entry
from authdeck.errors import Conflict, NotFound
from authdeck.hold import Hold
from authdeck.storage.among import Among
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import evidence
from authdeck.storage.reading.account_rows import account as made
from authdeck.storage.reading.account_rows import selected, twin, with_more
from authdeck.storage.reading.all_accounts import all_live
from authdeck.storage.reading.holds import open_holds
from authdeck.storage.tables import accounts, aliases, proxies

_LIVE = and_(accounts.c.trashed_at.is_(None), accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None))
_AT_ONCE = 500  # parameters of one statement: far below every database's limit
_USES = (accounts.c.last_request_at, accounts.c.last_success_at)
_EXISTS = and_(accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None))


# Made once: an import asks them for every row, and making a statement costs more than running it.
_BY_INDEX: Final = selected().where(_EXISTS, accounts.c.auth_index == bindparam("of"))
_ALIVE_OR_TRASHED: Final = selected(accounts.c.identity_hash)
_BY_IDENTITY = _ALIVE_OR_TRASHED.where(_EXISTS, Among(accounts.c.identity_hash))
_BY_KEY = _ALIVE_OR_TRASHED.where(_EXISTS, Among(accounts.c.key))
_BY_FILE_NAME = _ALIVE_OR_TRASHED.where(_LIVE, Among(accounts.c.file_name_folded))
_NEAR = 20
_PLACE = func.row_number().over(partition_by=accounts.c.email, order_by=accounts.c.key).label("place")
_FIRST = select(accounts.c.key, _PLACE).where(_LIVE, Among(accounts.c.email)).subquery()
_BY_EMAIL = _ALIVE_OR_TRASHED.join(_FIRST, _FIRST.c.key == accounts.c.key).where(_FIRST.c.place <= _NEAR)


def live(connection: ReadConnection) -> list[Entry]:
    """Every live account with its open holds: what the directory and the pool load at start."""
    return list(_with_state(connection, all_live(connection)))


def entries(connection: ReadConnection, indexes: Sequence[str]) -> dict[str, Entry]:
    """The live ones among them, with their open holds, by auth_index."""
    found: dict[str, Entry] = {}
    for start in range(0, len(indexes), _AT_ONCE):
        rows = connection.execute(_LIVE_BY_INDEX, {"wanted": indexes[start : start + _AT_ONCE]}).all()
        some = with_names(connection, rows)
        keys = [account.key for account in some]
        found |= {entry.account.auth_index: entry for entry in _with_state(connection, some, keys)}
    return found


def entry(connection: ReadConnection, auth_index: str) -> Entry | None:
    """One live account with its open holds; ``None`` when it is in the trash, purged or unknown."""
    return entries(connection, [auth_index]).get(auth_index)


def last_uses(connection: ReadConnection, indexes: Sequence[str]) -> dict[str, tuple[datetime | None, datetime | None]]:
    """When each was last asked and last answered, by auth_index."""
    found: dict[str, tuple[datetime | None, datetime | None]] = {}
    for start in range(0, len(indexes), _AT_ONCE):
        some = accounts.c.auth_index.in_(indexes[start : start + _AT_ONCE])
        rows = connection.execute(select(accounts.c.auth_index, *_USES).where(some))
        found |= {row.auth_index: (row.last_request_at, row.last_success_at) for row in rows}
    return found


@dataclass(frozen=True, slots=True)
class Addressed:
    """A live account that names an address of its own."""

    key: int
    auth_index: str
    base_url: str


def addressed(connection: ReadConnection) -> list[Addressed]:
    columns = (accounts.c.key, accounts.c.auth_index, accounts.c.base_url)
    rows = connection.execute(select(*columns).where(_LIVE, accounts.c.base_url.is_not(None)))
    return [Addressed(row.key, row.auth_index, row.base_url) for row in rows]


def by_index(connection: ReadConnection, auth_index: str) -> Account:
    """A live or trashed account. Raises ``NotFound('account_not_found')``."""
    found = with_names(connection, connection.execute(_BY_INDEX, {"of": auth_index}).all())
    if not found:
        raise NotFound("account_not_found", name=auth_index)
    return found[0]


@dataclass(frozen=True, slots=True)
class Standing:
    """A live or trashed account with all that a change of it compares. Its aliases are left out."""

    account: Account
    holds: tuple[Hold, ...]
    proxy: int | None
    headers_sealed: bytes | None = field(repr=False)


def standing(connection: ReadConnection, indexes: Sequence[str], *, locked: bool = False) -> dict[str, Standing]:
    """Those of the accounts that exist, by auth_index.

    ``locked``: nobody else changes them until the transaction ends. (SQLite's writer is alone anyway.)
    """
    statement = _STANDING_LOCKED if locked else _STANDING
    rows = connection.execute(statement, {"wanted": indexes}).all()
    holds = open_holds(connection, [row.key for row in rows])
    return {
        account.auth_index: Standing(account, holds.get(account.key, ()), *more) for account, more in with_more(rows)
    }


_STANDING: Final = (
    selected(accounts.c.proxy, accounts.c.headers_sealed)
    .where(_EXISTS, Among(accounts.c.auth_index))
    .order_by(accounts.c.key)
)
_STANDING_LOCKED: Final = _STANDING.with_for_update(of=accounts)


def proxy_key(connection: ReadConnection, url_hash: str) -> int | None:
    """The key of the proxy's row, where the URL is known."""
    return connection.execute(select(proxies.c.key).where(proxies.c.url_hash == url_hash)).scalar_one_or_none()


def has_proxy(connection: ReadConnection, key: int) -> bool:
    return connection.execute(select(proxies.c.key).where(proxies.c.key == key)).first() is not None


def resolve(connection: ReadConnection, name: str) -> Account:
    """The live account that ``name`` means: an auth_index first, then a file name, then any alias.

    Raises ``NotFound('account_not_found')`` and ``Conflict('alias_ambiguous')`` with the candidates.
    """
    for condition in (accounts.c.auth_index == name, accounts.c.file_name_folded == name.casefold(), _has_alias(name)):
        found = _accounts(connection, and_(_LIVE, condition))
        if len(found) > 1:
            raise Conflict("alias_ambiguous", name=name, candidates=[account.auth_index for account in found])
        if found:
            return found[0]
    raise NotFound("account_not_found", name=name)


@dataclass(frozen=True, slots=True)
class Named:
    """An account as an import finds it: who it is, and whether it lies in the trash."""

    account: Account
    identity_hash: str | None
    trashed: bool


def by_identity(connection: ReadConnection, hashes: Iterable[str]) -> dict[str, Named]:
    """Live and trashed accounts by the keyed hash of their full identity."""
    found = _named(connection, _BY_IDENTITY, hashes)
    return {named.identity_hash: named for named in found if named.identity_hash}


def by_keys(connection: ReadConnection, keys: Iterable[int]) -> dict[int, Named]:
    found = _named(connection, _BY_KEY, keys)
    return {named.account.key: named for named in found}


def by_file_name(connection: ReadConnection, folded: Iterable[str]) -> dict[str, Named]:
    """Live accounts by their folded file name."""
    found = _named(connection, _BY_FILE_NAME, folded)
    return {named.account.file_name.casefold(): named for named in found}


def names_like(connection: ReadConnection, file_name: str) -> frozenset[str]:
    """Folded names of live accounts that begin as ``file_name`` does: enough to find a free suffix."""
    stem = file_name.casefold().removesuffix(".json")
    start = accounts.c.file_name_folded.startswith(stem, autoescape=True)
    return frozenset(connection.execute(select(accounts.c.file_name_folded).where(_LIVE, start)).scalars())


def by_email(connection: ReadConnection, emails: Iterable[str]) -> dict[str, list[Named]]:
    """Live accounts that share an e-mail: near matches, never an identity. The first few: people look at them."""
    together: dict[str, list[Named]] = defaultdict(list)
    for named in _named(connection, _BY_EMAIL, emails):
        together[str(named.account.email)].append(named)
    return together


def with_names(connection: ReadConnection, rows: Sequence[Row[Any]]) -> list[Account]:
    """The accounts of rows that ``selected`` gave, with their aliases, in the same order."""
    values: dict[int, tuple[str, ...]] = {}
    for name in connection.execute(_NAMES, {"wanted": [row.key for row in rows]}):
        values[name.account] = (*values.get(name.account, ()), name.value)
    return [made(row, values.get(row.key, ())) for row in rows]


@dataclass(frozen=True, slots=True)
class Alias:
    kind: str
    value: str
    source: str
    since: datetime
    until: datetime | None


def aliases_of(connection: ReadConnection, account_key: int) -> list[Alias]:
    """Oldest first."""
    statement = select(aliases).where(aliases.c.account == account_key).order_by(aliases.c.since, aliases.c.key)
    return [Alias(row.kind, row.value, row.source, row.since, row.until) for row in connection.execute(statement)]


def _with_state(
    connection: ReadConnection, found: Iterable[Account], keys: Sequence[int] | None = None
) -> Iterable[Entry]:
    """The accounts with their open holds, quota windows and pending candidates."""
    holds, windows = open_holds(connection, keys), evidence.windows(connection, keys)
    pending = evidence.open_candidates(connection, keys)
    for account in found:
        key = account.key
        if key in holds or key in windows or key in pending:
            yield Entry(account, holds.get(key, ()), windows.get(key, ()), pending.get(key, ()))
        else:
            bare = _Entry(account, (), (), ())
            bare.__class__ = Entry
            yield bare


_Entry: Final = twin(Entry)


def _has_alias(name: str) -> ColumnElement[bool]:
    return accounts.c.key.in_(select(aliases.c.account).where(aliases.c.value == name))


def _named(connection: ReadConnection, statement: Select[Any], wanted: Iterable[Any]) -> list[Named]:
    rows = connection.execute(statement, {"wanted": list(wanted)}).all()
    return [Named(account, hash_, account.trashed_at is not None) for account, (hash_,) in with_more(rows)]


def _accounts(connection: ReadConnection, condition: ColumnElement[bool]) -> list[Account]:
    return with_names(connection, connection.execute(selected().where(condition).order_by(accounts.c.key)).all())


_LIVE_BY_INDEX: Final = selected().where(_LIVE, Among(accounts.c.auth_index)).order_by(accounts.c.key)
_NAMES: Final = select(aliases.c.account, aliases.c.value).where(Among(aliases.c.account)).order_by(aliases.c.key)
