"""The one definition of a problem. Pure.

A problem is a current reason that needs a person (a sign-in, a review, a refused refresh, an open candidate, an auth
file that can't be opened), or that blocks serving though the operator wants the account served (a cooldown, a used-up
quota, an incident). A limit that is only shown as full counts as used up, though the account is asked until the
provider refuses. ``wording`` has the same sentences as ``problem.definition``.
"""

from datetime import datetime
from typing import Final

from authdeck import health, quota
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.hold import Owner

_BLOCKS: Final = frozenset({Owner.COOLDOWN, Owner.INCIDENT})
_PROVEN: Final = frozenset({Health.AVAILABLE, Health.LOW})


def is_problem(entry: Entry, now: datetime) -> bool:
    """Whether the account is one. A disabled account may be: enabling it would not be enough.

    Provider terms that nobody acknowledged are no account's problem, and neither is a pause of one model.
    """
    if not (entry.holds or entry.windows or entry.candidates or entry.account.unreadable):
        return False
    current = [hold for hold in entry.holds if hold.applies(now)]
    if entry.account.unreadable or entry.candidates or any(hold.owner is Owner.CREDENTIAL for hold in current):
        return True
    if not health.is_enabled(current, now):
        return False
    return (
        any(hold.owner in _BLOCKS and hold.scope is None for hold in current)
        or quota.fullest(entry.windows, now) is not None
    )


def is_healthy(entry: Entry, state: Health, now: datetime) -> bool:
    """Whether it is known to work: neither disabled nor a problem, and proven. Unknown is never shown as healthy."""
    return state in _PROVEN and not is_problem(entry, now)
