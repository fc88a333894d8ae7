"""Claude: the usage and the profile that the subscription's own pages show."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from authdeck import fields
from authdeck.credential import Credential
from authdeck.evidence import Source
from authdeck.exchange import Outgoing
from authdeck.in_passing import Words
from authdeck.providers import addresses
from authdeck.providers.claude import OAUTH_BETA
from authdeck.providers.quotas import asking
from authdeck.providers.quotas.asking import Question, Quota, Replies
from authdeck.quota import Accuracy, QuotaWindow, Window, percent, slug
from authdeck.quota_answer import Extras, ExtraUsage, Told
from authdeck.settings import Providers

_BETA: Final = ("anthropic-beta", OAUTH_BETA)
_FIVE_HOURS: Final = (Window.FIVE_HOUR, 5 * 3600)
_WEEK: Final = (Window.WEEKLY, 7 * 86_400)
_OWN: Final = {"five_hour": _FIVE_HOURS, "seven_day": _WEEK}
_MODELS: Final = {"seven_day_opus": "opus", "seven_day_sonnet": "sonnet"}
_SIDES: Final = {"seven_day_oauth_apps": "oauth_apps", "seven_day_cowork": "cowork", "iguana_necktie": "iguana_necktie"}
"""Limits of side services, and one whose meaning nobody has told: they keep the account from nothing."""

_OWN_KINDS: Final = {"session": "five_hour", "weekly": "seven_day", "weekly_all": "seven_day"}
_MODEL_KINDS: Final = frozenset({"weekly_scoped", "weekly_model_scoped"})


def _ask_usage(credential: Credential, settings: Providers) -> Outgoing:
    return asking.get(credential, addresses.below(settings.claude.api_url, "/api/oauth/usage"), _BETA)


def _ask_profile(credential: Credential, settings: Providers) -> Outgoing:
    url = addresses.below(settings.claude.api_url, "/api/oauth/profile")
    return asking.get(credential, url, _BETA, timeout=asking.SIDE_TIMEOUT)


def _read(replies: Replies, now: datetime) -> Told:
    usage = asking.objects(replies, "usage")
    listed = asking.each(usage, "limits")
    windows = [*_keyed(usage, now), *_sessions(usage, listed, now), *_scoped(usage, listed, now)]
    extras = Extras(extra_usage=_extra(asking.inside(usage, "extra_usage")))
    return Told(tuple(windows), _plan(asking.objects(replies, "profile")), extras)


def _keyed(usage: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """The windows that have a key of their own."""
    for key, (window, seconds) in _OWN.items():
        if found := asking.inside(usage, key):
            yield _window(found, window, seconds, now)
    for key, model in _MODELS.items():
        if found := asking.inside(usage, key):
            yield _window(found, *_WEEK, now, scope=model)
    for key, name in _SIDES.items():
        if found := asking.inside(usage, key):
            yield _window(found, *_WEEK, now, scope=name, counts=False)


def _sessions(usage: Mapping[str, Any], listed: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[QuotaWindow]:
    """The account's own windows from the list, where they have no key of their own."""
    wanted: dict[str, list[Mapping[str, Any]]] = {}
    for limit in listed:
        key = _OWN_KINDS.get(str(limit.get("kind")))
        is_own = key is not None and not asking.inside(limit, "scope") and limit.get("is_active") is not False
        if key is not None and is_own and not asking.inside(usage, key):
            wanted.setdefault(key, []).append(limit)
    for key, limits in wanted.items():
        yield _window(_best(limits, now), *_OWN[key], now)


def _scoped(usage: Mapping[str, Any], listed: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[QuotaWindow]:
    """Weekly windows of single models."""
    keyed = {model for key, model in _MODELS.items() if asking.inside(usage, key)}
    wanted: dict[str, list[Mapping[str, Any]]] = {}
    for limit in listed:
        kind, group = str(limit.get("kind")), limit.get("group")
        model = asking.inside(asking.inside(limit, "scope"), "model")
        name = slug(fields.text(model, "display_name", "id") or "")
        if name and name not in keyed and (kind in _MODEL_KINDS or (kind == "model_scoped" and group == "weekly")):
            wanted.setdefault(name, []).append(limit)
    for name, limits in wanted.items():
        yield _window(_best(limits, now), *_WEEK, now, scope=name)


def _best(limits: list[Mapping[str, Any]], now: datetime) -> Mapping[str, Any]:
    """Of several of the same: the later reset, the active one, the one with a figure, the higher use."""

    def rank(limit: Mapping[str, Any]) -> tuple[float, bool, bool, float]:
        resets_at, _ = asking.reset(limit, now, ("resets_at",))
        used = _used(limit)
        ends = resets_at.timestamp() if resets_at is not None else 0.0
        return ends, limit.get("is_active") is True, used is not None, used or 0.0

    return max(limits, key=rank)


def _used(found: Mapping[str, Any]) -> float | None:
    return percent(asking.part(found, "utilization", "percent"))


def _window(
    found: Mapping[str, Any],
    window: Window,
    seconds: int,
    now: datetime,
    *,
    scope: str | None = None,
    counts: bool = True,
) -> QuotaWindow:
    """A window that nobody has begun has no reset yet: that is told, not unknown."""
    resets_at, accuracy = asking.reset(found, now, ("resets_at",))
    used = _used(found)
    if used == 0 and resets_at is None:
        accuracy = Accuracy.EXACT
    return QuotaWindow(
        window=window.value,
        used_percent=used,
        observed_at=now,
        source=Source.QUOTA_QUERY,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        scope=scope,
        resets_at=resets_at,
        counts=counts,
        seconds=seconds,
    )


def _extra(found: Mapping[str, Any]) -> ExtraUsage | None:
    enabled = found.get("is_enabled")
    if not isinstance(enabled, bool):
        return None
    return ExtraUsage(enabled, asking.number(found.get("used_credits")), asking.number(found.get("monthly_limit")))


def _plan(profile: Mapping[str, Any]) -> str | None:
    account, organization = asking.inside(profile, "account"), asking.inside(profile, "organization")
    flags = account.get("has_claude_max"), account.get("has_claude_pro")
    if flags[0] is True:
        return "max"
    if flags[1] is True:
        return "pro"
    is_active = fields.text(organization, "subscription_status") == "active"
    if fields.text(organization, "organization_type") == "claude_team" and is_active:
        return "team"
    return "free" if flags == (False, False) else None


QUOTA: Final = Quota(
    questions=(
        Question("usage", _ask_usage),
        Question("profile", _ask_profile, when=asking.answered("usage"), is_side=True),
    ),
    read=_read,
    words=Words(
        "anthropic-ratelimit-unified-",
        {
            "status": "standing",
            "representative-claim": "deciding",
            "reset": "standing_until",
            "fallback": "fallback",
            "fallback-percentage": "fallback_share",
            "overage-status": "overage",
            "overage-disabled-reason": "overage_off",
            "overage-reset": "overage_until",
        },
    ),
)
