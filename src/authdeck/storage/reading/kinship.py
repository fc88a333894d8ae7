"""Named reads of what accounts have to do with each other: near matches, merges, what depends on one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, desc, func, or_, select

from authdeck.account import Account, Kind
from authdeck.errors import NotFound
from authdeck.identity import Identity, Strength
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading.accounts import Named, by_keys
from authdeck.storage.tables import accounts, batch_items, batches, day_account, fingerprints, names


def near(connection: ReadConnection, account: Account) -> list[Named]:
    """Live and trashed accounts of the provider that share an e-mail, a half of the identity, or a credential."""
    shared = [
        column == value
        for column, value in (
            (accounts.c.email, account.email),
            (accounts.c.organization, account.organization),
            (accounts.c.subject, account.subject),
        )
        if value
    ]
    same = and_(accounts.c.provider == account.provider.value, accounts.c.key != account.key)
    by_label = set(connection.execute(select(accounts.c.key).where(same, or_(*shared))).scalars()) if shared else set()
    return list(by_keys(connection, by_label | sharing(connection, account.key)).values())


def alike(connection: ReadConnection, who: Identity, limit: int) -> list[str]:
    """Live sign-ins of the provider that share a half of the identity, by auth_index.

    Two whole ones are the same or are not: of those none is alike.
    """
    halves = [accounts.c.organization == who.organization] if who.organization else []
    halves += [accounts.c.subject == who.subject] if who.subject else []
    if not halves:
        return []
    live = and_(accounts.c.trashed_at.is_(None), accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None))
    asked = select(accounts.c.auth_index).where(
        live,
        accounts.c.provider == who.provider.value,
        accounts.c.kind == Kind.OAUTH.value,
        or_(*halves),
    )
    if who.strength is Strength.FULL:
        asked = asked.where(accounts.c.identity_strength != Strength.FULL.value)
    return list(connection.execute(asked.order_by(accounts.c.key).limit(limit)).scalars())


def sharing(connection: ReadConnection, account_key: int) -> set[int]:
    """Keys of accounts that ever held a credential of this one."""
    ours = select(fingerprints.c.hash).where(fingerprints.c.account == account_key)
    statement = select(fingerprints.c.account).where(
        fingerprints.c.hash.in_(ours), fingerprints.c.account != account_key
    )
    return set(connection.execute(statement.distinct()).scalars())


@dataclass(frozen=True, slots=True)
class Merge:
    """One account in another. ``before`` and ``after`` are what its undoing needs; ``batch`` is its record."""

    batch: str
    account_key: int
    into_key: int
    before: dict[str, Any]
    after: dict[str, Any]


def merge_of(connection: ReadConnection, auth_index: str) -> Merge:
    """The merge that is in force of the account ``auth_index``. Raises ``NotFound('not_merged')``."""
    statement = (
        select(batches.c.id, accounts.c.key, accounts.c.merged_into, batch_items.c.before, batch_items.c.after)
        .join(batch_items, batch_items.c.batch == batches.c.id)
        .join(accounts, accounts.c.key == batch_items.c.account)
        .where(accounts.c.auth_index == auth_index, accounts.c.merged_into.is_not(None), batches.c.kind == "merge")
        .order_by(desc(batches.c.created_at), desc(batches.c.id))
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound("not_merged", auth_index=auth_index)
    return Merge(row.id, row.key, row.merged_into, row.before, row.after)


def index_of(connection: ReadConnection, account_key: int) -> str:
    """The auth_index of any row, merged and purged ones included."""
    asked = select(accounts.c.auth_index).where(accounts.c.key == account_key)
    return str(connection.execute(asked).scalar_one())


def merged_into(connection: ReadConnection, account_keys: Sequence[int]) -> list[int]:
    """Keys of accounts that were merged into one of these, directly or by way of another."""
    found: list[int] = []
    waiting = list(account_keys)
    while waiting:
        statement = select(accounts.c.key).where(accounts.c.merged_into.in_(waiting))
        waiting = list(connection.execute(statement).scalars())
        found += waiting
    return found


def serving_prefixes(connection: ReadConnection, prefixes: Collection[str]) -> dict[str, int]:
    """How many live accounts serve each of these prefixes."""
    live = and_(accounts.c.trashed_at.is_(None), accounts.c.purged_at.is_(None), accounts.c.merged_into.is_(None))
    asked = select(accounts.c.prefix, func.count().label("number")).where(live, accounts.c.prefix.in_(prefixes))
    return {row.prefix: row.number for row in connection.execute(asked.group_by(accounts.c.prefix))}


def requests_of(monitoring: ReadConnection, indexes: Collection[str]) -> dict[str, int]:
    """How many client requests each ever served, as the daily sums of the monitoring database have it."""
    ours = and_(names.c.kind == "account", names.c.text.in_(indexes))
    asked = select(names.c.text, func.sum(day_account.c.requests).label("number"))
    rows = monitoring.execute(
        asked.join(day_account, day_account.c.account == names.c.id).where(ours).group_by(names.c.text)
    )
    return {row.text: int(row.number) for row in rows}


def identity_hash(connection: ReadConnection, account_key: int) -> str | None:
    """Also of an account that was merged."""
    asked = select(accounts.c.identity_hash).where(accounts.c.key == account_key)
    found: str | None = connection.execute(asked).scalar_one()
    return found
