"""Storing quota windows: as they are now, in the history, and for who wants to be told that less is left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authdeck import quota
from authdeck.account import Account
from authdeck.operations.notices import note_windows
from authdeck.quota import QuotaWindow
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import evidence as writing


@dataclass(frozen=True, slots=True)
class Seen:
    """Windows of an account as they were ``known``, and as they were seen now."""

    account: Account
    known: Sequence[QuotaWindow]
    seen: Sequence[QuotaWindow]

    @property
    def before(self) -> dict[tuple[str, str | None], QuotaWindow]:
        return {window.key: window for window in self.known}


def take_in_windows(connection: WriteConnection, windows: Iterable[Seen]) -> set[str]:
    """Store what is newer and tells something new. The accounts of which anything was, by auth_index."""
    newer = [Seen(each.account, each.known, _telling(each, quota.newest(each.known, each.seen))) for each in windows]
    newer = [each for each in newer if each.seen]
    store_windows(connection, newer)
    return {each.account.auth_index for each in newer}


def store_windows(connection: WriteConnection, windows: Sequence[Seen]) -> None:
    """Store these, whatever they tell; what tells something new goes into the history, too."""
    changed = {each.account.key: _changed(each) for each in windows}
    writing.replace_windows(connection, changed)
    kept = [(each, window) for each in windows for window in _telling(each, changed[each.account.key])]
    writing.add_snapshots(connection, ((each.account.key, window, _is_reset(each, window)) for each, window in kept))
    note_windows(connection, [(each.account, each.before.get(window.key), window) for each, window in kept])


def _changed(each: Seen) -> list[QuotaWindow]:
    before = each.before
    return [window for window in each.seen if before.get(window.key) != window]


def _telling(each: Seen, windows: Iterable[QuotaWindow]) -> list[QuotaWindow]:
    before = each.before
    return [window for window in windows if quota.is_kept(before.get(window.key), window)]


def _is_reset(each: Seen, window: QuotaWindow) -> bool:
    former = each.before.get(window.key)
    return former is not None and quota.was_reset(former, window)
