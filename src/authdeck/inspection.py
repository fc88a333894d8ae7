"""What an inspection suggests for an account, from what its provider answered and what stands against it. Pure.

What an answer means is decided in ``verdict``, what counts in ``evidence.standing``; here is only what follows for a
person: keep, reauth, review, disable, enable or delete, and why. What is not known is never a reason to act.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from authdeck.account import Account, RefreshBy
from authdeck.clock import rfc3339
from authdeck.evidence import Action, Confidence, Evidence, Signal
from authdeck.health import REVIEW_CODES
from authdeck.hold import Hold, Owner
from authdeck.inspection_order import Policy
from authdeck.quota import QuotaWindow, Window
from authdeck.quota_answer import Outcome, QuotaAnswer
from authdeck.reconcile import SWITCHED_OFF

LONG: Final = 86_400
"""Seconds of a window from which waiting for its reset is worth switching the account off."""

IMPORTED: Final = "imported"
"""The code of the hold of an account that came switched off from another program."""

RECOVERED: Final = "limits_over"
"""The code of a suggestion that a run may carry out by itself: nothing but inspection's own holds is in the way."""

RECOVERABLE: Final = frozenset({"long_window_full", "limit_without_window"})
"""Codes of inspection's own holds that fresh figures end. What was refused is not proven by an answer about limits."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An account after it was asked: the answer, its open holds, and the evidence that stands (``evidence.standing``).

    ``family_stopped``: it was not asked, because the provider showed that it ends a family of sign-ins.
    """

    account: Account
    answer: QuotaAnswer
    holds: Sequence[Hold] = ()
    standing: Sequence[Evidence] = ()
    refreshed: bool = False
    family_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``code`` and ``params`` make the sentence that says why. ``until``: when a suggested disablement would end."""

    action: Action
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None


_Rule = Callable[[Seen, Policy, datetime], Suggestion | None]


def suggest(seen: Seen, policy: Policy, now: datetime) -> Suggestion:
    """The first row that fits."""
    for rule in _RULES:
        if (found := rule(seen, policy, now)) is not None:
            return found
    return Suggestion(Action.KEEP, "inspected_healthy")


def own_holds(holds: Sequence[Hold]) -> list[Hold]:
    """Those that an inspection placed on the whole account."""
    return [hold for hold in holds if hold.owner is Owner.INSPECTION and hold.scope is None]


# ---- the rows, in the order in which they are asked ----


def _not_asked(seen: Seen, _policy: Policy, _now: datetime) -> Suggestion | None:
    if seen.account.unreadable is not None:
        return Suggestion(Action.REVIEW, seen.account.unreadable)
    return Suggestion(Action.KEEP, "family_stopped") if seen.family_stopped else None


def _closed(seen: Seen, _policy: Policy, _now: datetime) -> Suggestion | None:
    return _stands(seen, Action.DELETE)


def _signed_out(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    held = _held(seen, now, lambda hold: hold.code not in REVIEW_CODES)
    refused = seen.answer.code if seen.answer.code in _SIGNED_OUT else None
    if refused is not None:
        return Suggestion(Action.REAUTH, refused, seen.answer.params)
    return _stands(seen, Action.REAUTH) or _of_hold(Action.REAUTH, held)


def _may_have_run_out(seen: Seen, _policy: Policy, _now: datetime) -> Suggestion | None:
    """Its token was not accepted, and a refresh that may help was not tried."""
    verdict = seen.answer.verdict
    if verdict is None or verdict.signal is not Signal.CREDENTIAL:
        return None
    is_unclear = verdict.confidence is Confidence.LOW
    may_help = verdict.code == "token_expired" and not seen.refreshed
    if may_help and seen.account.refresh_by is RefreshBy.AUTHDECK:
        return Suggestion(Action.KEEP, "token_rejected")
    return Suggestion(Action.KEEP, "refused_once") if is_unclear else Suggestion(Action.REAUTH, verdict.code)


def _for_a_person(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    held = _held(seen, now, lambda hold: hold.code in REVIEW_CODES)
    return _stands(seen, Action.REVIEW) or _of_hold(Action.REVIEW, held)


def _refused(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    """Clear words of this answer that are no evidence of serving: what was asked is not what serves."""
    verdict = seen.answer.verdict
    if verdict is None or verdict.confidence is Confidence.LOW:
        return None
    if verdict.signal is Signal.ENTITLEMENT:
        return _off(seen, now, verdict.code, {})
    if verdict.signal is Signal.QUOTA and verdict.confidence is Confidence.HIGH:
        return _off(seen, now, "limit_without_window", {"limit": verdict.code}, verdict.until)
    if verdict.action is not Action.KEEP:
        return Suggestion(verdict.action, verdict.code)
    return None


def _not_included(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    found = _stands(seen, Action.DISABLE)
    return found and _off(seen, now, found.code, found.params)


def _unanswered(seen: Seen, _policy: Policy, _now: datetime) -> Suggestion | None:
    """Nothing was told: nothing follows."""
    if seen.answer.outcome is Outcome.TOLD:
        return None
    return Suggestion(Action.KEEP, seen.answer.code or "quota_not_told", seen.answer.params)


def _long_window(seen: Seen, policy: Policy, now: datetime) -> Suggestion | None:
    full = [window for window in _long_windows(seen, now) if _is_used(window, policy.threshold)]
    if not full:
        return None
    longest = max(full, key=lambda window: window.ends_at)
    if seen.answer.signal is Signal.SUCCESS and longest.is_used_up:
        return Suggestion(Action.KEEP, "serves_beyond", _of(longest))
    return _off(seen, now, "long_window_full", _of(longest), longest.resets_at)


def _limit_without_window(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    """The provider named a limit, and no window says that it is one of hours."""
    if seen.answer.signal is not Signal.QUOTA or any(window.limits(now) for window in seen.answer.windows):
        return None
    row = next((row for row in seen.standing if row.signal is Signal.QUOTA and row.scope is None), None)
    told = {"limit": row.code if row else "usage_limit_reached"}
    return _off(seen, now, "limit_without_window", told, row.until if row else None)


def _incomplete(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    """Figures that are missing are unknown: never full, never recovered."""
    windows = _account_windows(seen, now)
    if windows and all(window.used_percent is not None or window.limit_reached for window in windows):
        return None
    return Suggestion(Action.KEEP, "figures_missing")


def _short_window(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    full = next((window for window in _account_windows(seen, now) if window.limits(now)), None)
    if full is None or seen.answer.signal is Signal.SUCCESS:
        return None
    return Suggestion(Action.KEEP, "short_window_full", _of(full))


def _switched_off(seen: Seen, _policy: Policy, now: datetime) -> Suggestion | None:
    """It could serve, and somebody keeps it from serving."""
    by_person = [hold for hold in seen.holds if hold.owner is Owner.OPERATOR and _is_whole(hold, now)]
    ours = [hold for hold in own_holds(seen.holds) if hold.applies(now)]
    if any(hold.code != IMPORTED for hold in by_person):
        return Suggestion(Action.KEEP, "disabled_by_person")
    if not (by_person or ours):
        return None
    if unproven := next((hold for hold in ours if hold.code not in RECOVERABLE | {SWITCHED_OFF}), None):
        return Suggestion(Action.KEEP, "not_proven", {"code": unproven.code})
    if by_person or any(hold.code == SWITCHED_OFF for hold in ours):
        return Suggestion(Action.ENABLE, "recovered_for_person")
    return Suggestion(Action.ENABLE, RECOVERED, {"since": rfc3339(ours[0].since)})


_RULES: Final[Sequence[_Rule]] = (
    _not_asked,
    _closed,
    _signed_out,
    _may_have_run_out,
    _for_a_person,
    _not_included,
    _refused,
    _unanswered,
    _long_window,
    _limit_without_window,
    _incomplete,
    _short_window,
    _switched_off,
)

_SIGNED_OUT: Final = frozenset({"refresh_refused", "refresh_answer_lost"})


# ---- what they ask ----


def _stands(seen: Seen, action: Action) -> Suggestion | None:
    """What evidence asks for that stands against the whole account, the newest first."""
    row = next((row for row in seen.standing if row.action is action and row.scope is None), None)
    return Suggestion(action, row.code, {"seen": rfc3339(row.last_at)}) if row else None


def _of_hold(action: Action, hold: Hold | None) -> Suggestion | None:
    return Suggestion(action, hold.code, hold.detail) if hold else None


def _held(seen: Seen, now: datetime, is_it: Callable[[Hold], bool]) -> Hold | None:
    ours = (hold for hold in seen.holds if hold.owner is Owner.CREDENTIAL and _is_whole(hold, now))
    return next((hold for hold in ours if is_it(hold)), None)


def _is_whole(hold: Hold, now: datetime) -> bool:
    return hold.scope is None and hold.applies(now)


def _off(seen: Seen, now: datetime, code: str, params: Mapping[str, Any], until: datetime | None = None) -> Suggestion:
    """Switch it off, unless it is."""
    is_off = any(hold.owner in (Owner.OPERATOR, Owner.INSPECTION) and _is_whole(hold, now) for hold in seen.holds)
    if is_off:
        return Suggestion(Action.KEEP, "disabled_already", {**params, "code": code})
    return Suggestion(Action.DISABLE, code, params, until if until is not None and until > now else None)


def _account_windows(seen: Seen, now: datetime) -> list[QuotaWindow]:
    return [
        window for window in seen.answer.windows if window.scope is None and window.counts and window.is_current(now)
    ]


def _long_windows(seen: Seen, now: datetime) -> list[QuotaWindow]:
    return [window for window in _account_windows(seen, now) if _is_long(window)]


def _is_long(window: QuotaWindow) -> bool:
    if window.seconds is not None:
        return window.seconds >= LONG
    return window.window in (Window.WEEKLY, Window.MONTHLY, Window.ROLLING_24H)


def _is_used(window: QuotaWindow, threshold: float) -> bool:
    return window.limit_reached or (window.used_percent is not None and window.used_percent >= threshold)


def _of(window: QuotaWindow) -> dict[str, Any]:
    used = None if window.used_percent is None else f"{window.used_percent:.3g}"
    resets = rfc3339(window.resets_at) if window.resets_at else None
    return {"window": window.window, "used": used, "resets_at": resets}


# ---- as evidence ----


def redacted(seen: Seen) -> dict[str, Any]:
    """What the probe saw, as it may be kept and shown: status, summary, plan, windows, the token's end. No identity."""
    answer, account = seen.answer, seen.account
    told = {
        "outcome": answer.outcome.value,
        "status": answer.status,
        "summary": answer.evidence.get("summary"),
        "link": answer.evidence.get("link"),
        "plan": answer.plan,
        "token_ends": rfc3339(account.expires_at) if account.expires_at else None,
        "windows": [
            {**_of(window), "scope": window.scope, "observed_at": rfc3339(window.observed_at)}
            for window in answer.windows
        ],
    }
    return {name: value for name, value in told.items() if value not in (None, [])}
