"""Codex: the usage that ChatGPT shows, and its reset credits. Shapes: openai/codex ``backend-client``, the panel."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from authdeck import fields, in_passing
from authdeck.credential import Credential
from authdeck.evidence import Source
from authdeck.exchange import Outgoing
from authdeck.providers import addresses
from authdeck.providers.codex import account_id
from authdeck.providers.quotas import asking
from authdeck.providers.quotas.asking import Question, Quota, Replies
from authdeck.quota import FULL, Accuracy, QuotaWindow, name_of, percent, slug
from authdeck.quota_answer import Credits, Extras, ResetCredits, SpendControl, Told
from authdeck.settings import Providers

_CREDITS: Final = "/wham/rate-limit-reset-credits"
_FIVE_HOURS: Final = 5 * 3600
_WEEK: Final = 7 * 86_400
_MONTH: Final = 30 * 86_400
_REVIEW: Final = "code_review"
_RESET_TYPE: Final = "codex_rate_limits"


def _headers(credential: Credential) -> list[tuple[str, str]]:
    account = account_id(credential.document)
    return [] if account is None else [("chatgpt-account-id", account)]


def _ask_usage(credential: Credential, settings: Providers) -> Outgoing:
    url = addresses.below(settings.codex.api_url, "/wham/usage")
    return asking.get(credential, url, *_headers(credential))


def _ask_credits(credential: Credential, settings: Providers) -> Outgoing:
    url = addresses.below(settings.codex.api_url, _CREDITS)
    return asking.get(credential, url, *_headers(credential), timeout=asking.SIDE_TIMEOUT)


def _has_credits(replies: Replies) -> bool:
    """The usage counts them; when each ends is worth a second question only where there is one."""
    return _count(asking.objects(replies, "usage")) > 0


def _use_reset(credential: Credential, settings: Providers, request_id: str) -> Outgoing:
    url = addresses.below(settings.codex.api_url, f"{_CREDITS}/consume")
    return asking.post(credential, url, {"redeem_request_id": request_id}, *_headers(credential))


def _read(replies: Replies, now: datetime) -> Told:
    usage = asking.objects(replies, "usage")
    main = asking.inside(usage, "rate_limit")
    plan = fields.text(usage, "plan_type", "planType")
    windows = [*_windows(main, now, plan), *_side_windows(usage, now, plan)]
    credit = asking.inside(usage, "credits")
    ends = asking.part(usage, "subscription_active_until")
    extras = Extras(
        _credits(credit),
        _reset_credits(usage, replies),
        subscription_until=fields.moment(ends),
        spend_control=_spend_control(asking.inside(usage, "spend_control")),
    )
    return Told(tuple(windows), plan.lower() if plan else None, extras, serves=_serves(main, usage))


def _windows(limit: Mapping[str, Any], now: datetime, plan: str | None, scope: str | None = None) -> list[QuotaWindow]:
    return [
        _window(found, limit, usual, now, scope)
        for place, usual in (("primary_window", _FIVE_HOURS), ("secondary_window", _second(plan)))
        if (found := asking.inside(limit, place))
    ]


def _second(plan: str | None) -> int:
    """The longer window of a plan that does not tell its length: teams have a month."""
    return _MONTH if plan is not None and plan.lower() == "team" else _WEEK


def _window(
    found: Mapping[str, Any], limit: Mapping[str, Any], usual: int, now: datetime, scope: str | None
) -> QuotaWindow:
    told = asking.number(asking.part(found, "limit_window_seconds"))
    seconds = int(told) if told is not None and told > 0 else usual
    resets_at, accuracy = asking.reset(found, now, ("reset_at",), ("reset_after_seconds",))
    is_reached = asking.part(limit, "limit_reached") is True or asking.part(limit, "allowed") is False
    used = percent(asking.part(found, "used_percent"))
    if used is None and is_reached and resets_at is not None:
        used = FULL
    return QuotaWindow(
        window=name_of(seconds),
        used_percent=used,
        observed_at=now,
        source=Source.QUOTA_QUERY,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        scope=scope,
        resets_at=resets_at,
        limit_reached=is_reached and used is not None and used >= FULL,
        counts=scope is None,
        seconds=seconds,
    )


def _side_windows(usage: Mapping[str, Any], now: datetime, plan: str | None) -> Iterator[QuotaWindow]:
    """Limits of code review and of single models: being full, they keep the account from nothing else."""
    yield from _windows(asking.inside(usage, "code_review_rate_limit"), now, plan, _REVIEW)
    for other in asking.each(usage, "additional_rate_limits"):
        name = fields.text(other, "limit_name", "limitName", "metered_feature", "meteredFeature")
        if name is not None and (scope := slug(name)):
            yield from _windows(asking.inside(other, "rate_limit"), now, plan, scope)


def _serves(limit: Mapping[str, Any], usage: Mapping[str, Any]) -> bool | None:
    """Whether it goes on serving though a window is full: ChatGPT says so, or there are credits that may be spent."""
    credit, control = asking.inside(usage, "credits"), asking.inside(usage, "spend_control")
    if asking.part(limit, "allowed") is True and asking.part(limit, "limit_reached") is not True:
        return True
    is_spent = asking.part(credit, "overage_limit_reached") is True or asking.part(control, "reached") is True
    has_some = asking.part(credit, "unlimited") is True or asking.part(credit, "has_credits") is True
    return True if has_some and not is_spent else None


def _credits(found: Mapping[str, Any]) -> Credits | None:
    granted = asking.part(found, "has_credits")
    if not isinstance(granted, bool):
        return None
    spent = asking.part(found, "overage_limit_reached")
    return Credits(
        granted,
        asking.part(found, "unlimited") is True,
        asking.number(asking.part(found, "balance")),
        spent if isinstance(spent, bool) else None,
        _between(asking.part(found, "approx_local_messages")),
        _between(asking.part(found, "approx_cloud_messages")),
    )


def _between(told: Any) -> tuple[int, int] | None:
    """At least and at most; a single number is both."""
    numbers = [asking.number(each) for each in (told if isinstance(told, list) else [told])]
    found = sorted(int(each) for each in numbers if each is not None and each >= 0)
    return (found[0], found[-1]) if found and len(found) == len(numbers) else None


def _spend_control(found: Mapping[str, Any]) -> SpendControl | None:
    """``individual_limit`` is a number, or says how much of it is used."""
    reached, limit = asking.part(found, "reached"), asking.part(found, "individual_limit")
    if not isinstance(reached, bool):
        return None
    inside = limit if isinstance(limit, Mapping) else {"limit": limit}
    return SpendControl(reached, asking.number(inside.get("used")), asking.number(inside.get("limit")))


def _count(usage: Mapping[str, Any]) -> int:
    return int(asking.number(asking.part(asking.inside(usage, "rate_limit_reset_credits"), "available_count")) or 0)


def _reset_credits(usage: Mapping[str, Any], replies: Replies) -> ResetCredits | None:
    """Those that are still to be had; where the list did not come, their count."""
    listed = asking.objects(replies, "reset_credits")
    if not isinstance(asking.part(listed, "credits"), list):
        is_told = bool(asking.inside(usage, "rate_limit_reset_credits"))
        return ResetCredits(_count(usage)) if is_told else None
    usable = [one for one in asking.each(listed, "credits") if _is_usable(one)]
    ends = [fields.moment(asking.part(one, "expires_at")) for one in usable]
    return ResetCredits(len(usable), tuple(sorted(end for end in ends if end is not None)))


def _is_usable(credit: Mapping[str, Any]) -> bool:
    kind = asking.part(credit, "reset_type")
    return kind in (None, _RESET_TYPE) and asking.part(credit, "status") == "available"


def _figures(seen: in_passing.Seen) -> in_passing.Figures:
    """Headers as ``codex-api/src/rate_limits.rs`` reads them; credits are those of one answer."""
    has = seen.get(f"{_BEGIN}credits-has-credits")
    granted = in_passing.yes(has.value) if has is not None else None
    resets = seen.get(f"{_BEGIN}rate-limit-reset-credits-available")
    count = in_passing.number(resets.value) if resets is not None else None
    told = None
    if has is not None and granted is not None:
        beside = {name: header.value for name, header in seen.items() if header.at == has.at}
        unlimited = in_passing.yes(beside.get(f"{_BEGIN}credits-unlimited", "")) is True
        told = Credits(granted, unlimited, in_passing.number(beside.get(f"{_BEGIN}credits-balance", "")))
    return in_passing.Figures(
        credits=(told, has.at) if told is not None and has is not None else None,
        reset_credits=(int(count), resets.at) if count is not None and resets is not None else None,
    )


_BEGIN: Final = "x-codex-"

QUOTA: Final = Quota(
    questions=(
        Question("usage", _ask_usage),
        Question("reset_credits", _ask_credits, when=_has_credits, is_side=True),
    ),
    read=_read,
    use_reset=_use_reset,
    figures=_figures,
    words=in_passing.Words(
        _BEGIN,
        {"rate-limit-reached-type": "limit_met", "active-limit": "active_limit", "promo-message": "message"},
    ),
)
