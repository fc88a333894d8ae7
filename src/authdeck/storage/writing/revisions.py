"""Named writes of sealed auth files: a revision is added, never changed; the current one moves by compare-and-set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import func, insert, select, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.revisions import newest_number
from authdeck.storage.tables import accounts, fingerprints, revisions

_INSERT: Final = insert(revisions)
_INSERT_FINGERPRINTS: Final = insert(fingerprints)


@dataclass(frozen=True, slots=True)
class NewRevision:
    """``number`` is the next free one, to which the sealed bytes are bound; ``parent`` is what it was made from."""

    account_key: int
    number: int
    parent: int | None
    generation: int
    why: str
    source: str
    actor: str
    at: datetime
    sealed: bytes = field(repr=False)
    changed_fields: Sequence[str] = ()
    expires_at: datetime | None = None


def next_number(connection: WriteConnection, account_key: int) -> int:
    return newest_number(connection, account_key) + 1


def next_generation(connection: WriteConnection, account_key: int) -> int:
    """One more than any generation of the account, those beside the current revision included."""
    statement = select(func.max(revisions.c.generation)).where(revisions.c.account == account_key)
    return int(connection.execute(statement).scalar_one() or 0) + 1


def add_beside(connection: WriteConnection, new: NewRevision) -> None:
    """Store the revision as history: what is current stays so."""
    connection.execute(insert(revisions).values(_row(new)))


def add(connection: WriteConnection, new: NewRevision) -> bool:
    """Store the revision; make it current where the current one is still its parent.

    False: another became current meanwhile. The revision is kept all the same, as a side revision: an answered token is
    never thrown away.
    """
    connection.execute(insert(revisions).values(_row(new)))
    if new.parent is None:
        return True
    moved = (
        update(accounts)
        .where(accounts.c.key == new.account_key, accounts.c.current_revision == new.parent)
        .values(
            current_revision=new.number,
            generation=new.generation,
            expires_at=new.expires_at,
            unreadable=None,
            updated_at=new.at,
        )
    )
    return connection.execute(moved).rowcount == 1


def add_fingerprints(
    connection: WriteConnection,
    account_key: int,
    revision: int,
    hashes: Sequence[tuple[str, str]],
    *,
    is_new_account: bool = False,
) -> None:
    """Remember keyed hashes of credentials, as (kind, hash). One known for this account keeps its first revision."""
    rows = [
        {"hash": value, "account": account_key, "kind": kind, "revision": revision}
        for kind, value in dict.fromkeys(hashes)
        if is_new_account or not _is_known(connection, account_key, kind, value)
    ]
    if rows:
        connection.execute(_INSERT_FINGERPRINTS, rows)


def _is_known(connection: WriteConnection, account_key: int, kind: str, value: str) -> bool:
    statement = select(fingerprints.c.revision).where(
        fingerprints.c.hash == value, fingerprints.c.account == account_key, fingerprints.c.kind == kind
    )
    return connection.execute(statement).first() is not None


def _row(new: NewRevision) -> dict[str, object]:
    return {
        "account": new.account_key,
        "number": new.number,
        "parent": new.parent,
        "generation": new.generation,
        "sealed": new.sealed,
        "why": new.why,
        "source": new.source,
        "actor": new.actor,
        "at": new.at,
        "changed_fields": list(new.changed_fields),
        "expires_at": new.expires_at,
    }
