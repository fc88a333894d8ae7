"""What state an account is in. Computed from facts each time it is asked, never stored as truth.

The one place where state is decided: API, pages, CLI and the gateway's explanations all come here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from authdeck import freshness
from authdeck.account import Account, RefreshBy
from authdeck.entry import Entry
from authdeck.evidence import Signal
from authdeck.hold import ENABLED_UNLESS, Hold, Owner, Reason
from authdeck.quota import QuotaWindow, fullest

FRESH_SUCCESS: Final = timedelta(hours=24)
"""A success newer than this is proof of being available."""

REVIEW_CODES: Final = frozenset(
    {
        "validation_required", "permission_denied", "credential_permission_denied", "not_entitled",
        "usage_not_included", "account_deactivated", "workspace_deactivated", "restored_unverified",
        "upstream_not_approved",
    }
)  # fmt: skip
"""Codes of credential holds that signing in again does not end."""


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


def of(account: Account, holds: Sequence[Hold], now: datetime, windows: Sequence[QuotaWindow] = ()) -> Health:
    """The account's health: the first that applies of DECISIONS §2."""
    if not (holds or windows or account.unreadable):  # most accounts; a start asks for each
        return Health.AVAILABLE if _is_proven(account, now) else Health.UNKNOWN
    return state(account, holds, now, windows).health


@dataclass(frozen=True, slots=True)
class State:
    """A health and what it rests on: ``code`` always, and the evidence's key, the window or the moment where one is.

    ``at`` is when that was seen or placed.
    """

    health: Health
    code: str
    at: datetime | None = None
    until: datetime | None = None
    evidence: int | None = None
    window: QuotaWindow | None = None


def state(account: Account, holds: Iterable[Hold], now: datetime, windows: Sequence[QuotaWindow] = ()) -> State:
    """The first that applies: unreadable, switched off, credential, limits, low, proven, unknown."""
    if account.unreadable is not None:
        return State(Health.UNREADABLE, account.unreadable)
    open_holds = [hold for hold in holds if hold.scope is None and hold.applies(now)]
    for health, is_it in _BY_HOLD:
        if (hold := next((hold for hold in open_holds if is_it(hold)), None)) is not None:
            return State(health, hold.code, hold.since, hold.until, hold.evidence)
        if health is Health.NEEDS_REVIEW and (full := fullest(windows, now)) is not None:
            return State(Health.EXHAUSTED, "window_full", full.observed_at, full.resets_at, window=full)
    low = max((each for each in windows if _is_low(each, now)), key=lambda each: each.used_percent or 0, default=None)
    if low is not None:
        return State(Health.LOW, "window_low", low.observed_at, low.resets_at, window=low)
    if _is_proven(account, now):
        return State(Health.AVAILABLE, "answered", account.last_success_at)
    return State(Health.UNKNOWN, "no_success" if account.last_request_at else "no_evidence", account.last_request_at)


def _is_of_quota(hold: Hold) -> bool:
    return hold.owner is Owner.COOLDOWN and hold.detail.get("signal") == Signal.QUOTA


_BY_HOLD: Final[tuple[tuple[Health, Callable[[Hold], bool]], ...]] = (
    (Health.DISABLED, lambda hold: hold.owner in ENABLED_UNLESS),
    (Health.NEEDS_REAUTH, lambda hold: hold.owner is Owner.CREDENTIAL and hold.code not in REVIEW_CODES),
    (Health.NEEDS_REVIEW, lambda hold: hold.owner is Owner.CREDENTIAL),
    (Health.EXHAUSTED, _is_of_quota),
    (Health.COOLING, lambda hold: hold.owner is Owner.COOLDOWN),
)


def _is_proven(account: Account, now: datetime) -> bool:
    return account.last_success_at is not None and now - account.last_success_at < FRESH_SUCCESS


def _is_low(window: QuotaWindow, now: datetime) -> bool:
    return window.counts and window.scope is None and window.is_low(now)


def next_change(
    account: Account, holds: Iterable[Hold], now: datetime, windows: Sequence[QuotaWindow] = ()
) -> datetime | None:
    """The next moment at which ``of`` may answer otherwise without anything else happening."""
    moments = [hold.until for hold in holds if hold.until is not None]
    moments += [window.ends_at for window in windows if window.is_used_up or window.is_low(now)]
    if account.last_success_at is not None:
        moments.append(account.last_success_at + FRESH_SUCCESS)
    return min((moment for moment in moments if moment > now), default=None)


def is_enabled(holds: Iterable[Hold], now: datetime) -> bool:
    """Whether a person (or an inspection on their behalf) left the account switched on."""
    return not any(hold.owner in ENABLED_UNLESS and hold.scope is None and hold.applies(now) for hold in holds)


def reasons(entry: Entry, now: datetime, *, terms_acknowledged: bool, by_weight: bool = False) -> list[Reason]:
    """All reasons that speak against the account now, each with what clears it. It serves unless one of them stops it.

    ``by_weight``: accounts are picked by their weights.
    """
    account = entry.account
    found = [_of_hold(hold) for hold in entry.holds if hold.applies(now)]
    if (full := _shown_full(entry, now)) is not None:
        found.append(full)
    if account.unreadable:
        found.append(Reason("vault", account.unreadable, "restore_master_key"))
    if account.needs_terms and not terms_acknowledged:
        found.append(
            Reason("terms", "terms_not_acknowledged", "acknowledge_terms", params={"provider": account.provider.value})
        )
    if account.refresh_by is RefreshBy.OTHER and account.expires_at and account.expires_at - freshness.EXPIRED <= now:
        found.append(Reason("token", "token_expired", "refresh_elsewhere", since=account.expires_at))
    if by_weight and account.settings.weight == 0:
        found.append(Reason("route", "weight_zero", "change_weight"))
    return found


def _shown_full(entry: Entry, now: datetime) -> Reason | None:
    """A limit that figures show as full and no answer has confirmed: stated, but the provider decides."""
    if not entry.windows or any(_is_of_quota(hold) for hold in entry.holds if hold.scope is None and hold.applies(now)):
        return None
    full = fullest(entry.windows, now)
    if full is None:
        return None
    params = {"window": full.window, "source": full.source.value}
    return Reason(
        "quota", "limit_shown_full", "newer_figures", full.observed_at, full.resets_at, params=params, stops=False
    )


def _of_hold(hold: Hold) -> Reason:
    params = {"note": hold.note, "actor": hold.actor, **hold.detail}
    return Reason(
        hold.owner.value,
        hold.code,
        _clear(hold),
        hold.since,
        hold.until,
        hold.scope,
        hold.evidence,
        hold.try_at,
        params,
    )


_CLEARED_BY: Final = {"upstream_not_approved": "approve_upstream", "restored_unverified": "confirm_restored"}


def _clear(hold: Hold) -> str:
    if hold.owner is Owner.OPERATOR:
        return "enable"
    if hold.owner is Owner.CREDENTIAL:
        return _CLEARED_BY.get(hold.code, "settle_with_provider" if hold.code in REVIEW_CODES else "sign_in_again")
    return "wait" if hold.until is not None else "release"
