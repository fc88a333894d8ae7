"""Kimi: usages of the coding subscription."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from authdeck import fields
from authdeck.credential import Credential
from authdeck.evidence import Source
from authdeck.exchange import Outgoing
from authdeck.providers import addresses
from authdeck.providers.quotas import asking
from authdeck.providers.quotas.asking import Question, Quota, Replies
from authdeck.quota import Accuracy, QuotaWindow, Window, name_of
from authdeck.quota_answer import Told
from authdeck.settings import Providers

_WEEK: Final = 7 * 86_400
_UNITS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": _WEEK}
_AT: Final = ("reset_at", "reset_time")
_AFTER: Final = ("reset_in", "ttl")


def _ask_usages(credential: Credential, settings: Providers) -> Outgoing:
    device = fields.text(credential.document, "device_id")
    bound = [("x-msh-device-id", device)] if device is not None else []
    return asking.get(credential, addresses.below(settings.kimi.api_url, "/v1/usages"), *bound)


def _read(replies: Replies, now: datetime) -> Told:
    answer = asking.objects(replies, "usages")
    wrapped = asking.each(answer, "usages")
    return Told(tuple(_windows(wrapped[0] if wrapped else answer, now)))


def _windows(usages: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """``usage`` is the week; each of ``limits`` has a length of its own."""
    if week := asking.inside(usages, "usage", "detail"):
        yield _window(week, Window.WEEKLY.value, _WEEK, now)
    for limit in asking.each(usages, "limits"):
        detail = asking.inside(limit, "detail") or limit
        seconds = _seconds(asking.inside(limit, "window"))
        name = fields.text(limit, "name", "title", "scope") or ""
        yield _window(detail, name_of(seconds, name), seconds, now)


def _seconds(window: Mapping[str, Any]) -> int | None:
    duration = asking.number(asking.part(window, "duration"))
    unit = str(asking.part(window, "time_unit") or "").upper().removeprefix("TIME_UNIT_").removesuffix("S")
    if duration is None or duration <= 0 or unit not in _UNITS:
        return None
    return int(duration * _UNITS[unit])


def _window(found: Mapping[str, Any], window: str, seconds: int | None, now: datetime) -> QuotaWindow:
    amounts = (asking.number(asking.part(found, name)) for name in ("used", "limit", "remaining"))
    used = asking.share(*amounts)
    resets_at, accuracy = asking.reset(found, now, _AT, _AFTER)
    return QuotaWindow(
        window=window,
        used_percent=used,
        observed_at=now,
        source=Source.QUOTA_QUERY,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        resets_at=resets_at,
        seconds=seconds,
    )


QUOTA: Final = Quota(questions=(Question("usages", _ask_usages),), read=_read)
