"""What an answer means: one table for gateway, refresh, inspection, queue and pages. Pure.

A provider puts its own rows before ``COMMON``; the first row that fits wins. A status alone never says that an account
is done for: only words do. Where neighbouring tools disagree, ``docs/decisions/0014-evidence.md`` says what was chosen.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from authdeck.event import FailureKind
from authdeck.evidence import CALLED_EXPIRED, Action, Confidence, Evidence, Signal, Source
from authdeck.quota import Accuracy

_ANY: Final[frozenset[int]] = frozenset()
_AUTH: Final = frozenset({401, 403})
_AUTH_OR_BAD: Final = frozenset({400, 401, 403})
_SERVER: Final = frozenset(range(500, 600))
_CLIENT: Final = frozenset(range(400, 500))

KIND_OF: Final[Mapping[Signal, FailureKind]] = {
    Signal.CREDENTIAL: FailureKind.AUTH,
    Signal.REVIEW: FailureKind.AUTH,
    Signal.DEACTIVATED: FailureKind.AUTH,
    Signal.ENTITLEMENT: FailureKind.AUTH,
    Signal.QUOTA: FailureKind.QUOTA,
    Signal.RATE_LIMIT: FailureKind.QUOTA,
    Signal.MODEL: FailureKind.REQUEST,
    Signal.REQUEST: FailureKind.REQUEST,
    Signal.CANCELLED: FailureKind.REQUEST,
    Signal.TRANSIENT: FailureKind.UPSTREAM,
    Signal.EGRESS: FailureKind.UPSTREAM,
}

_ACTION_OF: Final[Mapping[Signal, Action]] = {
    Signal.CREDENTIAL: Action.REAUTH,
    Signal.REVIEW: Action.REVIEW,
    Signal.DEACTIVATED: Action.DELETE,
    Signal.ENTITLEMENT: Action.DISABLE,
}

_CERTAIN: Final = frozenset({Signal.CREDENTIAL, Signal.REVIEW, Signal.DEACTIVATED, Signal.ENTITLEMENT, Signal.QUOTA})
"""Signals after which a hold may follow without a person, when the words were clear (high confidence)."""

_PASSING: Final = frozenset({Signal.QUOTA, Signal.RATE_LIMIT, Signal.TRANSIENT})
"""Signals after which it always may: these holds end by themselves."""


_ELSEWHERE: Final = _CERTAIN | {Signal.RATE_LIMIT, Signal.TRANSIENT, Signal.EGRESS}


@dataclass(frozen=True, slots=True)
class Said:
    """A failed answer taken apart. ``text`` is lower case; ``error`` is the innermost error object, or empty.

    ``link`` is where the provider sends the person who has to do something, an address of the provider's own.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    error: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what an answer with one of ``statuses`` and one of ``words`` means. None of them: any.

    Words are looked for as whole words in the lower-case text. ``also``: one of each group has to be there too.
    ``final``: only where the provider did not ask to try again (``x-should-retry: true``). ``of_model``: it concerns
    the model asked for, not the account. ``refreshable``: the token may just have run out.
    """

    signal: Signal
    code: str
    statuses: frozenset[int] = _ANY
    words: tuple[str, ...] = ()
    also: tuple[tuple[str, ...], ...] = ()
    confidence: Confidence = Confidence.HIGH
    final: bool = False
    refreshable: bool = False
    of_model: bool = False
    elsewhere: bool | None = None
    kind: FailureKind | None = None

    def fits(self, said: Said) -> bool:
        if self.statuses and said.status not in self.statuses:
            return False
        if self.final and said.headers.get("x-should-retry", "").strip().lower() in _YES:
            return False
        return all(_holds_one(said.text, words) for words in (self.words, *self.also))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. ``kind`` and ``code`` as in request events.

    ``elsewhere``: trying another account makes sense. ``refreshable``: a refresh may help. ``until`` is when the
    provider serves again, as exactly as ``accuracy`` says; ``scope`` a model, or ``None`` for the account; ``window``
    the full quota window, where known. ``action`` is suggested for the account; ``may_automate``: a hold may follow
    without a person. ``summary`` is sanitised, ``host`` is whom no answer came from.
    """

    kind: FailureKind
    code: str
    signal: Signal = Signal.TRANSIENT
    summary: str = ""
    elsewhere: bool = False
    refreshable: bool = False
    until: datetime | None = None
    accuracy: Accuracy = Accuracy.UNKNOWN
    scope: str | None = None
    window: str | None = None
    confidence: Confidence = Confidence.HIGH
    action: Action = Action.KEEP
    may_automate: bool = False
    status: int | None = None
    link: str | None = None
    host: str | None = None

    @property
    def is_account_wide(self) -> bool:
        """Whether it says something of the account, unless the provider named a model; else of this model only."""
        return self.kind in _ACCOUNT_WIDE

    def evidence(
        self, generation: int, at: datetime, source: Source = Source.RESPONSE, request_id: str | None = None
    ) -> Evidence:
        """The verdict as one observation of an account."""
        told = {"status": self.status, "summary": self.summary or None, "link": self.link, "host": self.host}
        return Evidence(
            generation=generation,
            source=source,
            signal=self.signal,
            code=self.code,
            first_at=at,
            last_at=at,
            scope=self.scope,
            until=self.until,
            is_told=self.until is not None and self.accuracy in (Accuracy.EXACT, Accuracy.DERIVED),
            window=self.window,
            action=self.action,
            confidence=self.confidence,
            may_automate=self.may_automate,
            request_id=request_id,
            detail={name: value for name, value in told.items() if value is not None},
        )


def of_expired(verdict: Verdict, *, is_final: bool, is_new: bool) -> Verdict:
    """A token that is called expired may just have run out, and says nothing clear unless it ``is_final``.

    One that ``is_new``, made a moment ago, tells of clocks or of the provider's state (``evidence.of_new_token``).
    """
    if verdict.code != "token_expired" or (is_final and not is_new):
        return verdict
    code = CALLED_EXPIRED if is_new else verdict.code
    return replace(verdict, code=code, confidence=Confidence.LOW, may_automate=False)


@dataclass(frozen=True, slots=True)
class Until:
    """When the provider serves again, how exactly that is known, and which window is full, where known."""

    at: datetime
    accuracy: Accuracy = Accuracy.EXACT
    window: str | None = None


COMMON: Final[tuple[Rule, ...]] = (
    Rule(Signal.DEACTIVATED, "workspace_deactivated", frozenset({402, 403}), ("deactivated_workspace",)),
    Rule(Signal.DEACTIVATED, "account_deactivated", _AUTH_OR_BAD, ("account_deactivated",)),
    Rule(
        Signal.CREDENTIAL,
        "token_revoked",
        _AUTH,
        (
            "token_revoked", "token_invalidated", "invalidated_oauth_token", "invalidated oauth token",
            "oauth token revoked", "token has been revoked", "token has been invalidated",
        ),
        refreshable=True,
    ),
    Rule(
        Signal.CREDENTIAL,
        "token_expired",
        _AUTH,
        (
            "token_expired", "token is expired", "token has expired", "jwt expired",
            "provided authentication token is expired", "authentication token is expired",
        ),
        refreshable=True,
    ),
    Rule(
        Signal.CREDENTIAL,
        "invalid_credentials",
        _AUTH,
        (
            "invalid_token", "invalid or expired credentials", "no auth context", "invalid_grant", "auth_unavailable",
            "requires reauthorization", "requires re-authentication",
        ),
        refreshable=True,
    ),
    Rule(
        Signal.CREDENTIAL,
        "invalid_credentials",
        frozenset({400, 401, 403}),
        ("invalid_api_key", "incorrect api key provided", "invalid x-api-key"),
    ),
    Rule(
        Signal.CREDENTIAL, "unauthorized", frozenset({401}),
        ("authentication_error", "unauthorized", "unauthenticated"),
        confidence=Confidence.MEDIUM, refreshable=True,
    ),
    Rule(Signal.CREDENTIAL, "unauthorized", frozenset({401}), confidence=Confidence.LOW, refreshable=True),
    Rule(Signal.QUOTA, "payment_required", frozenset({402}), confidence=Confidence.MEDIUM),
    Rule(
        Signal.QUOTA, "usage_limit_reached", frozenset({429}),
        ("usage_limit_reached", "quota_exceeded", "quota_depleted", "credits_depleted"),
    ),
    Rule(
        Signal.QUOTA,
        "insufficient_quota",
        frozenset({429, 403}),
        (
            "insufficient_quota", "exceeded_current_quota", "exceeded_current_quota_error",
            "exceeded your current quota", "billing_hard_limit", "billing_hard_limit_reached",
        ),
    ),
    Rule(Signal.RATE_LIMIT, "rate_limited", frozenset({429}), of_model=True),
    Rule(
        Signal.REVIEW, "permission_denied", frozenset({403}),
        ("authentication_error", "unauthorized", "forbidden", "permission_denied", "permission_error"),
        confidence=Confidence.MEDIUM,
    ),
    Rule(Signal.REVIEW, "permission_denied", frozenset({403}), confidence=Confidence.LOW),
    Rule(Signal.TRANSIENT, "upstream_timeout", frozenset({408, 504}), kind=FailureKind.TIMEOUT),
    Rule(Signal.TRANSIENT, "overloaded", frozenset({503, 529})),
    Rule(Signal.TRANSIENT, "server_error", _SERVER),
    Rule(Signal.MODEL, "model_not_found", frozenset({400, 404}), ("model_not_found",), of_model=True),
    Rule(Signal.REQUEST, "not_found", frozenset({404})),
    Rule(Signal.REQUEST, "too_large", frozenset({413})),
    Rule(
        Signal.REQUEST, "context_too_long", frozenset({400, 422}), ("context_length_exceeded", "prompt is too long")
    ),
    Rule(Signal.CANCELLED, "cancelled", frozenset({499})),
    Rule(Signal.REQUEST, "invalid_request", _CLIENT),
    Rule(Signal.TRANSIENT, "broken_answer"),
)  # fmt: skip

CHALLENGE: Final = Rule(Signal.EGRESS, "challenge")
"""The network edge's page: it is about where we come from, not about the account."""


def classify(
    said: Said, rules: Sequence[Rule] = (), *, model: str | None = None, until: Until | None = None
) -> Verdict:
    """The first row that fits. ``until`` is what the answer tells of the time; only limits and outages have one."""
    return judged(said, next(rule for rule in (*rules, *COMMON) if rule.fits(said)), model=model, until=until)


def judged(said: Said, rule: Rule, *, model: str | None = None, until: Until | None = None) -> Verdict:
    """The row's verdict on this answer."""
    signal, kind = rule.signal, rule.kind or KIND_OF[rule.signal]
    when = until if kind in _HAS_TIME else None
    is_clear = rule.confidence is Confidence.HIGH
    return Verdict(
        kind=kind,
        code=rule.code,
        signal=signal,
        summary=said.summary,
        elsewhere=signal in _ELSEWHERE if rule.elsewhere is None else rule.elsewhere,
        refreshable=rule.refreshable,
        until=when.at if when else None,
        accuracy=when.accuracy if when else Accuracy.UNKNOWN,
        scope=model if rule.of_model else None,
        window=when.window if when else None,
        confidence=rule.confidence,
        action=_ACTION_OF.get(signal, Action.KEEP),
        may_automate=signal in _PASSING or (is_clear and signal in _CERTAIN),
        status=said.status,
        link=said.link,
    )


def unreached(kind: FailureKind, code: str, *, elsewhere: bool, host: str = "") -> Verdict:
    """The verdict where no answer arrived. What we refused ourselves (an address not approved) is nobody's fault."""
    is_outage = kind in _OUTAGES and code not in _OURS
    signal = Signal.TRANSIENT if is_outage else Signal.REQUEST
    return Verdict(kind, code, signal, elsewhere=elsewhere, may_automate=is_outage, host=host or None)


_OUTAGES: Final = frozenset({FailureKind.NETWORK, FailureKind.TIMEOUT, FailureKind.UPSTREAM})
_OURS: Final = frozenset(
    {
        "upstream_not_approved", "upstream_needs_https", "upstream_redirected", "upstream_address_refused",
        "proxy_invalid",
    }
)  # fmt: skip
_ACCOUNT_WIDE: Final = frozenset({FailureKind.AUTH, FailureKind.NETWORK, FailureKind.QUOTA})
_HAS_TIME: Final = frozenset({FailureKind.QUOTA, FailureKind.UPSTREAM, FailureKind.TIMEOUT})
_YES: Final = frozenset({"true", "1", "yes"})


def _holds_one(text: str, words: tuple[str, ...]) -> bool:
    return not words or (any(word in text for word in words) and _pattern(words).search(text) is not None)


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words: ``invalid_token`` is not in ``invalid_token_count``."""
    return re.compile(rf"(?<![a-z0-9_])(?:{'|'.join(map(re.escape, words))})(?![a-z0-9_])")
