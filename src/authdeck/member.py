"""An account in the pool, with what decides whether it is ready. Pure. Times are unix seconds."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from authdeck.account import ModelAlias, RefreshBy
from authdeck.entry import Entry
from authdeck.evidence import Signal
from authdeck.hold import Hold, Owner
from authdeck.models import Offer
from authdeck.routing import Policy, Route, Strategy
from authdeck.standing import Block
from authdeck.tier import FOR_EVER

EXPIRY_MARGIN: Final = 60.0
"""Seconds before its end at which a token counts as expired."""

_LIMITS: Final = (Signal.QUOTA.value, Signal.RATE_LIMIT.value)
_QUOTA_CODES: Final = ("quota", "usage_limit", "rate_limit", "limit_reached", "cooldown")

Trial = tuple[str, str | None, datetime]
"""Which try of which cooldown: its code, its scope, and from when on it may be made."""


LaneKeys = tuple[tuple[Route, str | None], ...]


class Group:
    """Accounts that stand in the same lanes and offer the same models. What all of them share is kept once."""

    __slots__ = ("lanes", "members", "offer")

    def __init__(self, lanes: LaneKeys, offer: Offer) -> None:
        self.lanes: Final = lanes
        self.offer: Final = offer
        self.members: Final[dict[str, Member]] = {}


class Member:
    """An account in the pool with what decides whether it is ready."""

    __slots__ = (
        "_holds", "_pauses", "account", "alive", "auth_index", "entry", "expires", "group", "is_closed",
        "is_left_out", "lacks_terms", "limited_at", "own_names", "priority", "ready_at", "scoped", "trials", "weight",
    )  # fmt: skip

    def __init__(
        self,
        entry: Entry,
        group: Group,
        policy: Policy,
        *,
        lacks_terms: bool,
        limited_at: float,
        tried: frozenset[Trial],
    ) -> None:
        account = entry.account
        self.entry: Final = entry
        self.account: Final = account
        self.auth_index: Final = account.auth_index
        self.group: Final = group
        self.priority: Final = account.settings.priority
        self.weight: Final = account.settings.weight
        self.is_left_out: Final = policy.strategy is Strategy.WEIGHTED and self.weight == 0
        self.limited_at = limited_at
        self.own_names: Final = _names(account.models, account.settings.model_aliases)
        self.expires: Final = _expires(account.expires_at) if account.expires_at else None
        self.note_terms(lacks=lacks_terms)
        self.alive = True
        self._pauses: Mapping[str | None, Block] = _NO_PAUSES
        self.ready_at = 0.0
        self.scoped: Mapping[str, float] = _NO_SCOPES
        self._holds: tuple[tuple[Hold, float | None], ...] = ()
        self.trials: tuple[tuple[Hold, float], ...] = ()
        if entry.holds:
            self._note_holds(entry.holds, tried)

    @property
    def offer(self) -> Offer:
        return self.group.offer

    @property
    def created_at(self) -> float:
        return self.account.created_at.timestamp() if self.account.created_at else 0.0

    def _note_holds(self, holds: Iterable[Hold], tried: frozenset[Trial]) -> None:
        self._holds = tuple((hold, hold.until.timestamp() if hold.until else None) for hold in holds)
        self.trials = tuple(
            (hold, at.timestamp()) for hold in holds if (at := hold.try_at) and trial_of(hold) not in tried
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
                return hold.code, until, is_limit(hold)
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
def lanes_of(routes: frozenset[Route], prefixes: frozenset[str | None]) -> LaneKeys:
    """Accounts of a kind and prefix share one answer: there are few kinds, and many accounts."""
    return tuple((route, prefix) for route in routes for prefix in prefixes)


@lru_cache(maxsize=4096)
def _expires(at: datetime) -> float:
    return at.timestamp() - EXPIRY_MARGIN


@lru_cache(maxsize=4096)
def _names(own: tuple[str, ...], aliases: tuple[ModelAlias, ...]) -> frozenset[str]:
    """Equal ones as one object."""
    return frozenset((*own, *(each.alias for each in aliases)))


_NO_PAUSES: Final[Mapping[str | None, Block]] = MappingProxyType({})
_NO_SCOPES: Final[Mapping[str, float]] = MappingProxyType({})
"""Most accounts have neither: they share these, and get their own when they need them."""


def is_limit(hold: Hold) -> bool:
    """Whether a limit was reached, by the signal behind it, or by its code where none is kept."""
    if hold.owner is not Owner.COOLDOWN:
        return False
    signal = hold.detail.get("signal")
    return signal in _LIMITS if signal is not None else any(word in hold.code for word in _QUOTA_CODES)


def trial_of(hold: Hold) -> Trial:
    assert hold.try_at is not None
    return hold.code, hold.scope, hold.try_at
