"""The list's read model, in memory: which accounts match, how many there are, and counts by facet. Pure.

One ``Entry`` an account, kept current by the change feed. Lists, batches and totals all ask here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from authdeck import cursor, health
from authdeck.account import Provider
from authdeck.capacity import Capacity
from authdeck.cursor import Cursor
from authdeck.entry import Entry
from authdeck.evidence import Action
from authdeck.health import Health
from authdeck.hold import Reason
from authdeck.moments import Moments
from authdeck.names import Names
from authdeck.search import AccountSearch
from authdeck.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, the exact total, and counts. Each facet leaves its own filter out of account.

    ``next`` and ``previous`` are cursors. ``start`` is how many matched before this page when its cursor was made.
    """

    items: Sequence[Entry]
    total: int
    next: str | None
    previous: str | None
    start: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Directory:
    """All live accounts as this process knows them. Not for several threads: used on the event loop only.

    ``apply`` and ``remove`` only note what changed; the next question takes it in. ``steps`` does so ahead of time, a
    little at a time: whoever shares the thread with others goes through it before asking. ``by_weight``: accounts are
    picked by their weights.
    """

    def __init__(self, *, by_weight: bool = False) -> None:
        self._by_weight: Final = by_weight
        self._entries: dict[str, Entry] = {}
        self._terms: frozenset[Provider] = frozenset()
        self._names = Names()
        self._changed: dict[str, None] = {}
        self._wakes = Moments()
        self._shelf = Shelf()
        self._capacity = Capacity()
        self._asking: Counter[Action] = Counter()

    def apply(self, entry: Entry) -> None:
        """Take in an account as it is now."""
        auth_index = entry.account.auth_index
        if (former := self._entries.get(auth_index)) is not None:
            self._ask(former, -1)
        if entry.candidates:
            self._ask(entry, 1)
        self._entries[auth_index] = entry
        self._changed[auth_index] = None

    def remove(self, auth_index: str) -> None:
        former = self._entries.pop(auth_index, None)
        if former is not None:
            self._ask(former, -1)
            self._changed[auth_index] = None

    @property
    def asking(self) -> Mapping[Action, int]:
        """Open rows of the action queue, by what they suggest. Counted as accounts change: asking costs nothing."""
        return {action: count for action, count in self._asking.items() if count}

    def _ask(self, entry: Entry, step: int) -> None:
        for candidate in entry.candidates:
            self._asking[candidate.action] += step

    def acknowledge(self, providers: Iterable[Provider]) -> None:
        """The providers whose terms are acknowledged now."""
        self._terms = frozenset(providers)

    def get(self, auth_index: str) -> Entry | None:
        return self._entries.get(auth_index)

    def named(self, name: str) -> list[Entry]:
        """Entries that the file name or an alias means, the file name first."""
        waiting = [self._entries[index].account for index in self._changed if index in self._entries]
        by_file = self._still_so(self._names.by_file(name))
        by_file += [each.auth_index for each in waiting if each.file_name.casefold() == name.casefold()]
        by_alias = self._still_so(self._names.by_alias(name)) if not by_file else []
        by_alias += [each.auth_index for each in waiting if name in each.aliases] if not by_file else []
        return [self._entries[auth_index] for auth_index in by_file or by_alias]

    def _still_so(self, indexes: Iterable[str]) -> list[str]:
        """Those whose names are as they were when they were taken in."""
        return [index for index in indexes if index not in self._changed]

    def entries(self) -> Iterable[Entry]:
        return self._entries.values()

    def auth_indexes(self) -> Iterable[str]:
        return self._entries.keys()

    def __len__(self) -> int:
        return len(self._entries)

    def health(self, entry: Entry, now: datetime) -> Health:
        return health.of(entry.account, entry.holds, now, entry.windows)

    def reasons(self, entry: Entry, now: datetime) -> list[Reason]:
        """All that can be known beside the pool: not its pauses, nor whose try of a cooldown it is."""
        acknowledged = entry.account.provider in self._terms
        return health.reasons(entry, now, terms_acknowledged=acknowledged, by_weight=self._by_weight)

    def find(self, search: AccountSearch, now: datetime) -> Found:
        """The page asked for. Raises ``DeckError('cursor_invalid')``."""
        at = cursor.read(search.cursor, search.sort) if search.cursor else None
        for _ in self.steps(search, now):
            pass
        return self._page(search, self._shelf.matching(search), at)

    def count(self, search: AccountSearch, now: datetime) -> int:
        """How many match a search without words, of what is taken in by one more step: for a number beside a page.

        It never takes long. ``find`` would take in everything first, which after a start is a second's work.
        """
        self.settle_some(now)
        self._shelf.count()
        return self._shelf.matching(search).bit_count()

    def matching(self, search: AccountSearch, now: datetime) -> list[str]:
        """The auth_index of every account that matches, in the search's order, whatever its page size and cursor."""
        for _ in self.steps(search, now):
            pass
        return self._shelf.auth_indexes(self._shelf.row(search, self._shelf.matching(search)).walk(None))

    def steps(self, search: AccountSearch, now: datetime) -> Iterator[None]:
        """Do what the search needs that is not done yet, in steps of half a millisecond or so.

        Accounts may change between the steps. Asked right after the last one, ``find`` and ``matching`` are quick.
        """
        while not self.settle_some(now):
            yield
        yield from self._shelf.steps(search)

    def states_by_provider(self, now: datetime) -> Mapping[str, Mapping[str, int]]:
        """How many accounts of each provider are in each state, by provider, then by health."""
        self._settle(now)
        return self._shelf.states_by_provider()

    def capacity(self, now: datetime) -> Capacity:
        """What is left, and who comes back when."""
        self._settle(now)
        for auth_index in self._capacity.ended(now):
            if (entry := self._entries.get(auth_index)) is not None:
                self._capacity.put(entry, now)
        return self._capacity

    def _settle(self, now: datetime) -> None:
        while not self.settle_some(now):
            pass

    def settle_some(self, now: datetime) -> bool:
        """Take in some of what changed, and of the states that time alone changed by ``now``. Whether nothing is left.

        A step of half a millisecond or so; sets are counted together, at the end or where many wait for it.
        """
        for auth_index in self._wakes.passed(now):
            self._changed[auth_index] = None
        for _ in range(min(_AT_ONCE if self._shelf.is_in_order else _AT_ONCE_UNORDERED, len(self._changed))):
            self._take_in(self._changed.popitem()[0], now)  # the last one: to look for the first takes ever longer
        if self._changed:
            self._shelf.count(unless_fewer_than=_COUNTED_TOGETHER)
            return False
        self._changed = {}  # an emptied one keeps the room of the most that it ever held
        self._shelf.count()
        return True

    def _take_in(self, auth_index: str, now: datetime) -> None:
        entry, former = self._entries.get(auth_index), self._shelf.known(auth_index)
        self._names.replace(former.account if former else None, entry.account if entry else None)
        if entry is None:
            self._shelf.take_out(auth_index)
            self._capacity.remove(auth_index)
            return
        self._shelf.put(entry, now)
        self._capacity.put(entry, now)
        if not (entry.holds or entry.windows or entry.account.last_success_at):
            return  # nothing of it ends by itself
        if (until := health.next_change(entry.account, entry.holds, now, entry.windows)) is not None:
            self._wakes.put(auth_index, until)

    def _page(self, search: AccountSearch, matching: int, at: Cursor | None) -> Found:
        """The entries of the page and the ways on from it. Places are by what is sorted by, not by number."""
        backwards, place = (at.backwards, at.place) if at else (False, None)
        row, size = self._shelf.row(search, matching), search.page_size
        slots = list(islice(row.walk(place, backwards=backwards), size + 1))
        has_more = len(slots) > size
        slots = slots[:size][::-1] if backwards else slots[:size]
        ends = (
            [self._shelf.place(search, slot) for slot in (slots[0], slots[-1])] if slots else [place or (), place or ()]
        )
        came_from = at is not None and _leads_on(row.walk(ends[backwards], backwards=not backwards))
        start = 0 if at is None else max(0, at.start - len(slots)) if backwards else at.start
        is_last, is_first = (not came_from, not has_more) if backwards else (not has_more, not came_from)
        return Found(
            items=[self._shelf.entry(slot) for slot in slots],
            total=matching.bit_count(),
            next=None if is_last else cursor.write(ends[1], start + len(slots), search.sort),
            previous=None if is_first else cursor.write(ends[0], start, search.sort, backwards=True),
            start=start,
            facets=self._shelf.counts(search),
        )


def _leads_on(slots: Iterator[int]) -> bool:
    return next(slots, None) is not None


_AT_ONCE: Final = 20
_AT_ONCE_UNORDERED: Final = 80
"""Before the first list was asked for there are no orders to keep."""

_COUNTED_TOGETHER: Final = 1000
