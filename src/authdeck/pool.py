"""Which account serves a request: route and prefix, then its session's account, then priority, then whose turn it is.

Pure, in memory. Times are unix seconds.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from authdeck import models
from authdeck.account import Account, AccountSettings, Provider
from authdeck.affinity import Bindings, Place, places
from authdeck.catalogue import SHIPPED, Catalogue
from authdeck.entry import Entry
from authdeck.hold import Owner
from authdeck.lane import Lane
from authdeck.member import Group, LaneKeys, Member, Trial, is_limit, lanes_of, trial_of
from authdeck.models import Offer
from authdeck.routing import DEFAULT, Ask, Policy, Route
from authdeck.standing import Block, Shortage, Standing, Turns

Routes = Callable[[Account], frozenset[Route]]

BLOCK_LIMIT: Final = 59.0
"""Seconds: what lasts longer is a hold with evidence, not a memory of this process."""

TRIAL: Final = 30.0
"""Seconds that a request which tries a cooling account keeps the others waiting, unless it is answered sooner."""

_NO_TRIALS: Final[frozenset[Trial]] = frozenset()
_NO_BLOCKS: Final[Mapping[str | None, Block]] = MappingProxyType({})
_ALIKE_KEPT: Final = 4096


class Pool:
    """All accounts that could serve. Not thread-safe: used on the event loop only.

    ``routes`` says what an account can be asked to do, by its provider, kind and settings alone. ``stale`` collects
    accounts passed over because their token has run out while others were fresh: a good moment to refresh them.
    """

    def __init__(self, routes: Routes, catalogue: Catalogue = SHIPPED, policy: Policy = DEFAULT) -> None:
        self._routes: Final = routes
        self._catalogue: Final = catalogue
        self._policy: Final = policy
        self._bindings: Final = Bindings(policy.session_ttl)
        self._limited: dict[str, float] = {}
        self._members: dict[str, Member] = {}
        self._lanes: dict[tuple[Route, str | None], Lane] = {}
        self._groups: dict[tuple[LaneKeys, Offer], Group] = {}
        self._alike: dict[tuple[object, ...], tuple[AccountSettings, Group]] = {}
        self._terms: frozenset[Provider] = frozenset()
        self._blocks: dict[str, dict[str | None, Block]] = {}
        self._trials: dict[str, frozenset[Trial]] = {}
        self._offered: Counter[str] = Counter()
        self.stale: deque[Account] = deque(maxlen=64)

    def __len__(self) -> int:
        return len(self._members)

    def apply(self, entry: Entry) -> None:
        """Take in an account as it is now, with its open holds. A new auth file makes it forget short pauses."""
        account = entry.account
        index = account.auth_index
        if account.trashed_at is not None:
            self.remove(index)
            return
        former = self._members.get(index)
        if former is not None:
            self._take_out(former)
            if former.account.revision != account.revision:
                self._blocks.pop(index, None)
                self._trials.pop(index, None)
        if former is not None and former.entry.holds:
            self._forget_pauses(former.entry, entry)
        if entry.holds:
            self._remember_limits(entry)
        member = Member(
            entry, self._group_of(account), self._policy,
            lacks_terms=self._lacks_terms(account), limited_at=self._limited.get(index, 0.0),
            tried=self._trials.get(index, _NO_TRIALS),
        )  # fmt: skip
        self._members[index] = member
        if member.own_names:
            self._offered.update(member.own_names)
        self._stand(member)
        for scope, block in self._blocks.get(index, _NO_BLOCKS).items():
            self._pause(member, scope, block)

    def remove(self, auth_index: str) -> None:
        for known in (self._blocks, self._limited, self._trials):
            known.pop(auth_index, None)
        if (member := self._members.get(auth_index)) is not None:
            self._take_out(member)

    def _take_out(self, member: Member) -> None:
        del self._members[member.auth_index]
        self._withdraw(member.own_names)
        member.alive = False
        group = member.group
        del group.members[member.auth_index]
        for key in group.lanes:
            self._lanes[key].removed()
        if not group.members:
            self._give_up(group)

    def acknowledge(self, providers: Iterable[Provider]) -> None:
        """The providers whose terms are acknowledged now."""
        self._terms = frozenset(providers)
        for member in self._members.values():
            member.note_terms(lacks=self._lacks_terms(member.account))
        for lane in self._lanes.values():
            lane.forget_lines()

    def block(
        self, auth_index: str, model: str | None, until: float, code: str, now: float, *, is_quota: bool = False
    ) -> None:
        """Pause an account, or one model on it, for at most ``BLOCK_LIMIT`` seconds."""
        member = self._members.get(auth_index)
        if member is None:
            return
        block = Block(min(until, now + BLOCK_LIMIT), until, code, is_quota)
        if is_quota:
            member.limited_at = self._limited[auth_index] = now
        self._blocks.setdefault(auth_index, {})[model] = block
        self._pause(member, model, block)

    def unblock(self, auth_index: str, model: str | None) -> None:
        """Forget short pauses: the account has just served ``model``."""
        blocks = self._blocks.get(auth_index)
        if not blocks:
            return
        ended = [blocks.pop(scope, None) for scope in (model, None)]
        if any(ended) and (member := self._members.get(auth_index)):
            self.apply(member.entry)

    def pick(self, ask: Ask, now: float) -> Account | Shortage:
        """The session's account, else the next in turn, or why there is none. Those in ``ask.tried`` are passed over.

        A session whose account can't serve moves to another for good: going to and fro would lose both caches.
        """
        lane = self._lanes.get((ask.route, ask.prefix))
        if lane is None:
            return Shortage()
        in_turn = ask.session is None
        member = lane.line(ask).pick(ask, now, self.stale) if in_turn else self._pick_of_session(lane, ask, now)
        if member is None:
            return lane.shortage(ask, now)
        if member.trials:
            self._begin_trial(member, ask.model, now)
        return member.account

    def has_more(self, ask: Ask, now: float) -> bool:
        """Whether ``pick`` would find one, or one that only rests after a fault of the provider's. Picks nothing.

        Looks at accounts until one is ready, so it is for after failures.
        """
        lane = self._lanes.get((ask.route, ask.prefix))
        if lane is None:
            return False
        if lane.line(ask).has_ready(ask, now):
            return True
        return any(account.auth_index not in ask.tried for account in lane.shortage(ask, now).resting)

    def get(self, auth_index: str) -> Account | None:
        member = self._members.get(auth_index)
        return member.account if member else None

    def only(self, auth_index: str) -> Account | Shortage:
        """This very account, whatever holds it back but its provider's terms: a person wants to see how it does."""
        member = self._members.get(auth_index)
        if member is None:
            return Shortage()
        if self._lacks_terms(member.account):
            return Shortage(1, Counter(("terms_not_acknowledged",)), {member.account.provider})
        return member.account

    def standing(self, auth_index: str, ask: Ask, now: float) -> Standing:
        """How an account stands to a request. Picks nothing.

        Raises ``KeyError`` for an account that the pool does not have.
        """
        member, lane = self._members[auth_index], self._lanes.get((ask.route, ask.prefix))
        serves = lane is not None and lane.has(member) and lane.serves(member, ask)
        return Standing(
            serves=serves,
            is_ready=serves and member.opens_at(ask.model) <= now,
            routes=self._routes(member.account),
            prefixes=self._policy.prefixes(member.account),
            model=models.explain(member.account, ask.model, self._catalogue) if ask.model is not None else None,
            pauses=member.pauses(ask.model, now),
            tries=tuple(hold for hold, at in member.trials if at <= now and hold.scope in (None, ask.model)),
        )

    def routes_of(self, account: Account) -> frozenset[Route]:
        return self._routes(account)

    def turns(self, ask: Ask, now: float) -> Turns:
        """The priorities of those that serve the request, and who is next in each. Picks nothing."""
        lane = self._lanes.get((ask.route, ask.prefix))
        return Turns({}, {}) if lane is None else lane.line(ask).turns(ask, now)

    def offers(self, route: Route) -> bool:
        """Whether there is any account for it, ready or not."""
        return any(offered is route for offered, _ in self._lanes)

    def may_serve(self, auth_index: str, model: str | None, now: float) -> bool:
        """Whether nothing keeps the account away now."""
        member = self._members.get(auth_index)
        return member is not None and member.opens_at(model) <= now

    def split(self, route: Route, model: str) -> tuple[str | None, str]:
        """``prefix/model`` in two, only if that prefix exists and no account offers the whole name."""
        prefix, slash, rest = model.partition("/")
        if slash and rest and (route, prefix) in self._lanes and not self._offered[model]:
            return prefix, rest
        return None, model

    def names(
        self, routes: Iterable[Route], prefix: str | None = None, providers: frozenset[str] | None = None
    ) -> list[str]:
        """Model names known to be served on any of these routes by any of these providers, sorted."""
        lanes = [lane for route in routes if (lane := self._lanes.get((route, prefix)))]
        return sorted({name for lane in lanes for name in lane.names(self._catalogue, providers)})

    def prefixes(self) -> list[str]:
        return sorted({prefix for _, prefix in self._lanes if prefix})

    def _pick_of_session(self, lane: Lane, ask: Ask, now: float) -> Member | None:
        """An account whose token ran out is kept: one refresh is less than a lost cache."""
        place, member = self._of_session(lane, ask, now)
        usable = member is not None and member.auth_index not in ask.tried and member.opens_at(ask.model) <= now
        picked = member if usable else lane.line(ask).pick(ask, now, self.stale)
        if picked is not None:
            self._bindings.put(place, picked.auth_index, now)
        return picked

    def _of_session(self, lane: Lane, ask: Ask, now: float) -> tuple[Place, Member | None]:
        """Where the conversation's account for such requests is noted, and the account.

        One that lives but serves no such requests keeps its place; the conversation is on several accounts then.
        """
        place: Place = (ask.prefix, ask.session, None)
        for place in places(ask):
            bound = self._bindings.at(place, now)
            if bound is None or bound not in self._members:
                return place, None
            member = self._members[bound]
            if lane.has(member) and lane.serves(member, ask):
                return place, member
        return place, None

    def _forget_pauses(self, before: Entry, after: Entry) -> None:
        """A cooldown that was ended (by a person, by fresh figures) takes the short pause behind it along."""
        blocks = self._blocks.get(after.account.auth_index)
        for scope in _cooling(before) - _cooling(after) if blocks else ():
            if blocks and (block := blocks.get(scope)) is not None and block.is_quota:
                del blocks[scope]

    def _remember_limits(self, entry: Entry) -> None:
        met = [hold.since.timestamp() for hold in entry.holds if hold.owner is Owner.COOLDOWN]
        if met:
            index = entry.account.auth_index
            self._limited[index] = max(self._limited.get(index, 0.0), *met)

    def _begin_trial(self, member: Member, model: str | None, now: float) -> None:
        """A cooldown's one try begins with this pick: the others wait for how it ends, or for ``TRIAL`` seconds."""
        begun = [hold for hold, at in member.trials if at <= now and hold.scope in (None, model)]
        if not begun:
            return
        for hold in begun:
            self._trials[member.auth_index] = self._trials.get(member.auth_index, frozenset()) | {trial_of(hold)}
        scope = None if any(hold.scope is None for hold in begun) else model
        block = Block(now + TRIAL, now + TRIAL, "half_open", is_quota=any(map(is_limit, begun)))
        self._blocks.setdefault(member.auth_index, {})[scope] = block
        self.apply(member.entry)

    def _lacks_terms(self, account: Account) -> bool:
        return account.needs_terms and account.provider not in self._terms

    def _group_of(self, account: Account) -> Group:
        """The one it belongs to, which may be new and in no lane yet.

        Most accounts come with the settings of others as the same object: for them it is known without looking at all.
        """
        settings = account.settings
        alike = id(settings), account.provider, account.kind, account.plan, account.base_url, account.models
        known = self._alike.get(alike)
        if known is not None and known[0] is settings:
            return known[1]
        group = self._group_by_all(account)
        if len(self._alike) >= _ALIKE_KEPT:
            self._alike.clear()
        self._alike[alike] = settings, group
        return group

    def _group_by_all(self, account: Account) -> Group:
        lanes = lanes_of(self._routes(account), self._policy.prefixes(account))
        key = lanes, models.offer(account, self._catalogue)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(*key)
        return group

    def _stand(self, member: Member) -> None:
        """Put it into its group, and the group into its lanes where it is the first."""
        group = member.group
        is_new = not group.members
        group.members[member.auth_index] = member
        for key in group.lanes:
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = Lane(self._policy.strategy)
            if is_new:
                lane.take_in(group)
            lane.added(member)

    def _give_up(self, group: Group) -> None:
        self._alike.clear()
        del self._groups[group.lanes, group.offer]
        for key in group.lanes:
            self._lanes[key].let_go(group)
            if self._lanes[key].is_empty:
                del self._lanes[key]

    def _withdraw(self, names: Iterable[str]) -> None:
        for name in names:
            self._offered[name] -= 1
            if not self._offered[name]:
                del self._offered[name]

    def _pause(self, member: Member, scope: str | None, block: Block) -> None:
        member.pause(scope, block)
        for key in member.group.lanes:
            self._lanes[key].paused(scope)


def _cooling(entry: Entry) -> set[str | None]:
    """What of the account is in a cooldown: models, ``None`` for all of it."""
    return {hold.scope for hold in entry.holds if hold.owner is Owner.COOLDOWN}
