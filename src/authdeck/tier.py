"""Whose turn it is among accounts of one priority. Pure, in memory; a pick costs the same with ten as with 100,000.

A tier looks at the head of its queue only. What it meets there in the wrong state moves: accounts that wait for a
moment into a heap by that moment, accounts whose token ran out behind all others. Times are unix seconds.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from itertools import chain, count, islice
from typing import Final, Generic, Protocol, TypeVar

from authdeck.account import Account
from authdeck.routing import Ask, Strategy

FOR_EVER: Final = 253_370_764_800.0  # the year 9999
"""When an account opens that needs more than time."""

_SEQUENCE: Final = count()
_SWEEP_FROM: Final = 64


class Contender(Protocol):
    """An account as a tier sees it. ``limited_at`` is when it last met a limit; 0 if that is not known."""

    @property
    def alive(self) -> bool: ...
    @property
    def account(self) -> Account: ...
    @property
    def auth_index(self) -> str: ...
    @property
    def weight(self) -> int: ...
    @property
    def created_at(self) -> float: ...
    @property
    def limited_at(self) -> float: ...

    def opens_at(self, model: str | None) -> float: ...

    def is_stale(self, now: float) -> bool: ...


One = TypeVar("One", bound=Contender)


class Tier(Generic[One]):
    """Accounts of one priority. Those whose token ran out come after those with a fresh one."""

    def __init__(self, strategy: Strategy) -> None:
        self._ready: Final[_Queue[One]] = _queue(strategy)
        self._stale: Final[_Queue[One]] = _queue(strategy)
        self._waiting: list[tuple[float, int, One]] = []
        self._added = 0

    def add(self, member: One) -> None:
        """Account changes leave their former selves in the queue; where nobody picks, they are swept out here."""
        self._ready.put(member)
        self._added += 1
        if self._added * 2 > len(self._ready) + _SWEEP_FROM:
            self._ready.sweep()
            self._stale.sweep()
            self._added = 0

    def pick(self, ask: Ask, now: float, stale: deque[Account]) -> One | None:
        """The next in turn, or ``None``. ``stale`` is told of accounts passed over because their token ran out."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            self._ready.put(heappop(waiting)[2])
        return self._first(self._ready, ask, now, stale) or self._first(self._stale, ask, now, None)

    def upcoming(self, ask: Ask, now: float, limit: int) -> list[One]:
        """Ready accounts as they stand in the queues now, the first ``limit`` that are met. Nothing moves.

        With weights the order is that of the rings: how often each comes up is another matter.
        """
        due = [member for opens, _, member in self._waiting if opens <= now]
        fresh = (member for member in chain(self._ready.waiting(), due) if not member.is_stale(now))
        stale = (member for member in chain(self._ready.waiting(), due, self._stale.waiting()) if member.is_stale(now))
        return list(islice((member for member in chain(fresh, stale) if _is_ready(member, ask, now)), limit))

    def has_ready(self, ask: Ask, now: float) -> bool:
        """Whether ``pick`` would find one. Nothing moves."""
        is_any_due = bool(self._waiting) and self._waiting[0][0] <= now
        due = (member for opens, _, member in self._waiting if opens <= now) if is_any_due else ()
        return any(_is_ready(member, ask, now) for member in chain(self._ready, self._stale, due))

    def _first(self, queue: "_Queue[One]", ask: Ask, now: float, stale: deque[Account] | None) -> One | None:
        """The queue's head, once what can't serve is out of the way. Who was tried before comes back in at once."""
        tried: list[One] | None = None
        while (member := queue.head()) is not None:
            if not member.alive:
                queue.drop()
            elif (opens := member.opens_at(ask.model)) > now:
                queue.drop()
                if opens < FOR_EVER:
                    heappush(self._waiting, (opens, next(_SEQUENCE), member))
            elif stale is not None and member.is_stale(now):
                queue.drop()
                self._stale.put(member)
                stale.append(member.account)
            elif ask.tried and member.auth_index in ask.tried:
                queue.drop()
                tried = [*(tried or ()), member]
            else:
                queue.turn()
                break
        for each in tried or ():
            queue.put(each)
        return member


def _is_ready(member: Contender, ask: Ask, now: float) -> bool:
    return member.alive and member.auth_index not in ask.tried and member.opens_at(ask.model) <= now


class _Queue(Protocol[One]):
    """``head`` is who is next, ``drop`` takes it out, ``turn`` says that it was picked.

    ``sweep`` drops the dead. ``waiting`` are all of them, as they would come; iterated, they come in no order.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[One]: ...
    def put(self, member: One) -> None: ...
    def head(self) -> One | None: ...
    def drop(self) -> None: ...
    def turn(self) -> None: ...
    def sweep(self) -> None: ...
    def waiting(self) -> Iterable[One]: ...


class _Ring(Generic[One]):
    """One after the other."""

    def __init__(self) -> None:
        self._members: deque[One] = deque()

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[One]:
        return iter(self._members)

    def put(self, member: One) -> None:
        self._members.append(member)

    def head(self) -> One | None:
        return self._members[0] if self._members else None

    def drop(self) -> None:
        self._members.popleft()

    def turn(self) -> None:
        self._members.rotate(-1)

    def sweep(self) -> None:
        self._members = deque(member for member in self._members if member.alive)

    def waiting(self) -> Iterable[One]:
        return self._members


class _Ranked(Generic[One]):
    """The lowest rank serves until it is dropped. A rank may grow meanwhile; that is seen once it is the lowest."""

    def __init__(self, rank: Callable[[One], float]) -> None:
        self._rank: Final = rank
        self._members: list[tuple[float, int, One]] = []

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[One]:
        return (member for _, _, member in self._members)

    def put(self, member: One) -> None:
        heappush(self._members, (self._rank(member), next(_SEQUENCE), member))

    def head(self) -> One | None:
        while self._members:
            rank, _, member = self._members[0]
            if rank == (grown := self._rank(member)):
                return member
            heapreplace(self._members, (grown, next(_SEQUENCE), member))
        return None

    def drop(self) -> None:
        heappop(self._members)

    def turn(self) -> None:
        """It keeps its rank."""

    def sweep(self) -> None:
        self._members = [ranked for ranked in self._members if ranked[2].alive]
        heapify(self._members)

    def waiting(self) -> Iterable[One]:
        return (member for _, _, member in sorted((self._rank(each[2]), *each[1:]) for each in self._members))


class _LongestUnlimited(Generic[One]):
    """Those that never met a limit in turn; when they are all out, the one whose limit is longest ago."""

    def __init__(self) -> None:
        self._never: Final[_Ring[One]] = _Ring()
        self._limited: Final[_Ranked[One]] = _Ranked(lambda member: member.limited_at)

    def __len__(self) -> int:
        return len(self._never) + len(self._limited)

    def __iter__(self) -> Iterator[One]:
        return chain(self._never, self._limited)

    def put(self, member: One) -> None:
        (self._limited if member.limited_at else self._never).put(member)

    def head(self) -> One | None:
        while (first := self._never.head()) is not None and first.limited_at:  # since it came in
            self._never.drop()
            self._limited.put(first)
        return first or self._limited.head()

    def drop(self) -> None:
        self._first.drop()

    def turn(self) -> None:
        self._first.turn()

    def sweep(self) -> None:
        self._never.sweep()
        self._limited.sweep()

    def waiting(self) -> Iterable[One]:
        limited = [member for member in self if member.limited_at]
        never = (member for member in self._never.waiting() if not member.limited_at)
        return chain(never, sorted(limited, key=lambda member: member.limited_at))

    @property
    def _first(self) -> "_Ring[One] | _Ranked[One]":
        return self._never if len(self._never) else self._limited


class _ByWeight(Generic[One]):
    """In proportion to the weights, evenly spread; weight 0 gets nothing.

    Accounts of like weight (within a factor of two) share a ring, and the rings take turns by stride: each comes up as
    often as the weight in it says. So neither 100,000 accounts nor one of a million's weight make a pick costly.
    """

    def __init__(self) -> None:
        self._rings: Final[dict[int, _Share[One]]] = {}
        self._order: list[tuple[float, int, _Share[One]]] = []
        self._reached = 0.0

    def __len__(self) -> int:
        return sum(len(share.slots) for share in self._rings.values())

    def __iter__(self) -> Iterator[One]:
        return (slot.member for share in self._rings.values() for slot in share.slots)

    def put(self, member: One) -> None:
        """Who comes in, or comes back, starts where the others are: nobody makes up for time away."""
        if not member.weight:
            return
        size = member.weight.bit_length()
        share = self._rings.get(size)
        if share is None:
            share = self._rings[size] = _Share(1 << (size - 1))
        share.put(member)
        if not share.is_queued:
            share.is_queued = True
            heappush(self._order, (self._reached + 1 / share.total, size, share))

    def head(self) -> One | None:
        while self._order:
            share = self._order[0][2]
            if share.slots:
                slot = share.slots[0]
                if slot.credit < share.unit:
                    slot.credit += slot.weight
                return slot.member
            heappop(self._order)
            share.is_queued = False
        return None

    def drop(self) -> None:
        self._order[0][2].drop()

    def turn(self) -> None:
        self._reached, size, share = self._order[0]
        heapreplace(self._order, (self._reached + 1 / share.total, size, share))
        share.turn()

    def sweep(self) -> None:
        for share in self._rings.values():
            share.sweep()

    def waiting(self) -> Iterable[One]:
        return (slot.member for _, _, share in sorted(self._order) for slot in share.slots)


@dataclass(slots=True)
class _Slot(Generic[One]):
    member: One
    weight: int
    credit: int = 0


class _Share(Generic[One]):
    """A ring by deficit: a visit gives an account its weight as credit; a pick costs ``unit``, the ring's least weight.

    So an account is picked once or twice a visit. ``total`` is the weight in the ring. All are whole numbers: small
    ones lie in one place of the memory, where a float of each account's own would have to be fetched.
    """

    __slots__ = ("is_queued", "slots", "total", "unit")

    def __init__(self, unit: int) -> None:
        self.unit: Final = unit
        self.slots: deque[_Slot[One]] = deque()
        self.total = 0
        self.is_queued = False

    def put(self, member: One) -> None:
        self.slots.append(_Slot(member, member.weight))
        self.total += member.weight

    def drop(self) -> None:
        self.total -= self.slots.popleft().weight

    def turn(self) -> None:
        slot = self.slots[0]
        slot.credit -= self.unit
        if slot.credit < self.unit:
            self.slots.rotate(-1)

    def sweep(self) -> None:
        self.slots = deque(slot for slot in self.slots if slot.member.alive)
        self.total = sum(slot.weight for slot in self.slots)


def _queue(strategy: Strategy) -> _Queue[One]:
    match strategy:
        case Strategy.ROUND_ROBIN:
            return _Ring()
        case Strategy.WEIGHTED:
            return _ByWeight()
        case Strategy.FILL_FIRST:
            return _Ranked(lambda member: member.created_at)
        case Strategy.LEAST_RECENTLY_LIMITED:
            return _LongestUnlimited()
