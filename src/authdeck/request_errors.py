"""Failures that are the request's own, by an account's rules: whether others are tried, and whether it pauses. Pure.

Patterns run in RE2, whose time grows with the text and nothing else: no pattern that a file brings can hold up the
gateway. What RE2 does not have (look-around, back-references) is refused when the rule is set.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import re2

from authdeck.account import ErrorAction, ErrorRule
from authdeck.event import FailureKind
from authdeck.evidence import Signal
from authdeck.verdict import Verdict

LOOKED_AT: Final = 65_536
"""Characters of a failed answer in which phrases and patterns are looked for."""

_STOPS: Final = frozenset({ErrorAction.STOP, ErrorAction.STOP_AND_COOLDOWN})
_COOLS: Final = frozenset({ErrorAction.STOP_AND_COOLDOWN, ErrorAction.CONTINUE_AND_COOLDOWN})
_PAUSING: Final = frozenset({FailureKind.QUOTA, FailureKind.UPSTREAM, FailureKind.TIMEOUT, FailureKind.AUTH})


def is_pattern(pattern: str) -> bool:
    """Whether it is an expression that runs in time that grows with the text alone."""
    try:
        _compiled(pattern)
    except re2.error:
        return False
    return True


def decided(rules: Sequence[ErrorRule], status: int, body: bytes) -> ErrorAction | None:
    """What the first rule that fits says; ``None`` where none does."""
    fitting = [rule for rule in rules if rule.status == status]
    if not fitting:
        return None
    text = body[:LOOKED_AT].decode("utf-8", "replace")
    folded = text.casefold()
    return next((rule.action for rule in fitting if _fits(rule, text, folded)), None)


def ruled(observed: Verdict, action: ErrorAction) -> Verdict:
    """The observation as the rule has it: it says nothing of the account, unless the rule lets it cool down.

    ``elsewhere`` stays true where the account cools down: ``stops`` tells whether others are tried.
    """
    if action in _COOLS:
        kind = observed.kind if observed.kind in _PAUSING else FailureKind.UPSTREAM
        return replace(observed, kind=kind, elsewhere=True, refreshable=False)
    return replace(
        observed,
        kind=FailureKind.REQUEST,
        signal=Signal.REQUEST,
        elsewhere=action not in _STOPS,
        refreshable=False,
        may_automate=False,
    )


def stops(action: ErrorAction | None) -> bool:
    return action in _STOPS


def _fits(rule: ErrorRule, text: str, folded: str) -> bool:
    if not rule.match and not rule.match_regexr:
        return True
    if any(phrase.casefold() in folded for phrase in rule.match):
        return True
    return any(_compiled(pattern).search(text) is not None for pattern in rule.match_regexr)


@lru_cache(256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)
