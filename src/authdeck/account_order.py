"""The orders of a list: what each sorts by, and slots kept in such an order while accounts change. Pure."""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from authdeck import health
from authdeck.clock import to_micros
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.search import UNKNOWN_PLAN, plan_name

Key = tuple[Any, ...]
"""Whole numbers and texts; the last one is the auth_index, so that no two are equal."""

PLAN_RANK: Final = {"free": 10, "plus": 20, "team": 30, "prolite": 40, "pro": 50}
"""As people rank ChatGPT's plans; other known plans are 0."""

_FIRST: Final[Key] = (0,)
_LACKING: Final[Key] = (1,)
_END: Final[Key] = (2,)
_BLOCK: Final = 512
_SAMPLE: Final = 1000
_STRIDE: Final = 7919
"""A prime, so that the sample does not fall in step with a pattern in the accounts."""

_NOTE_SORTED: Final = 100
"""Characters of a note that decide its place: a cursor carries them."""

_NUMBER: Final = re.compile("([0-9]+)")


class Placed:
    """An account as the orders see it. ``reset`` is when the next limit ends, worked out once a change as ``state`` is.

    ``name`` is the key of its name, which most orders need: made when the first of them is formed, then kept.
    """

    __slots__ = ("_name", "entry", "reset", "state")

    def __init__(self, entry: Entry, state: Health, reset: datetime | None = None) -> None:
        self.entry: Final = entry
        self.state: Final = state
        self.reset: Final = reset
        self._name: str | None = None

    @property
    def name(self) -> str:
        if self._name is None:
            self._name = natural(self.entry.account.file_name)
        return self._name


def natural(text: str) -> str:
    """A key by which texts sort as people sort them: upper and lower case alike, ``a2`` before ``a10``."""
    parts = _NUMBER.split(text.casefold())
    parts[1::2] = [f"0{chr(min(len(digits), 126))}{digits}" for digits in (part.lstrip("0") for part in parts[1::2])]
    return "".join(parts)


def _risk(placed: Placed) -> Key:
    return health.RISK[placed.state], placed.name


def _name(placed: Placed) -> Key:
    return (placed.name,)


def _note(placed: Placed) -> Key | None:
    note = placed.entry.account.settings.note
    return (note.casefold()[:_NOTE_SORTED], placed.name) if note else None


def _plan(placed: Placed) -> Key | None:
    plan = plan_name(placed.entry.account.plan)
    return None if plan == UNKNOWN_PLAN else (PLAN_RANK.get(plan, 0), plan, placed.name)


def _priority(placed: Placed) -> Key:
    return placed.entry.account.settings.priority, placed.name


def _recent(placed: Placed) -> Key | None:
    return _moment(placed.entry.account.last_request_at)


def _created(placed: Placed) -> Key | None:
    return _moment(placed.entry.account.created_at)


def _reset(placed: Placed) -> Key | None:
    return _moment(placed.reset)


def _moment(at: datetime | None) -> Key | None:
    return None if at is None else (to_micros(at),)


_SORTED_BY: Final[Mapping[str, Callable[[Placed], Key | None]]] = {
    "risk": _risk, "name": _name, "note": _note, "plan": _plan, "priority": _priority, "recent": _recent,
    "created": _created, "reset": _reset,
}  # fmt: skip


def key(sort: str, placed: Placed) -> Key:
    """Where the account stands in an order: first whether it lacks what is sorted by, last its auth_index.

    Those that lack it are sorted by name, and stand at the end whichever way the order runs.
    """
    found, auth_index = _SORTED_BY[sort](placed), placed.entry.account.auth_index
    return (1, placed.name, auth_index) if found is None else (0, *found, auth_index)


def before_risk(rank: int) -> Key:
    """A place in the order by risk in front of all accounts of that rank."""
    return (0, rank)


def behind_risk(rank: int) -> Key:
    """A place behind them."""
    return (0, rank + 1)


class Line:
    """Slots in the order of their keys, in blocks: a change moves a few hundred numbers, however many there are.

    ``key`` says where a slot stands now; it knows every slot of the line. A slot is taken out before its key changes
    and put in afterwards.
    """

    def __init__(self, key: Callable[[int], Key | None]) -> None:
        self._key: Final[Callable[[int], Any]] = key
        self._blocks: list[list[int]] = []
        self._lasts: list[Key] = []

    def take_over(self, blocks: list[list[int]]) -> None:
        """Begin with blocks that are in order, none of them empty."""
        self._blocks = blocks
        self._lasts = [self._key(block[-1]) for block in blocks]

    def add(self, slot: int) -> None:
        at = self._key(slot)
        if not self._blocks:
            self.take_over([[slot]])
            return
        number = min(bisect_left(self._lasts, at), len(self._lasts) - 1)
        block = self._blocks[number]
        insort(block, slot, key=self._key)
        if len(block) > 2 * _BLOCK:
            self._blocks[number : number + 1] = [block[:_BLOCK], block[_BLOCK:]]
            self._lasts[number : number + 1] = [self._key(block[_BLOCK - 1]), self._key(block[-1])]
        elif block[-1] == slot:
            self._lasts[number] = at

    def discard(self, slot: int) -> None:
        at = self._key(slot)
        number = bisect_left(self._lasts, at)
        block = self._blocks[number]
        del block[bisect_left(block, at, key=self._key)]
        if not block:
            del self._blocks[number], self._lasts[number]
        elif at == self._lasts[number]:
            self._lasts[number] = self._key(block[-1])

    def up(self, low: Key, high: Key) -> Iterator[Sequence[int]]:
        """Slots between two places, block by block."""
        for number in range(bisect_right(self._lasts, low), len(self._blocks)):
            block = self._within(number, low, high)
            if not block:
                return
            yield block

    def down(self, low: Key, high: Key) -> Iterator[Sequence[int]]:
        """The same from high to low."""
        for number in range(min(bisect_left(self._lasts, high), len(self._blocks) - 1), -1, -1):
            if self._lasts[number] <= low:
                return
            yield self._within(number, low, high)[::-1]

    def _within(self, number: int, low: Key, high: Key) -> list[int]:
        """The block's part between the places. Most blocks lie there whole, which their last keys tell."""
        block = self._blocks[number]
        is_behind_low = number > 0 and self._lasts[number - 1] > low
        begin = 0 if is_behind_low else bisect_right(block, low, key=self._key)
        end = len(block) if self._lasts[number] < high else bisect_left(block, high, begin, key=self._key)
        return block[begin:end] if begin or end < len(block) else block


def walk(line: Line, *, descending: bool, at: Key | None = None, backwards: bool = False) -> Iterator[Sequence[int]]:
    """Slots from behind ``at`` on, or from the beginning; with ``backwards`` from in front of it to the beginning.

    Descending turns round those that have what is sorted by; those that lack it follow as they do ascending.
    """
    parts = [(_FIRST, _LACKING, True), (_LACKING, _END, False)] if descending else [(_FIRST, _END, False)]
    for low, high, down in [(low, high, not down) for low, high, down in reversed(parts)] if backwards else parts:
        start, end = low, high
        if at is not None:
            if not low < at < high:
                continue
            start, end = (low, at) if down else (at, high)
            at = None
        yield from line.down(start, end) if down else line.up(start, end)


class Forming:
    """A line that is being formed, a slice of the accounts at a time, while accounts go on changing.

    ``advance`` until ``line`` is there. ``touched`` is told of each slot that changes meanwhile.
    """

    def __init__(self, slots: Sequence[int], key: Callable[[int], Key | None]) -> None:
        self._slots: Final = slots
        self._end: Final = len(slots)
        self._key: Final = key
        self._at = 0
        self._sorted = 0
        self._changed: set[int] = set()
        sample = (key(number * _STRIDE % len(slots)) for number in range(min(_SAMPLE, len(slots))))
        known = sorted(found for found in sample if found is not None)
        self._borders: Final = known[:: max(1, len(known) * _BLOCK // max(1, len(slots)))][1:]
        self._blocks: Final[list[list[int]]] = []
        self._buckets: Final[list[list[tuple[Key, int]]]] = [[] for _ in range(len(self._borders) + 1)]
        self.line: Line | None = None

    def touched(self, slot: int) -> None:
        self._changed.add(slot)

    def advance(self, slots: int = 1000) -> None:
        """Share out the next slots by key; when all are, sort what came together; when all is sorted, make the line."""
        if self._at < self._end:
            for slot in self._slots[self._at : min(self._at + slots, self._end)]:
                if (found := self._key(slot)) is not None:
                    self._buckets[bisect_right(self._borders, found)].append((found, slot))
            self._at += slots
        elif self._sorted < len(self._buckets):
            bucket = self._buckets[self._sorted]
            bucket.sort()
            in_order = [slot for _, slot in bucket]
            self._blocks.extend(in_order[at : at + _BLOCK] for at in range(0, len(in_order), _BLOCK))
            bucket.clear()
            self._sorted += 1
        else:
            self.line = self._whole()

    def _whole(self) -> Line:
        line = Line(self._key)
        changed = self._changed
        kept = self._blocks if not changed else [[s for s in block if s not in changed] for block in self._blocks]
        line.take_over([block for block in kept if block])
        for slot in self._changed:
            if self._key(slot) is not None:
                line.add(slot)
        return line
