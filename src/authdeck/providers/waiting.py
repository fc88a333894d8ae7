"""When a provider says that it serves again."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from authdeck import fields
from authdeck.quota import Accuracy
from authdeck.verdict import Until

FARTHEST: Final = timedelta(days=62)
"""A reset later than this is no reset: it is left out rather than believed."""

_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """``Retry-After`` in seconds or as a date (and ``retry-after-ms``); never negative."""
    if (milliseconds := headers.get("retry-after-ms", "").strip()).isdigit():
        return _sane(timedelta(milliseconds=min(int(milliseconds), 10**13)))
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return _sane(timedelta(seconds=min(float(value), 10**10)))
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return _sane(max(when - now, timedelta(0)))


def told(error: Mapping[str, Any], headers: Mapping[str, str], now: datetime) -> Until | None:
    """The error object's word, else ``Retry-After``, which is a guess: it says when to ask, not when a limit ends."""
    if (until := from_body(error, now)) is not None:
        return until
    wait = retry_after(headers, now)
    return None if wait is None else Until(now + wait, Accuracy.ESTIMATED)


def from_body(error: Mapping[str, Any], now: datetime) -> Until | None:
    """``resets_at`` (unix s, ms or ISO), ``resets_in_seconds``, and Google's ``RetryInfo`` and ``quotaResetDelay``."""
    for name in ("resets_at", "resetsAt", "reset_at", "period_end", "billing_period_end"):
        if (when := sane(fields.moment(error.get(name)), now)) is not None:
            return Until(when)
    for name in ("resets_in_seconds", "reset_after_seconds"):
        if isinstance(wait := error.get(name), int | float) and 0 <= wait <= FARTHEST.total_seconds():
            return Until(now + timedelta(seconds=wait), Accuracy.DERIVED)
    details = error.get("details")
    waits = (
        [_google_wait(detail) for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    )
    longest = max((wait for wait in waits if wait is not None), default=None)
    when = None if longest is None else sane(now + longest, now)
    return None if when is None else Until(when, Accuracy.DERIVED)


def sane(when: datetime | None, now: datetime) -> datetime | None:
    """The moment, unless it is past or absurdly far."""
    return when if when is not None and now < when <= now + FARTHEST else None


def _google_wait(detail: Mapping[str, Any]) -> timedelta | None:
    metadata = detail.get("metadata")
    delay = metadata.get("quotaResetDelay") if isinstance(metadata, dict) else None
    for value in (detail.get("retryDelay"), delay):
        if isinstance(value, str) and value and len(value) < 40 and (match := _DURATION.fullmatch(value)):  # noqa: PLR2004
            hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
            if max(hours, minutes, seconds, milliseconds) < 10**9:
                return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    return None


def _sane(wait: timedelta) -> timedelta | None:
    return wait if wait <= FARTHEST else None
