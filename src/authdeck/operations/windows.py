"""Storing quota windows: as they are now, in the history, and for who wants to be told that less is left."""

from collections.abc import Iterable, Sequence

from authdeck import quota
from authdeck.account import Account
from authdeck.operations.notices import note_windows
from authdeck.quota import QuotaWindow
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import evidence as writing


def take_in_windows(
    connection: WriteConnection, account: Account, known: Sequence[QuotaWindow], seen: Sequence[QuotaWindow]
) -> bool:
    """Store what is newer and tells something new. Whether anything was."""
    before = {window.key: window for window in known}
    newer = [window for window in quota.newest(known, seen) if quota.is_kept(before.get(window.key), window)]
    store_windows(connection, account, known, newer)
    return bool(newer)


def store_windows(
    connection: WriteConnection, account: Account, known: Iterable[QuotaWindow], seen: Sequence[QuotaWindow]
) -> None:
    """Store these, whatever they tell; what tells something new goes into the history, too."""
    before = {window.key: window for window in known}
    changed = [window for window in seen if before.get(window.key) != window]
    kept = [window for window in changed if quota.is_kept(before.get(window.key), window)]
    writing.replace_windows(connection, account.key, changed)
    for window in kept:
        former = before.get(window.key)
        is_reset = former is not None and quota.was_reset(former, window)
        writing.add_snapshot(connection, account.key, window, is_reset=is_reset)
    note_windows(connection, account, ((before.get(window.key), window) for window in kept))
