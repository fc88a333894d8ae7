"""What accounts are counted and filtered by: which values an account has, and which accounts have a value. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from authdeck import bitset, codex_status, health, problem
from authdeck.account import Kind, Provider
from authdeck.bitset import Bits
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.search import AccountSearch, plan_name

Values = tuple[tuple[str, ...], ...]
"""An account's values, one tuple for each of ``FACETS``."""

FACETS: Final = ("provider", "kind", "state", "only", "codex_status", "plan", "prefix", "project", "locked")
"""``only`` has ``problem``, ``healthy`` and ``disabled``, which are filters of their own."""

LISTED: Final = 200
"""Of a facet with more values, only the most frequent ones are counted."""

_SPARSE: Final = 64
"""Up to so many members a value keeps a plain set; more are a bit for each account."""


def values(entry: Entry, state: Health, now: datetime) -> Values:
    """The account's values at that moment."""
    account, settings = entry.account, entry.account.settings
    return _together(
        account.provider, account.kind, state, _only(entry, state, now), codex_status.of(entry, now), account.plan,
        settings.prefix, settings.project_id, account.locked,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _together(
    provider: Provider, kind: Kind, state: Health, only: tuple[str, ...], codex: tuple[str, ...], plan: str | None,
    prefix: str | None, project: str | None, locked: bool,
) -> Values:  # fmt: skip
    """Accounts that are alike share one answer: it is looked up rather than made."""
    return (
        _ONE[provider], _ONE[kind], _ONE[state], only, codex, (plan_name(plan),),
        () if prefix is None else (prefix,), () if project is None else (project,), _LOCKED if locked else _UNLOCKED,
    )  # fmt: skip


def _only(entry: Entry, state: Health, now: datetime) -> tuple[str, ...]:
    is_problem = problem.is_problem(entry, now)
    is_disabled = bool(entry.holds) and not health.is_enabled(entry.holds, now)
    if not is_problem and not is_disabled:
        return _HEALTHY if problem.is_healthy(entry, state, now) else ()
    return (*(("problem",) if is_problem else ()), *(("disabled",) if is_disabled else ()))


_ONE: Final = {each: (each.value,) for each in (*Provider, *Kind, *Health)}
_HEALTHY: Final = ("healthy",)
_LOCKED: Final = ("true",)
_UNLOCKED: Final = ("false",)


class Facet:
    """The accounts of each value, by slot."""

    def __init__(self) -> None:
        self._members: dict[str, set[int] | Bits] = {}

    def move(self, lost: Mapping[str, Sequence[int]], gained: Mapping[str, Sequence[int]]) -> None:
        """The slots that have a value no more, and those that have it now, by value."""
        for value, slots in lost.items():
            self._discard(value, slots)
        for value, slots in gained.items():
            self._add(value, slots)

    def _add(self, value: str, slots: Sequence[int]) -> None:
        known = self._members.setdefault(value, set())
        known.update(slots)
        if isinstance(known, set) and len(known) > _SPARSE:
            self._members[value] = Bits(known)

    def _discard(self, value: str, slots: Sequence[int]) -> None:
        known = self._members[value]
        known.difference_update(slots)
        if not (known if isinstance(known, set) else known.count):
            del self._members[value]

    def having(self, value: str) -> int:
        """The slots with that value, as a set."""
        known = self._members.get(value)
        if known is None:
            return 0
        return known.number() if isinstance(known, Bits) else _number(known)

    def any_of(self, wanted: Iterable[str]) -> int:
        together = 0
        for value in wanted:
            together |= self.having(value)
        return together

    def counts(self, among: int) -> dict[str, int]:
        """How many of the slots have each value, by value; those that none has are left out."""
        held = among.to_bytes((among.bit_length() >> 3) + 1, "little")
        counted = {value: _counted(known, among, held) for value, known in self._listed()}
        return {value: number for value, number in sorted(counted.items()) if number}

    def _listed(self) -> Iterable[tuple[str, set[int] | Bits]]:
        """All of few values; of many only those that more than ``_SPARSE`` accounts have, at most ``LISTED``."""
        if len(self._members) <= LISTED:
            return self._members.items()
        frequent = [(value, known) for value, known in self._members.items() if isinstance(known, Bits)]
        return sorted(frequent, key=lambda pair: -pair[1].count)[:LISTED]


def filters(search: AccountSearch, facets: Mapping[str, Facet]) -> dict[str, int]:
    """Slots that each facet's filter leaves, for those that the search filters by."""
    wanted: dict[str, Iterable[str] | None] = {
        "provider": search.provider and (search.provider.value,),
        "kind": search.kind and (search.kind.value,),
        "state": [state.value for state in search.state] or None,
        "codex_status": search.codex_status and (search.codex_status.value,),
        "plan": None if search.plan is None else (search.plan,),
        "prefix": None if search.prefix is None else (search.prefix,),
        "project": None if search.project is None else (search.project,),
        "locked": None if search.locked is None else ("true" if search.locked else "false",),
    }
    return {name: facets[name].any_of(chosen) for name, chosen in wanted.items() if chosen is not None}


@dataclass(frozen=True, slots=True)
class Only:
    """Problem only, healthy only and disabled only: together they narrow, and healthy excludes the other two."""

    problem: int
    healthy: int
    disabled: int

    @staticmethod
    def of(facet: Facet) -> "Only":
        return Only(facet.having("problem"), facet.having("healthy"), facet.having("disabled"))

    def left(self, search: AccountSearch, among: int) -> int:
        for wanted, slots in (
            (search.problem, self.problem),
            (search.healthy, self.healthy),
            (search.disabled, self.disabled),
        ):
            among = among & slots if wanted else among
        return among

    def counts(self, search: AccountSearch, among: int) -> dict[str, int]:
        """What choosing each would leave: problem and disabled combine, healthy stands alone."""
        counted = {
            "problem": among & self.problem & (self.disabled if search.disabled else -1),
            "healthy": among & self.healthy,
            "disabled": among & self.disabled & (self.problem if search.problem else -1),
        }
        return {name: slots.bit_count() for name, slots in counted.items() if slots}


def _number(members: set[int]) -> int:
    return bitset.of(members, max(members) + 1)


def _counted(known: "set[int] | Bits", among: int, held: bytes) -> int:
    if isinstance(known, Bits):
        return (known.number() & among).bit_count()
    size = len(held)
    return sum(held[slot >> 3] >> (slot & 7) & 1 for slot in known if slot >> 3 < size)
