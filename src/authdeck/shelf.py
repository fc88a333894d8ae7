"""Accounts in numbered slots, ready for any question: text, facets and orders, each kept current change by change.

Pure. What takes long comes in steps, so that whoever shares the thread gets a turn: see ``steps``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import chain, compress
from typing import Final

from authdeck import account_order, account_text, bitset, codex_status, facets, health
from authdeck.account_order import Forming, Key, Line, Placed, walk
from authdeck.account_text import Texts
from authdeck.bitset import Bits
from authdeck.entry import Entry
from authdeck.facets import FACETS, Facet, Only, Values
from authdeck.health import RISK
from authdeck.search import AccountSearch

_Alike = tuple[Values, Values, list[int]]
"""Former and present values, and the slots that went from one to the other."""


class Shelf:
    """Not for several threads: used on the event loop only."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._numbers: list[int] = []  # each slot's number as one object, which all orders share
        self._placed: list[Placed | None] = []
        self._values: list[Values] = []
        self._alike: dict[Values, Values] = {}
        self._freed: list[int] = []
        self._all = Bits()
        self._uncounted: dict[int, Values] = {}
        self._texts = Texts()
        self._facets: Final[Mapping[str, Facet]] = {name: Facet() for name in FACETS}
        self._lines: dict[str, Line] = {}
        self._forming: dict[str, Forming] = {}

    # ---- changing ----

    def put(self, entry: Entry, now: datetime) -> None:
        """Take in an account as it is at that moment, new or known."""
        state = health.of(entry.account, entry.holds, now, entry.windows)
        slot = self._slots.get(entry.account.auth_index)
        if slot is None:
            slot = self._new_slot(entry.account.auth_index)
        self._change(
            slot,
            Placed(entry, state, codex_status.next_reset(entry, now)),
            facets.values(entry, state, now),
            account_text.searched(entry, state, now),
        )

    def known(self, auth_index: str) -> Entry | None:
        """The account as it was taken in."""
        slot = self._slots.get(auth_index)
        return None if slot is None else self.entry(slot)

    def take_out(self, auth_index: str) -> None:
        slot = self._slots.pop(auth_index, None)
        if slot is not None:
            self._change(slot, None, _NOTHING, "")
            self._freed.append(slot)

    def _new_slot(self, auth_index: str) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._placed)
            self._numbers.append(slot)
            self._placed.append(None)
            self._values.append(_NOTHING)
        self._slots[auth_index] = slot
        return slot

    def _change(self, slot: int, placed: Placed | None, values: Values, text: str) -> None:
        if len(self._alike) > _ALIKE_KEPT:
            self._alike.clear()
        former = self._values[slot]
        if values is not _NOTHING:
            values = self._alike.setdefault(values, values)
        if former is not values:
            self._values[slot] = values
            self._uncounted.setdefault(slot, former)
        if self.is_in_order:
            self._move(slot, placed)
        else:
            self._placed[slot] = placed
        self._texts.put(slot, text)

    @property
    def is_in_order(self) -> bool:
        """Whether any order is kept, or forming: then a change costs more."""
        return bool(self._lines or self._forming)

    def count(self, *, unless_fewer_than: int = 0) -> None:
        """Put what changed into the facets, value by value. Before any question."""
        if len(self._uncounted) < unless_fewer_than:
            return
        together = list(self._changed_alike())
        for former, values, slots in together:
            if former is _NOTHING:
                self._all.update(slots)
            elif values is _NOTHING:
                self._all.difference_update(slots)
        for number, facet in enumerate(self._facets.values()):
            lost, gained = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
            for former, values, slots in together:
                old, new = former[number], values[number]
                if old is not new:
                    for value in old:
                        lost[value] += slots
                    for value in new:
                        gained[value] += slots
            facet.move(lost, gained)
        self._uncounted.clear()
        self._free += self._freed
        self._freed.clear()

    def _changed_alike(self) -> Iterable[_Alike]:
        """What changed, by which objects the values were and are: to compare all values takes far longer."""
        found: dict[tuple[int, int], _Alike] = {}
        for slot, former in self._uncounted.items():
            values = self._values[slot]
            key = id(former), id(values)
            alike = found.get(key)
            if alike is None:
                alike = found[key] = (former, values, [])
            alike[2].append(slot)
        return (alike for alike in found.values() if alike[0] is not alike[1])

    def _move(self, slot: int, placed: Placed | None) -> None:
        """To its new place in every order in which that is another one."""
        former = self._placed[slot]
        moved = [
            (line, placed is not None)
            for sort, line in self._lines.items()
            if former is None or placed is None or account_order.key(sort, former) != account_order.key(sort, placed)
        ]
        if former is not None:
            for line, _ in moved:
                line.discard(slot)
        self._placed[slot] = placed
        for line, stays in moved:
            if stays:
                line.add(slot)
        for forming in self._forming.values():
            forming.touched(slot)

    # ---- asking ----

    def steps(self, search: AccountSearch) -> Iterator[None]:
        """What the search needs that is not at hand, in steps of about half a millisecond each."""
        if words := _words(search):
            while not (scan := self._texts.scan(words)).is_whole:
                scan.advance()
                yield
        sort = search.sort.removeprefix("-")
        while sort not in self._lines:
            self._form(sort)
            yield

    def _form(self, sort: str) -> None:
        forming = self._forming.get(sort)
        if forming is None:
            self._forming[sort] = Forming(self._numbers, partial(self._key, sort))
            return
        forming.advance()
        if forming.line is not None:
            self._lines[sort] = forming.line
            del self._forming[sort]

    def matching(self, search: AccountSearch) -> int:
        """The slots that every filter leaves."""
        found = Only.of(self._facets["only"]).left(search, self._with_text(search))
        for left in facets.filters(search, self._facets).values():
            found &= left
        return found

    def states_by_provider(self) -> dict[str, dict[str, int]]:
        """How many accounts of each provider are in each state."""
        everyone, providers, states = self._all.number(), self._facets["provider"], self._facets["state"]
        return {name: states.counts(everyone & providers.having(name)) for name in providers.counts(everyone)}

    def counts(self, search: AccountSearch) -> dict[str, dict[str, int]]:
        """Counts by facet. Each leaves its own filter out, so that it says what another choice would show."""
        base, chosen = self._with_text(search), facets.filters(search, self._facets)
        only = Only.of(self._facets["only"])
        among_all = only.left(search, base)
        counted = {}
        for name, facet in self._facets.items():
            among = base if name == "only" else among_all
            for other, left in chosen.items():
                among = among if other == name else among & left
            counted[name] = only.counts(search, among) if name == "only" else facet.counts(among)
        return counted

    def _with_text(self, search: AccountSearch) -> int:
        words = _words(search)
        return self._texts.scan(words).found.number() if words else self._all.number()

    def row(self, search: AccountSearch, matching: int) -> "Row":
        """The matching slots in the search's order, to be walked along."""
        sort = search.sort.removeprefix("-")
        if matching.bit_count() > _FEW:
            selector = bitset.selector(matching, len(self._placed))
            return Row(self._lines[sort], selector, search.sort != sort, self._begin(search, matching))
        line, key = Line(partial(self._key, sort)), partial(self.place, search)
        line.take_over([sorted(bitset.members(matching), key=key)] if matching else [])
        return Row(line, None, search.sort != sort)

    def _begin(self, search: AccountSearch, matching: int) -> Key | None:
        """In front of the first of them, where the order is by risk: what is disabled stands behind all others."""
        if search.sort not in _BY_RISK:
            return None
        state = self._facets["state"]
        risks = [risk for health, risk in RISK.items() if state.having(health.value) & matching]
        return account_order.before_risk(min(risks)) if search.sort == "risk" else account_order.behind_risk(max(risks))

    def place(self, search: AccountSearch, slot: int) -> Key:
        """Where the account stands in the search's order."""
        found = self._key(search.sort.removeprefix("-"), slot)
        assert found is not None  # only slots in use are found
        return found

    def entry(self, slot: int) -> Entry:
        placed = self._placed[slot]
        assert placed is not None  # only slots in use are found
        return placed.entry

    def auth_indexes(self, slots: Iterable[int]) -> list[str]:
        return [placed.entry.account.auth_index for placed in map(self._placed.__getitem__, slots) if placed]

    def _key(self, sort: str, slot: int) -> Key | None:
        placed = self._placed[slot]
        return None if placed is None else account_order.key(sort, placed)


class Row:
    """Slots in an order. ``selector`` tells which of the line's slots are meant; ``None``: all of them.

    ``begin`` is a place in front of them all, where one is known.
    """

    def __init__(self, line: Line, selector: bytes | None, descending: bool, begin: Key | None = None) -> None:
        self._line: Final = line
        self._selector: Final = selector
        self._descending: Final = descending
        self._begin: Final = begin

    def walk(self, at: Key | None, *, backwards: bool = False) -> Iterator[int]:
        """From behind a place on, or from the beginning; see ``account_order.walk``."""
        start = self._begin if at is None and not backwards else at
        blocks = walk(self._line, descending=self._descending, at=start, backwards=backwards)
        is_meant = self._selector
        if is_meant is None:
            return chain.from_iterable(blocks)
        return chain.from_iterable(compress(block, map(is_meant.__getitem__, block)) for block in blocks)


def _words(search: AccountSearch) -> str:
    return " ".join(search.text.splitlines()).strip().casefold()


_NOTHING: Final[Values] = ((),) * len(FACETS)
_BY_RISK: Final = ("risk", "-risk")
_FEW: Final = 500
"""Up to so many found are sorted by themselves, which is quicker than to look for them along a whole order."""

_ALIKE_KEPT: Final = 20_000
