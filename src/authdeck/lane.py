"""The accounts of one route and prefix, and the lines they form for a model. Pure, in memory.

Accounts that offer the same models form a group. For each set of groups that may serve a model there is one *line*:
tiers by falling priority, see ``tier.py``. Times are unix seconds.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import chain
from typing import Final

from authdeck import models
from authdeck.account import Account
from authdeck.catalogue import Catalogue
from authdeck.member import Group, LaneKeys, Member
from authdeck.models import Offer, Support
from authdeck.routing import Ask, Strategy
from authdeck.standing import Shortage, Turns
from authdeck.tier import Tier

_LINES_LIMIT: Final = 512
_ANSWERS_LIMIT: Final = 4096
_TURNS: Final = 100

_Key = tuple[frozenset[Offer] | None, str | None, frozenset[str] | None]
"""Groups that may serve, the model where it has a line of its own, and the providers a client key is limited to."""


class Lane:
    """The accounts of one route and prefix, and the lines formed from them."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy: Final = strategy
        self._groups: dict[Offer, dict[LaneKeys, Group]] = {}
        self._answers: OrderedDict[str, frozenset[Offer]] = OrderedDict()
        self._lines: OrderedDict[_Key, Line] = OrderedDict()
        self._found: dict[tuple[str | None, frozenset[str] | None], Line] = {}
        self._apart: set[str] = set()
        self._shortages: dict[tuple[str | None, frozenset[str] | None], tuple[float, Shortage]] = {}

    def take_in(self, group: Group) -> None:
        if group.offer not in self._groups:
            self._groups[group.offer] = {}
            self._forget_answers()
        self._groups[group.offer][group.lanes] = group

    def let_go(self, group: Group) -> None:
        alike = self._groups[group.offer]
        del alike[group.lanes]
        if not alike:
            del self._groups[group.offer]
            self._forget_answers()

    def added(self, member: Member) -> None:
        """One of its groups has a member more."""
        if not (member.scoped or self._lines or self._shortages):
            return
        for model in member.scoped:
            self.paused(model)
        for (offers, _, providers), line in self._lines.items():
            if (offers is None or member.offer in offers) and _is_among(member, providers):
                line.add(member)
        self._shortages.clear()

    def removed(self) -> None:
        """One of its groups has a member less."""
        self._shortages.clear()

    def paused(self, model: str | None) -> None:
        """A model that an account waits for gets a line of its own: the account goes on serving others."""
        self._shortages.clear()
        if model is None:
            return
        if model in self._apart:
            return
        self._found.clear()
        if len(self._apart) >= _LINES_LIMIT:
            self._apart.clear()
            self._lines.clear()
        self._apart.add(model)

    def forget_lines(self) -> None:
        self._shortages.clear()
        self._lines.clear()
        self._found.clear()

    def shortage(self, ask: Ask, now: float) -> Shortage:
        """Why nothing is ready. Looks at every account, so it is kept for a second or until something changes."""
        key = ask.model, ask.providers
        at, found = self._shortages.get(key, (0.0, None))
        if found is None or not at <= now < at + 1:
            if len(self._shortages) >= _LINES_LIMIT:
                self._shortages.clear()
            offers = None if ask.model is None else self._serving(ask.model)
            found = _shortage(self._members(offers), ask, now)
            self._shortages[key] = now, found
        return found

    @property
    def is_empty(self) -> bool:
        return not self._groups

    def has(self, member: Member) -> bool:
        return member.alive and member.group.lanes in self._groups.get(member.offer, {})

    def serves(self, member: Member, ask: Ask) -> bool:
        """Whether the member is one of those that this request may go to."""
        return _is_among(member, ask.providers) and (ask.model is None or member.offer in self._serving(ask.model))

    def line(self, ask: Ask) -> "Line":
        return self._found.get((ask.model, ask.providers)) or self._looked_up(ask)

    def _looked_up(self, ask: Ask) -> "Line":
        """The line, by the groups that may serve. Remembered as long as no line has to go for another."""
        offers = None if ask.model is None else self._serving(ask.model)
        key = (offers, ask.model if ask.model in self._apart else None, ask.providers)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._formed(key)
            if len(self._lines) > _LINES_LIMIT:
                self._lines.popitem(last=False)
        else:
            self._lines.move_to_end(key)
        if len(self._lines) > _LINES_LIMIT // 2 or len(self._found) >= _ANSWERS_LIMIT:
            self._found.clear()
        else:
            self._found[ask.model, ask.providers] = line
        return line

    def _forget_answers(self) -> None:
        self._answers.clear()
        self._found.clear()

    def names(self, catalogue: Catalogue, providers: frozenset[str] | None = None) -> set[str]:
        found: set[str] = set()
        for alike in self._groups.values():
            kinds: dict[tuple[str, str], Member] = {}
            for member in chain.from_iterable(group.members.values() for group in alike.values()):
                if _is_among(member, providers):
                    kinds.setdefault((member.account.provider, member.account.kind), member)
            found.update(name for member in kinds.values() for name in models.names(member.account, catalogue))
        return found

    def _serving(self, model: str) -> frozenset[Offer]:
        """The groups that serve the model: those that know it, else those that may."""
        offers = self._answers.get(model)
        if offers is None:
            supports = {offered: models.support_by(offered, model) for offered in self._groups}
            best = Support.YES if Support.YES in supports.values() else Support.UNKNOWN
            offers = self._answers[model] = frozenset(found for found, support in supports.items() if support is best)
            if len(self._answers) > _ANSWERS_LIMIT:
                self._answers.popitem(last=False)
        return offers

    def _formed(self, key: _Key) -> "Line":
        offers, _, providers = key
        line = Line(self._strategy)
        for member in self._members(offers):
            if _is_among(member, providers):
                line.add(member)
        return line

    def _members(self, offers: frozenset[Offer] | None) -> Iterable[Member]:
        groups = (alike for offer, alike in self._groups.items() if offers is None or offer in offers)
        return chain.from_iterable(group.members.values() for alike in groups for group in alike.values())


def _shortage(members: Iterable[Member], ask: Ask, now: float) -> Shortage:
    found = Shortage()
    for member in members:
        if not _is_among(member, ask.providers):
            continue
        code, until, is_quota = member.reason(ask.model, now)
        found.serving += 1
        found.reasons[code] += 1
        if member.only_rests(ask.model, now):
            found.resting.append(member.account)
        if member.lacks_terms:
            found.terms.add(member.account.provider)
        if is_quota and until is not None:
            found.quota += 1
            found.quota_until = min(found.quota_until or until, until)
    return found


def _is_among(member: Member, providers: frozenset[str] | None) -> bool:
    return providers is None or member.account.provider in providers


class Line:
    """Tiers by falling priority."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy: Final = strategy
        self._tiers: dict[int, Tier[Member]] = {}
        self._order: list[Tier[Member]] = []

    def add(self, member: Member) -> None:
        of_priority = self._tiers.get(member.priority)
        if of_priority is None:
            of_priority = self._tiers[member.priority] = Tier(self._strategy)
            self._order = [self._tiers[priority] for priority in sorted(self._tiers, reverse=True)]
        of_priority.add(member)

    def turns(self, ask: Ask, now: float) -> Turns:
        upcoming = (each.upcoming(ask, now, _TURNS) for each in self._order)
        return Turns(
            {priority: place for place, priority in enumerate(sorted(self._tiers, reverse=True), 1)},
            {member.auth_index: place for tier in upcoming for place, member in enumerate(tier, 1)},
        )

    def has_ready(self, ask: Ask, now: float) -> bool:
        return any(each.has_ready(ask, now) for each in self._order)

    def pick(self, ask: Ask, now: float, stale: deque[Account]) -> Member | None:
        for each in self._order:
            if (member := each.pick(ask, now, stale)) is not None:
                return member
        return None
