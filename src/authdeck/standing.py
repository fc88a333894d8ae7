"""How accounts stand to a request: why nothing can be picked, what pauses one, whose turn comes. Pure data.

Times are unix seconds.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from authdeck.account import Account, Provider
from authdeck.hold import Hold
from authdeck.models import Explained
from authdeck.routing import Route


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
class Standing:
    """How an account stands to a request. ``serves``: it is one of those the request may go to; ``is_ready``: now.

    ``model`` says why the account serves the model or not. ``pauses`` are short ones that only this process knows;
    ``tries`` are cooldowns that the next request may try.
    """

    serves: bool
    is_ready: bool
    routes: frozenset[Route]
    prefixes: frozenset[str | None]
    model: Explained | None
    pauses: tuple[Block, ...]
    tries: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """``tiers`` is each priority's place, 1 the first; ``next`` the place in turn of those next in their tier."""

    tiers: Mapping[int, int]
    next: Mapping[str, int]
