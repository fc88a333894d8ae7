"""The list's read model, in memory: which accounts match, how many there are, and counts by facet. Pure.

One ``Entry`` an account, kept current by the change feed. An account has a slot number; each value of a facet is a set
of slots, each order a sorted list of them, each account one folded text. Lists, batches and totals all ask here.
"""

import re
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Final

from authdeck import bitset, health
from authdeck.account import Account, Provider
from authdeck.action import Candidate
from authdeck.errors import DeckError
from authdeck.health import Health
from authdeck.hold import Hold, Reason
from authdeck.quota import QuotaWindow

PROBLEMS: Final = frozenset(
    {Health.UNREADABLE, Health.NEEDS_REAUTH, Health.NEEDS_REVIEW, Health.EXHAUSTED, Health.COOLING}
)
"""A problem is a current reason that needs a person, or that blocks serving though the operator wants it served."""

UNKNOWN_PLAN: Final = "unknown"
_REBUILD_FROM: Final = 8
"""Where more than one account in so many changed at once, everything is built anew: that is quicker."""
_TEXTS_KEPT: Final = 64
_LONGEST_CURSOR: Final = 9
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """An account with its open holds, its quota windows as last seen, and its open rows of the action queue."""

    account: Account
    holds: tuple[Hold, ...] = ()
    windows: tuple[QuotaWindow, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSearch:
    """What to look for. ``text`` is a case-insensitive substring; with ``*`` it is a pattern over the same fields.

    ``state`` are healths, ``problem`` keeps problems only, ``sort`` is one of ``SORTS`` with ``-`` before it for
    descending (``risk`` has the worst first). ``cursor`` is what a former page returned as ``next``.
    """

    text: str = ""
    provider: Provider | None = None
    state: frozenset[Health] = frozenset()
    problem: bool = False
    plan: str | None = None
    prefix: str | None = None
    sort: str = "risk"
    page_size: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, the exact total, and counts. Each facet leaves its own filter out of account."""

    items: Sequence[Entry]
    total: int
    next: str | None
    previous: str | None
    start: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


Key = tuple[Any, ...]
_Placed = Callable[[Account, Health], Key]

_ORDERS: Final[Mapping[str, _Placed]] = {
    "risk": lambda account, state: (health.RISK[state], account.file_name.casefold()),
    "name": lambda account, _: (account.file_name.casefold(),),
    "note": lambda account, _: (not account.settings.note, account.settings.note.casefold()),
    "plan": lambda account, _: (account.plan or "", account.file_name.casefold()),
    "priority": lambda account, _: (account.settings.priority, account.file_name.casefold()),
    "recent": lambda account, _: (account.last_request_at or _EPOCH,),
    "created": lambda account, _: (account.created_at or _EPOCH,),
}
SORTS: Final = tuple(_ORDERS)


class Directory:
    """All live accounts as this process knows them. Not for several threads: used on the event loop only.

    ``apply`` and ``remove`` only note what changed; the next question takes it in. ``settle`` does so ahead of time.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._terms: frozenset[Provider] = frozenset()
        self._changed: dict[str, None] = {}
        self._wakes: list[tuple[datetime, str]] = []
        self._shelf = _Shelf()

    def apply(self, entry: Entry) -> None:
        """Take in an account as it is now."""
        self._entries[entry.account.auth_index] = entry
        self._changed[entry.account.auth_index] = None

    def remove(self, auth_index: str) -> None:
        if self._entries.pop(auth_index, None) is not None:
            self._changed[auth_index] = None

    def acknowledge(self, providers: Iterable[Provider]) -> None:
        """The providers whose terms are acknowledged now."""
        self._terms = frozenset(providers)

    def get(self, auth_index: str) -> Entry | None:
        return self._entries.get(auth_index)

    def named(self, name: str) -> list[Entry]:
        """Entries that the file name or an alias means, the file name first."""
        wanted = name.casefold()
        by_file = [entry for entry in self._entries.values() if entry.account.file_name.casefold() == wanted]
        return by_file or [entry for entry in self._entries.values() if name in entry.account.aliases]

    def entries(self) -> Iterable[Entry]:
        return self._entries.values()

    def __len__(self) -> int:
        return len(self._entries)

    def health(self, entry: Entry, now: datetime) -> Health:
        return health.of(entry.account, entry.holds, now, entry.windows)

    def reasons(self, entry: Entry, now: datetime) -> list[Reason]:
        acknowledged = entry.account.provider in self._terms
        return health.reasons(entry.account, entry.holds, now, terms_acknowledged=acknowledged)

    def find(self, search: AccountSearch, now: datetime) -> Found:
        """The page asked for. Raises ``DeckError('sort_unknown')`` and ``DeckError('cursor_invalid')``."""
        self.settle(now)
        shelf, start = self._shelf, _start(search.cursor)
        base = shelf.with_text(search.text) & shelf.with_prefix(search.prefix)
        provider, state, plan = shelf.filters(search)
        matching = base & provider & state & plan
        total, end = matching.bit_count(), start + search.page_size
        return Found(
            items=[self._entries[index] for index in shelf.page(matching, search.sort, start, end)],
            total=total,
            next=str(end) if end < total else None,
            previous=str(max(0, start - search.page_size)) if start else None,
            start=start,
            facets={
                "provider": shelf.counts("provider", base & state & plan),
                "state": shelf.counts("state", base & provider & plan),
                "plan": shelf.counts("plan", base & provider & state),
            },
        )

    def settle(self, now: datetime) -> None:
        """Take in what changed, and the states that time alone changed by ``now``."""
        while self._wakes and self._wakes[0][0] <= now:
            self._changed[heappop(self._wakes)[1]] = None
        if len(self._changed) * _REBUILD_FROM > len(self._entries):
            self._shelf = _Shelf()
            self._shelf.fill((entry, self.health(entry, now)) for entry in self._entries.values())
        else:
            for auth_index in self._changed:
                self._shelf.take_out(auth_index)
                if (entry := self._entries.get(auth_index)) is not None:
                    self._shelf.put_in(entry, self.health(entry, now))
        for auth_index in self._changed:
            entry = self._entries.get(auth_index)
            if entry and (until := _next_change(entry, now)) is not None:
                heappush(self._wakes, (until, auth_index))
        self._changed.clear()


def _next_change(entry: Entry, now: datetime) -> datetime | None:
    return health.next_change(entry.account, entry.holds, now, entry.windows)


class _Shelf:
    """Accounts in numbered slots: a set of slots for each value of a facet, a sorted list for each order used."""

    def __init__(self) -> None:
        self._index: list[str] = []  # by slot; "" where it is free
        self._text: list[str] = []
        self._account: list[tuple[Account, Health] | None] = []
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._all = 0
        self._facets: dict[str, dict[str, int]] = {"provider": {}, "state": {}, "plan": {}, "prefix": {}}
        self._orders: dict[str, list[tuple[Key, int]]] = {}
        self._answers: OrderedDict[str, int] = OrderedDict()

    # ---- filling ----

    def fill(self, found: Iterable[tuple[Entry, Health]]) -> None:
        """Put in many at once, on an empty shelf."""
        members: dict[str, dict[str, list[int]]] = {facet: {} for facet in self._facets}
        for entry, state in found:
            slot = self._take_slot(entry.account, state)
            for facet, value in _values(entry.account, state):
                members[facet].setdefault(value, []).append(slot)
        size = len(self._index)
        self._all = bitset.of(range(size), size)
        for facet, values in members.items():
            self._facets[facet] = {value: bitset.of(slots, size) for value, slots in values.items()}

    def put_in(self, entry: Entry, state: Health) -> None:
        slot = self._take_slot(entry.account, state)
        bit = 1 << slot
        self._all |= bit
        for facet, value in _values(entry.account, state):
            self._facets[facet][value] = self._facets[facet].get(value, 0) | bit
        for sort, order in self._orders.items():
            insort(order, (_ORDERS[sort](entry.account, state), slot))

    def take_out(self, auth_index: str) -> None:
        slot = self._slots.pop(auth_index, None)
        placed = self._account[slot] if slot is not None else None
        if slot is None or placed is None:
            return
        bit = 1 << slot
        self._all ^= bit
        for facet, value in _values(*placed):
            left = self._facets[facet][value] ^ bit
            if left:
                self._facets[facet][value] = left
            else:
                del self._facets[facet][value]
        for sort, order in self._orders.items():
            del order[bisect_left(order, (_ORDERS[sort](*placed), slot))]
        self._index[slot], self._text[slot], self._account[slot] = "", "", None
        self._free.append(slot)
        self._answers.clear()

    def _take_slot(self, account: Account, state: Health) -> int:
        self._answers.clear()
        if self._free:
            slot = self._free.pop()
            self._index[slot], self._text[slot] = account.auth_index, _searched(account)
            self._account[slot] = (account, state)
        else:
            slot = len(self._index)
            self._index.append(account.auth_index)
            self._text.append(_searched(account))
            self._account.append((account, state))
        self._slots[account.auth_index] = slot
        return slot

    # ---- asking ----

    def with_text(self, words: str) -> int:
        """Slots whose text holds the words."""
        wanted = words.casefold().strip()
        if not wanted:
            return self._all
        if wanted not in self._answers:
            self._answers[wanted] = bitset.of(self._searched(wanted), len(self._index))
            if len(self._answers) > _TEXTS_KEPT:
                self._answers.popitem(last=False)
        return self._answers[wanted]

    def _searched(self, wanted: str) -> Iterator[int]:
        if "*" not in wanted:
            return (slot for slot, text in enumerate(self._text) if wanted in text)
        fits = re.compile(".*".join(map(re.escape, wanted.split("*")))).search  # "." ends at the line, as a field does
        return (slot for slot, text in enumerate(self._text) if fits(text))

    def with_prefix(self, prefix: str | None) -> int:
        return self._all if prefix is None else self._facets["prefix"].get(prefix, 0)

    def filters(self, search: AccountSearch) -> tuple[int, int, int]:
        """Slots that the provider, state and plan filters leave."""
        provider = self._all if search.provider is None else self._facets["provider"].get(search.provider.value, 0)
        plan = self._all if search.plan is None else self._facets["plan"].get(search.plan, 0)
        state = self._any_state(search.state) if search.state else self._all
        return provider, state & self._any_state(PROBLEMS) if search.problem else state, plan

    def _any_state(self, states: Iterable[Health]) -> int:
        together = 0
        for state in states:
            together |= self._facets["state"].get(state.value, 0)
        return together

    def counts(self, facet: str, among: int) -> dict[str, int]:
        """How many of the slots have each value; values that none has are left out."""
        counted = {value: (bits & among).bit_count() for value, bits in self._facets[facet].items()}
        return {value: number for value, number in sorted(counted.items()) if number}

    def page(self, matching: int, sort: str, start: int, end: int) -> Iterator[str]:
        """Auth indexes of the matching slots from ``start`` to ``end`` in that order."""
        order = self._order(sort.removeprefix("-"))
        slots: Iterator[int] = (slot for _, slot in (reversed(order) if sort.startswith("-") else order))
        if matching != self._all:
            slots = bitset.chosen(slots, matching, len(self._index))
        return (self._index[slot] for slot in islice(slots, start, end))

    def _order(self, sort: str) -> list[tuple[Key, int]]:
        if sort not in _ORDERS:
            raise DeckError("sort_unknown", sort=sort, known=list(SORTS))
        if sort not in self._orders:
            placed = ((slot, self._account[slot]) for slot in self._slots.values())
            self._orders[sort] = sorted((_ORDERS[sort](*known), slot) for slot, known in placed if known)
        return self._orders[sort]


def _values(account: Account, state: Health) -> Iterator[tuple[str, str]]:
    """The account's value in each facet."""
    yield "provider", account.provider.value
    yield "state", state.value
    yield "plan", account.plan or UNKNOWN_PLAN
    if account.settings.prefix is not None:
        yield "prefix", account.settings.prefix


def _searched(account: Account) -> str:
    """Every text a person may know the account by, folded, one a line."""
    settings = account.settings
    parts = (
        account.file_name, account.provider.value, account.email, settings.note, account.auth_index, *account.aliases,
        account.organization, account.subject, account.plan, settings.project_id, settings.prefix, account.label,
    )  # fmt: skip
    return "\n".join(part for part in parts if part).casefold()


def _start(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > _LONGEST_CURSOR:
        raise DeckError("cursor_invalid")
    return int(cursor)
