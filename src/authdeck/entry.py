"""An account with what is open about it: what lists, health and routing look at together."""

from dataclasses import dataclass

from authdeck.account import Account
from authdeck.candidate import Candidate
from authdeck.hold import Hold
from authdeck.quota import QuotaWindow


@dataclass(frozen=True, slots=True)
class Entry:
    """An account with its open holds, its quota windows as last seen, and its open rows of the action queue."""

    account: Account
    holds: tuple[Hold, ...] = ()
    windows: tuple[QuotaWindow, ...] = ()
    candidates: tuple[Candidate, ...] = ()
