"""What state an account is in. Computed from facts each time it is asked, never stored as truth.

The one place where state is decided: API, pages, CLI and the gateway's explanations all come here.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from authdeck.account import Account
from authdeck.hold import ENABLED_UNLESS, Hold, Owner, Reason

FRESH_SUCCESS: Final = timedelta(hours=24)
"""A success newer than this is proof of being available."""

REVIEW_CODES: Final = frozenset(
    {"validation_required", "permission_denied", "restored_unverified", "upstream_not_approved"}
)


class Health(StrEnum):
    """Risk first: the order in which lists show them."""

    UNREADABLE = "unreadable"
    NEEDS_REAUTH = "needs_reauth"
    NEEDS_REVIEW = "needs_review"
    EXHAUSTED = "exhausted"
    COOLING = "cooling"
    LOW = "low"
    UNKNOWN = "unknown"
    AVAILABLE = "available"
    DISABLED = "disabled"


RISK: Final = {health: rank for rank, health in enumerate(Health)}


def of(account: Account, holds: Iterable[Hold], now: datetime) -> Health:
    """The account's health: the first that applies of DECISIONS §2."""
    open_holds = [hold for hold in holds if hold.scope is None and hold.applies(now)]
    codes = {hold.code for hold in open_holds if hold.owner is Owner.CREDENTIAL}
    is_fresh = account.last_success_at is not None and now - account.last_success_at < FRESH_SUCCESS
    table = (
        (account.unreadable is not None, Health.UNREADABLE),
        (not is_enabled(open_holds, now), Health.DISABLED),
        (bool(codes - REVIEW_CODES), Health.NEEDS_REAUTH),
        (bool(codes), Health.NEEDS_REVIEW),
        (any(hold.owner is Owner.COOLDOWN for hold in open_holds), Health.COOLING),
        (is_fresh, Health.AVAILABLE),
    )
    return next((state for applies, state in table if applies), Health.UNKNOWN)


def next_change(account: Account, holds: Iterable[Hold], now: datetime) -> datetime | None:
    """The next moment at which ``of`` may answer otherwise without anything else happening."""
    moments = [hold.until for hold in holds if hold.until is not None]
    if account.last_success_at is not None:
        moments.append(account.last_success_at + FRESH_SUCCESS)
    return min((moment for moment in moments if moment > now), default=None)


def is_enabled(holds: Iterable[Hold], now: datetime) -> bool:
    """Whether a person (or an inspection on their behalf) left the account switched on."""
    return not any(hold.owner in ENABLED_UNLESS and hold.scope is None and hold.applies(now) for hold in holds)


def reasons(account: Account, holds: Iterable[Hold], now: datetime, *, terms_acknowledged: bool) -> list[Reason]:
    """All reasons why the account is not used now, each with what clears it. Empty: it serves."""
    found = [_of_hold(hold) for hold in holds if hold.applies(now)]
    if account.unreadable:
        found.append(Reason("vault", account.unreadable, "restore_master_key"))
    if account.needs_terms and not terms_acknowledged:
        found.append(
            Reason("terms", "terms_not_acknowledged", "acknowledge_terms", params={"provider": account.provider.value})
        )
    return found


def _of_hold(hold: Hold) -> Reason:
    params = {"note": hold.note, "actor": hold.actor, **hold.detail}
    return Reason(hold.owner.value, hold.code, _clear(hold), hold.since, hold.until, hold.scope, hold.evidence, params)


_CLEARED_BY: Final = {"upstream_not_approved": "approve_upstream", "restored_unverified": "confirm_restored"}


def _clear(hold: Hold) -> str:
    if hold.owner is Owner.OPERATOR:
        return "enable"
    if hold.owner is Owner.CREDENTIAL:
        return _CLEARED_BY.get(hold.code, "sign_in_again")
    return "wait" if hold.until is not None else "release"
