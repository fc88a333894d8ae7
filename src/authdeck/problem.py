"""The one definition of a problem. Pure.

A problem is a current reason that needs a person (a sign-in, a review, a refused refresh, an open candidate, an auth
file that can't be opened), or that blocks serving though the operator wants the account served (a cooldown, a used-up
quota, an incident). ``wording`` has the same sentence as ``problem.definition``.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from authdeck import health
from authdeck.account import Account
from authdeck.health import Health
from authdeck.hold import Hold, Owner

_BLOCKS: Final = frozenset({Owner.COOLDOWN, Owner.INCIDENT})
_PROVEN: Final = frozenset({Health.AVAILABLE, Health.LOW})


def is_problem(account: Account, holds: Iterable[Hold], now: datetime) -> bool:
    """Whether the account is one. A disabled account may be: enabling it would not be enough.

    Provider terms that nobody acknowledged are no account's problem, and neither is a pause of one model.
    """
    current = [hold for hold in holds if hold.applies(now)]
    if account.unreadable or any(hold.owner is Owner.CREDENTIAL for hold in current):
        return True
    is_wanted = health.is_enabled(current, now)
    return is_wanted and any(hold.owner in _BLOCKS and hold.scope is None for hold in current)


def is_healthy(account: Account, holds: Iterable[Hold], now: datetime) -> bool:
    """Whether it is known to work: neither disabled nor a problem, and proven. Unknown is never shown as healthy."""
    return health.of(account, holds, now) in _PROVEN and not is_problem(account, holds, now)
