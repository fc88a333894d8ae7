"""Named deletes: of refresh revisions that became many, and of what a purged account leaves no trace of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, delete, select, update

from authdeck.storage.database import WriteConnection
from authdeck.storage.tables import (
    account_state,
    accounts,
    aliases,
    batch_items,
    candidates,
    evidence,
    fingerprints,
    holds,
    inspection_results,
    logins,
    proxies,
    quota_answers,
    quota_history,
    quota_notes,
    quota_windows,
    refresh_journal,
    revisions,
    seen_headers,
    watermarks,
)

GONE: Final = (
    aliases, holds, watermarks, evidence, quota_windows, quota_history, quota_answers, quota_notes, seen_headers,
    account_state, candidates, inspection_results, refresh_journal, fingerprints, revisions,
)  # fmt: skip

_EMPTY: Final[Mapping[str, Any]] = {
    "identity_hash": None,
    "identity_strength": "none",
    "identity_proven": False,
    "file_name": "",
    "file_name_folded": "",
    "label": "",
    "email": None,
    "plan": None,
    "organization": None,
    "subject": None,
    "base_url": None,
    "models": [],
    "note": "",
    "priority": 0,
    "weight": 1,
    "project_id": None,
    "prefix": None,
    "headers_sealed": None,
    "proxy": None,
    "excluded_models": [],
    "model_aliases": [],
    "request_scoped_errors": [],
    "disable_cooling": None,
    "request_retry": None,
    "websockets": None,
    "using_api": None,
    "locked": False,
    "expires_at": None,
    "unreadable": None,
}


def purge(connection: WriteConnection, account_keys: Sequence[int], *, at: datetime) -> None:
    """Leave tombstones: the rows with auth_index, provider and dates, and nothing else. The audit stays."""
    for table in GONE:
        connection.execute(delete(table).where(table.c.account.in_(account_keys)))
    connection.execute(update(logins).where(logins.c.account.in_(account_keys)).values(account=None, sealed=None))
    emptied = update(batch_items).where(batch_items.c.account.in_(account_keys))
    connection.execute(emptied.values(before=None, after=None, sealed=None, differs=None))
    ours = accounts.c.key.in_(account_keys)
    asked = select(accounts.c.proxy).where(ours, accounts.c.proxy.is_not(None)).distinct()
    freed = connection.execute(asked).scalars().all()
    connection.execute(update(accounts).where(ours).values({**_EMPTY, "purged_at": at, "updated_at": at}))
    used = select(accounts.c.key).where(accounts.c.proxy == proxies.c.key).exists()
    connection.execute(delete(proxies).where(proxies.c.key.in_(freed), ~used))


def drop_revisions(connection: WriteConnection, account_key: int, numbers: list[int]) -> None:
    """Take revisions out of a chain: what was made from one is linked to what that was made from. Prints stay."""
    asked = and_(revisions.c.account == account_key, revisions.c.number.in_(numbers))
    rows = connection.execute(select(revisions.c.number, revisions.c.parent).where(asked))
    parents: dict[int, int | None] = {row.number: row.parent for row in rows}
    for number in sorted(parents):
        children = and_(revisions.c.account == account_key, revisions.c.parent == number)
        connection.execute(update(revisions).where(children).values(parent=_kept(parents, number)))
    gone = and_(revisions.c.account == account_key, revisions.c.number.in_(list(parents)))
    connection.execute(delete(revisions).where(gone))


def drop_merged(connection: WriteConnection, account_key: int, numbers: list[int], source: str) -> None:
    """Take back what a merge brought: copied revisions with their prints, and the names that came along."""
    for table, column in ((fingerprints, fingerprints.c.revision), (revisions, revisions.c.number)):
        connection.execute(delete(table).where(table.c.account == account_key, column.in_(numbers)))
    connection.execute(delete(aliases).where(aliases.c.account == account_key, aliases.c.source == source))


def move_fingerprints(connection: WriteConnection, account_key: int, to: int, hashes: list[str]) -> None:
    """Credentials that turned out to be another account's: they name that one from now on."""
    known = select(fingerprints.c.hash).where(fingerprints.c.account == to)
    ours = and_(fingerprints.c.account == account_key, fingerprints.c.hash.in_(hashes))
    connection.execute(delete(fingerprints).where(ours, fingerprints.c.hash.in_(known)))
    connection.execute(update(fingerprints).where(ours).values(account=to, revision=1))


def _kept(parents: dict[int, int | None], number: int) -> int | None:
    parent = parents[number]
    while parent is not None and parent in parents:
        parent = parents[parent]
    return parent
