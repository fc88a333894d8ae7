"""Which account serves a request: route and prefix, then its session's account, then priority, then whose turn it is.

Accounts that offer the same models form a group. For each route, prefix and set of groups that may serve a model there
is one *line*: tiers by falling priority, see ``tier.py``. Pure, in memory. Times are unix seconds.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Final

from authdeck import models
from authdeck.account import Account, Provider, RefreshBy
from authdeck.affinity import Bindings, Place, places
from authdeck.catalogue import SHIPPED, Catalogue
from authdeck.entry import Entry
from authdeck.evidence import Signal
from authdeck.hold import Hold, Owner
from authdeck.models import Offer, Support
from authdeck.routing import Ask, Route, Strategy
from authdeck.tier import FOR_EVER, Member, Tier

Routes = Callable[[Account], frozenset[Route]]

BLOCK_LIMIT: Final = 59.0
"""Seconds: what lasts longer is a hold with evidence, not a memory of this process."""

TRIAL: Final = 30.0
"""Seconds that a request which tries a cooling account keeps the others waiting, unless it is answered sooner."""

EXPIRY_MARGIN: Final = 60.0
"""Seconds before its end at which a token counts as expired."""

_LINES_LIMIT: Final = 512
_ANSWERS_LIMIT: Final = 4096
_LIMITS: Final = (Signal.QUOTA.value, Signal.RATE_LIMIT.value)
_QUOTA_CODES: Final = ("quota", "usage_limit", "rate_limit", "limit_reached", "cooldown")


Trial = tuple[str, str | None, datetime]
"""Which try of which cooldown: its code, its scope, and from when on it may be made."""


@dataclass(slots=True)
class Shortage:
    """Why nothing can be picked. ``serving`` counts accounts that serve the route and model at all.

    ``reasons`` counts accounts by the code of what keeps each away, ``terms`` are providers whose terms are all that
    is missing. ``quota`` counts those that wait for a limit whose end is known, ``quota_until`` is the earliest end.
    ``resting`` are some that only pause after a fault of the provider's: better than nothing.
    """

    serving: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    terms: set[Provider] = field(default_factory=set)
    quota: int = 0
    quota_until: float | None = None
    resting: deque[Account] = field(default_factory=lambda: deque(maxlen=16))

    @property
    def only_terms(self) -> bool:
        return self.serving > 0 and self.reasons["terms_not_acknowledged"] == self.serving

    @property
    def only_quota(self) -> bool:
        return self.serving > 0 and self.quota == self.serving and self.quota_until is not None


@dataclass(frozen=True, slots=True)
class Block:
    """A short pause of an account, or of one model on it, known to this process only.

    ``ends`` is when it is tried again, ``until`` what the provider said. ``is_quota``: a limit was reached.
    """

    ends: float
    until: float
    code: str
    is_quota: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """How the operator wants accounts to be picked.

    ``prefix_only``: accounts with one of these prefixes (``*``: with any) serve only who names the prefix.
    ``session_ttl``: seconds that a conversation stays on its account after its last request; 0: not at all.
    """

    strategy: Strategy = Strategy.ROUND_ROBIN
    prefix_only: frozenset[str] = frozenset()
    session_ttl: float = 3600.0

    def prefixes(self, account: Account) -> set[str | None]:
        """The prefixes under which the account is reached; ``None``: without one."""
        prefix = account.settings.prefix or None
        is_apart = prefix is not None and not self.prefix_only.isdisjoint((prefix, "*"))
        return {prefix} if is_apart else {None, prefix}


DEFAULT: Final = Policy()


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands to a request. ``serves``: it is one of those the request may go to; ``is_ready``: now.

    ``model`` says why the account serves the model or not. ``pauses`` are short ones that only this process knows;
    ``tries`` are cooldowns that the next request may try.
    """

    serves: bool
    is_ready: bool
    is_left_out: bool
    is_stale: bool
    routes: frozenset[Route]
    prefixes: frozenset[str | None]
    model: models.Explained | None
    pauses: tuple[Block, ...]
    tries: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """``tiers`` is each priority's place, 1 the first; ``next`` the place in turn of those next in their tier."""

    tiers: Mapping[int, int]
    next: Mapping[str, int]


_TURNS: Final = 100
"""Of each tier so many are looked up: who comes after is a matter of many requests."""


class Pool:
    """All accounts that could serve. Not thread-safe: used on the event loop only.

    ``routes`` says what an account can be asked to do. ``stale`` collects accounts passed over because their token has
    run out while others were fresh: a good moment to refresh them.
    """

    def __init__(self, routes: Routes, catalogue: Catalogue = SHIPPED, policy: Policy = DEFAULT) -> None:
        self._routes: Final = routes
        self._catalogue: Final = catalogue
        self._policy: Final = policy
        self._bindings: Final = Bindings(policy.session_ttl)
        self._limited: dict[str, float] = {}
        self._members: dict[str, _Member] = {}
        self._lanes: dict[tuple[Route, str | None], _Lane] = {}
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
        former = self._members.get(account.auth_index)
        self.remove(account.auth_index, forget_blocks=former is None or former.account.revision != account.revision)
        if account.trashed_at is not None:
            return
        self._remember_limits(entry)
        index = account.auth_index
        member = _Member(
            entry, self._routes(account), self._policy, self._catalogue,
            lacks_terms=self._lacks_terms(account), limited_at=self._limited.get(index, 0.0),
            tried=self._trials.get(index, frozenset()),
        )  # fmt: skip
        self._members[account.auth_index] = member
        self._offered.update(member.own_names)
        for lane in self._lanes_of(member):
            lane.add(member)
        for scope, block in self._blocks.get(account.auth_index, {}).items():
            self._pause(member, scope, block)

    def remove(self, auth_index: str, *, forget_blocks: bool = True) -> None:
        member = self._members.pop(auth_index, None)
        if forget_blocks:
            self._blocks.pop(auth_index, None)
            self._limited.pop(auth_index, None)
            self._trials.pop(auth_index, None)
        if member is None:
            return
        self._withdraw(member.own_names)
        for key in member.lanes:
            lane = self._lanes[key]
            lane.remove(member)
            if lane.is_empty:
                del self._lanes[key]

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
        of_session = ask.session is not None
        picked = self._pick_of_session(lane, ask, now) if of_session else self._pick_in_turn(lane, ask, now)
        if isinstance(picked, Account) and self._members[picked.auth_index].trials:
            self._begin_trial(self._members[picked.auth_index], ask.model, now)
        return picked

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

    def standing(self, auth_index: str, ask: Ask, now: float) -> "Standing":
        """How an account stands to a request. Picks nothing.

        Raises ``KeyError`` for an account that the pool does not have.
        """
        member, lane = self._members[auth_index], self._lanes.get((ask.route, ask.prefix))
        serves = lane is not None and lane.has(member) and lane.serves(member, ask)
        return Standing(
            serves=serves,
            is_ready=serves and member.opens_at(ask.model) <= now,
            is_left_out=member.is_left_out,
            is_stale=member.is_stale(now),
            routes=self._routes(member.account),
            prefixes=frozenset(self._policy.prefixes(member.account)),
            model=models.explain(member.account, ask.model, self._catalogue) if ask.model is not None else None,
            pauses=member.pauses(ask.model, now),
            tries=tuple(hold for hold, at in member.trials if at <= now and hold.scope in (None, ask.model)),
        )

    def routes_of(self, account: Account) -> frozenset[Route]:
        return self._routes(account)

    def turns(self, ask: Ask, now: float) -> "Turns":
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

    def names(self, routes: Iterable[Route], prefix: str | None = None) -> list[str]:
        """Model names known to be served on any of these routes, sorted."""
        lanes = [lane for route in routes if (lane := self._lanes.get((route, prefix)))]
        return sorted({name for lane in lanes for name in lane.names(self._catalogue)})

    def prefixes(self) -> list[str]:
        return sorted({prefix for _, prefix in self._lanes if prefix})

    def _pick_of_session(self, lane: "_Lane", ask: Ask, now: float) -> Account | Shortage:
        """An account whose token ran out is kept: one refresh is less than a lost cache."""
        place, member = self._of_session(lane, ask, now)
        usable = member is not None and member.auth_index not in ask.tried and member.opens_at(ask.model) <= now
        picked = member.account if member is not None and usable else self._pick_in_turn(lane, ask, now)
        if isinstance(picked, Account):
            self._bindings.put(place, picked.auth_index, now)
        return picked

    def _of_session(self, lane: "_Lane", ask: Ask, now: float) -> tuple[Place, "_Member | None"]:
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

    def _pick_in_turn(self, lane: "_Lane", ask: Ask, now: float) -> Account | Shortage:
        member = lane.line(ask).pick(ask, now, self.stale)
        return member.account if member else lane.shortage(ask, now)

    def _remember_limits(self, entry: Entry) -> None:
        met = [hold.since.timestamp() for hold in entry.holds if hold.owner is Owner.COOLDOWN]
        if met:
            index = entry.account.auth_index
            self._limited[index] = max(self._limited.get(index, 0.0), *met)

    def _begin_trial(self, member: "_Member", model: str | None, now: float) -> None:
        """A cooldown's one try begins with this pick: the others wait for how it ends, or for ``TRIAL`` seconds."""
        begun = [hold for hold, at in member.trials if at <= now and hold.scope in (None, model)]
        if not begun:
            return
        for hold in begun:
            self._trials[member.auth_index] = self._trials.get(member.auth_index, frozenset()) | {_trial(hold)}
        scope = None if any(hold.scope is None for hold in begun) else model
        block = Block(now + TRIAL, now + TRIAL, "half_open", is_quota=any(map(_is_limit, begun)))
        self._blocks.setdefault(member.auth_index, {})[scope] = block
        self.apply(member.entry)

    def _lacks_terms(self, account: Account) -> bool:
        return account.needs_terms and account.provider not in self._terms

    def _lanes_of(self, member: "_Member") -> Iterable["_Lane"]:
        for key in member.lanes:
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(self._policy.strategy)
            yield lane

    def _withdraw(self, names: Iterable[str]) -> None:
        for name in names:
            self._offered[name] -= 1
            if not self._offered[name]:
                del self._offered[name]

    def _pause(self, member: "_Member", scope: str | None, block: Block) -> None:
        member.pause(scope, block)
        for lane in self._lanes_of(member):
            lane.paused(scope)


class _Member:
    """An account in the pool with what decides whether it is ready."""

    __slots__ = (
        "_holds", "_pauses", "account", "alive", "auth_index", "created_at", "entry", "expires", "is_closed",
        "is_left_out", "lacks_terms", "lanes", "limited_at", "offer", "own_names", "priority", "ready_at", "scoped",
        "trials", "weight",
    )  # fmt: skip

    def __init__(
        self,
        entry: Entry,
        routes: frozenset[Route],
        policy: Policy,
        catalogue: Catalogue,
        *,
        lacks_terms: bool,
        limited_at: float,
        tried: frozenset[Trial],
    ) -> None:
        account = entry.account
        self.entry: Final = entry
        self.account: Final = account
        self.auth_index: Final = account.auth_index
        self.lanes: Final = _lanes(routes, frozenset(policy.prefixes(account)))
        self.priority: Final = account.settings.priority
        self.weight: Final = account.settings.weight
        self.is_left_out: Final = policy.strategy is Strategy.WEIGHTED and self.weight == 0
        self.created_at: Final = account.created_at.timestamp() if account.created_at else 0.0
        self.limited_at = limited_at
        self.offer: Final = _shared(models.offer(account, catalogue))
        self.own_names: Final = frozenset((*account.models, *(each.alias for each in account.settings.model_aliases)))
        self.expires: Final = account.expires_at.timestamp() - EXPIRY_MARGIN if account.expires_at else None
        self.note_terms(lacks=lacks_terms)
        self.alive = True
        self._holds: Final = tuple((hold, hold.until.timestamp() if hold.until else None) for hold in entry.holds)
        self._pauses: Mapping[str | None, Block] = _NO_PAUSES
        self.ready_at = 0.0
        self.scoped: Mapping[str, float] = _NO_SCOPES
        self.trials: Final = tuple(
            (hold, at.timestamp()) for hold in entry.holds if (at := hold.try_at) and _trial(hold) not in tried
        )
        tries = {id(hold): at for hold, at in self.trials}
        for hold, until in self._holds:
            end = FOR_EVER if until is None else until
            self._extend(hold.scope, min(end, tries.get(id(hold), end)))

    def note_terms(self, *, lacks: bool) -> None:
        self.lacks_terms = lacks
        self.is_closed = self._lasting_reason() is not None

    def pause(self, scope: str | None, block: Block) -> None:
        self._pauses = {**self._pauses, scope: block}
        self._extend(scope, block.ends)

    def opens_at(self, model: str | None) -> float:
        """When it may serve: now or past, a moment, or never without a change."""
        if self.is_closed:
            return FOR_EVER
        if self.scoped and model is not None:
            return max(self.ready_at, self.scoped.get(model, 0.0))
        return self.ready_at

    def is_stale(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now

    def reason(self, model: str | None, now: float) -> tuple[str, float | None, bool]:
        """The strongest reason of not being ready: code, end where known, and whether it is a limit."""
        if (lasting := self._lasting_reason()) is not None:
            return lasting, None, False
        for hold, until in self._holds:
            if hold.scope in (None, model) and (until is None or until > now):
                return hold.code, until, _is_limit(hold)
        for scope, block in self._pauses.items():
            if scope in (None, model) and block.ends > now:
                return block.code, block.until, block.is_quota
        if self.is_stale(now) and self.account.refresh_by is RefreshBy.OTHER:
            return "token_expired", None, False
        return "tried", None, False

    def pauses(self, model: str | None, now: float) -> tuple[Block, ...]:
        return tuple(block for scope, block in self._pauses.items() if scope in (None, model) and block.ends > now)

    def _lasting_reason(self) -> str | None:
        """What keeps it away whatever the time."""
        if self.lacks_terms:
            return "terms_not_acknowledged"
        return self.account.unreadable or ("weight_zero" if self.is_left_out else None)

    def only_rests(self, model: str | None, now: float) -> bool:
        """Whether nothing but pauses and cooldowns that are no limits keep it from serving."""
        pauses = [block for scope, block in self._pauses.items() if scope in (None, model) and block.ends > now]
        held = [hold for hold, until in self._holds if hold.scope in (None, model) and (until or FOR_EVER) > now]
        if self.is_closed or not (pauses or held) or any(block.is_quota for block in pauses):
            return False
        return all(hold.detail.get("signal") == Signal.TRANSIENT for hold in held)

    def _extend(self, scope: str | None, until: float) -> None:
        if scope is None:
            self.ready_at = max(self.ready_at, until)
        else:
            self.scoped = {**self.scoped, scope: max(self.scoped.get(scope, 0.0), until)}


@lru_cache(maxsize=4096)
def _lanes(routes: frozenset[Route], prefixes: frozenset[str | None]) -> tuple[tuple[Route, str | None], ...]:
    """Accounts of a kind and prefix share one answer: there are few kinds, and many accounts."""
    return tuple((route, prefix) for route in routes for prefix in prefixes)


@lru_cache(maxsize=4096)
def _shared(offer: Offer) -> Offer:
    """Equal offers as one object."""
    return offer


_NO_PAUSES: Final[Mapping[str | None, Block]] = MappingProxyType({})
_NO_SCOPES: Final[Mapping[str, float]] = MappingProxyType({})
"""Most accounts have neither: they share these, and get their own when they need them."""

_Key = tuple[frozenset[Offer] | None, str | None, frozenset[str] | None]
"""Groups that may serve, the model where it has a line of its own, and the providers a client key is limited to."""


class _Lane:
    """The accounts of one route and prefix, and the lines formed from them."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy: Final = strategy
        self._groups: dict[Offer, dict[str, _Member]] = {}
        self._answers: OrderedDict[str, frozenset[Offer]] = OrderedDict()
        self._lines: OrderedDict[_Key, _Line] = OrderedDict()
        self._apart: set[str] = set()
        self._shortages: dict[tuple[str | None, frozenset[str] | None], tuple[float, Shortage]] = {}

    def add(self, member: _Member) -> None:
        if member.offer not in self._groups:
            self._groups[member.offer] = {}
            self._answers.clear()
        self._groups[member.offer][member.auth_index] = member
        for model in member.scoped:
            self.paused(model)
        for (offers, _, providers), line in self._lines.items():
            if (offers is None or member.offer in offers) and _is_among(member, providers):
                line.add(member)
        self._shortages.clear()

    def remove(self, member: _Member) -> None:
        member.alive = False
        group = self._groups.get(member.offer)
        if group is not None:
            group.pop(member.auth_index, None)
            if not group:
                del self._groups[member.offer]
                self._answers.clear()
        self._shortages.clear()

    def paused(self, model: str | None) -> None:
        """A model that an account waits for gets a line of its own: the account goes on serving others."""
        self._shortages.clear()
        if model is None:
            return
        if len(self._apart) >= _LINES_LIMIT:
            self._apart.clear()
            self._lines.clear()
        self._apart.add(model)

    def forget_lines(self) -> None:
        self._shortages.clear()
        self._lines.clear()

    def shortage(self, ask: Ask, now: float) -> Shortage:
        """Why nothing is ready. Looks at every account, so it is kept for a second or until something changes."""
        key = ask.model, ask.providers
        at, found = self._shortages.get(key, (0.0, None))
        if found is None or not at <= now < at + 1:
            if len(self._shortages) >= _LINES_LIMIT:
                self._shortages.clear()
            offers = None if ask.model is None else self._serving(ask.model)
            groups = (group for offer, group in self._groups.items() if offers is None or offer in offers)
            serving = chain.from_iterable(group.values() for group in groups)
            found = _shortage(serving, ask, now)
            self._shortages[key] = now, found
        return found

    @property
    def is_empty(self) -> bool:
        return not self._groups

    def has(self, member: _Member) -> bool:
        return member.auth_index in self._groups.get(member.offer, {})

    def serves(self, member: _Member, ask: Ask) -> bool:
        """Whether the member is one of those that this request may go to."""
        return _is_among(member, ask.providers) and (ask.model is None or member.offer in self._serving(ask.model))

    def line(self, ask: Ask) -> "_Line":
        offers = None if ask.model is None else self._serving(ask.model)
        key = (offers, ask.model if ask.model in self._apart else None, ask.providers)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._formed(key)
            if len(self._lines) > _LINES_LIMIT:
                self._lines.popitem(last=False)
        else:
            self._lines.move_to_end(key)
        return line

    def names(self, catalogue: Catalogue) -> set[str]:
        found: set[str] = set()
        for group in self._groups.values():
            kinds: dict[tuple[str, str], _Member] = {}
            for member in group.values():
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

    def _formed(self, key: _Key) -> "_Line":
        offers, _, providers = key
        line = _Line(self._strategy)
        for offered, group in self._groups.items():
            if offers is None or offered in offers:
                for member in group.values():
                    if _is_among(member, providers):
                        line.add(member)
        return line


def _shortage(members: Iterable[_Member], ask: Ask, now: float) -> Shortage:
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


def _is_among(member: _Member, providers: frozenset[str] | None) -> bool:
    return providers is None or member.account.provider in providers


class _Line:
    """Tiers by falling priority."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy: Final = strategy
        self._tiers: dict[int, Tier] = {}
        self._order: list[Tier] = []

    def add(self, member: _Member) -> None:
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

    def pick(self, ask: Ask, now: float, stale: deque[Account]) -> Member | None:
        for each in self._order:
            if (member := each.pick(ask, now, stale)) is not None:
                return member
        return None


def _is_limit(hold: Hold) -> bool:
    """Whether a limit was reached, by the signal behind it, or by its code where none is kept."""
    if hold.owner is not Owner.COOLDOWN:
        return False
    signal = hold.detail.get("signal")
    return signal in _LIMITS if signal is not None else any(word in hold.code for word in _QUOTA_CODES)


def _trial(hold: Hold) -> Trial:
    assert hold.try_at is not None
    return hold.code, hold.scope, hold.try_at
