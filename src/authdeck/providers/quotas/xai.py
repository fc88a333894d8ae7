"""xAI: billing of a Grok subscription: the week's credits, and the month beside them."""

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
from authdeck.quota import Accuracy, QuotaWindow, Window, name_of, percent, slug
from authdeck.quota_answer import Extras, ExtraUsage, Told
from authdeck.settings import Providers

_TOKEN_KIND: Final = ("x-xai-token-auth", "xai-grok-cli")
"""Says what kind of token comes; without it the host takes none of these sign-ins (as for serving)."""

_WEEK: Final = 7 * 86_400
_FORBIDDEN: Final = 403
_BLOCKED: Final = "spending_limit"


def _ask_credits(credential: Credential, settings: Providers) -> Outgoing:
    url = addresses.below(settings.xai.api_url, "/v1/billing", "format=credits")
    return asking.get(credential, url, _TOKEN_KIND, *_user(credential))


def _ask_month(credential: Credential, settings: Providers) -> Outgoing:
    url = addresses.below(settings.xai.api_url, "/v1/billing")
    return asking.get(credential, url, _TOKEN_KIND, *_user(credential), timeout=asking.SIDE_TIMEOUT)


def _ask_me(credential: Credential, settings: Providers) -> Outgoing:
    return asking.get(credential, addresses.below(settings.xai.key_url, "/me"), timeout=asking.SIDE_TIMEOUT)


def _user(credential: Credential) -> list[tuple[str, str]]:
    said = fields.text(credential.document, "sub")
    return [("x-userid", said)] if said is not None else []


def _may_have_a_month(replies: Replies) -> bool:
    return replies["credits"].status in asking.SUCCESS or replies["credits"].status == _FORBIDDEN


def _is_kept_out(replies: Replies) -> bool:
    """No billing page was opened to it: the API still says whether the team is blocked."""
    return all(reply.status == _FORBIDDEN for reply in replies.values())


def _read(replies: Replies, now: datetime) -> Told:
    week = asking.inside(asking.objects(replies, "credits"), "config")
    month = asking.inside(asking.objects(replies, "month"), "config")
    is_blocked = asking.part(asking.objects(replies, "me"), "team_blocked") is True
    windows = (*_weekly(week, now), *_products(week, now), *_monthly(month, now))
    extras = Extras(extra_usage=_on_demand(month or week))
    is_whole = asking.answered("credits", "month")(replies)
    return Told(windows, extras=extras, is_whole=is_whole, limit=_BLOCKED if is_blocked else None)


def _weekly(config: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """A share that is left out of an answer with a running period is zero."""
    period = asking.inside(config, "current_period")
    resets_at, accuracy = asking.reset(period, now, ("end",))
    used = percent(asking.part(config, "credit_usage_percent"))
    if used is None and resets_at is not None:
        used, accuracy = 0.0, Accuracy.DERIVED
    if not period and used is None:
        return
    seconds = _length(period)
    yield QuotaWindow(
        window=name_of(seconds, fields.text(period, "type") or "credits"),
        used_percent=used,
        observed_at=now,
        source=Source.QUOTA_QUERY,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        resets_at=resets_at,
        seconds=seconds,
    )


def _length(period: Mapping[str, Any]) -> int | None:
    start, end = (fields.moment(asking.part(period, name)) for name in ("start", "end"))
    if start is not None and end is not None and start < end:
        return int((end - start).total_seconds())
    return _WEEK if "weekly" in str(period.get("type")).lower() else None


def _products(config: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """What single products used of the same credits."""
    resets_at, accuracy = asking.reset(asking.inside(config, "current_period"), now, ("end",))
    for one in asking.each(config, "product_usage"):
        name = slug(fields.text(one, "product", "name") or "")
        used = percent(asking.part(one, "credit_usage_percent", "usage_percent", "percent"))
        if name and used is not None:
            yield QuotaWindow(
                Window.WEEKLY.value, used, now, Source.QUOTA_QUERY, accuracy, name, resets_at, counts=False
            )


def _monthly(config: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """Money of the month, in cents. The week decides what is served; this is beside it."""
    usage = asking.inside(config, "usage")
    used = asking.number(asking.part(config, "used"))
    used = asking.number(asking.part(usage, "included_used", "total_used")) if used is None else used
    share = asking.share(used, asking.number(asking.part(config, "monthly_limit")))
    if share is None:
        return
    resets_at, accuracy = asking.reset(config, now, ("billing_period_end",))
    known = Accuracy.DERIVED if accuracy is Accuracy.EXACT else accuracy
    yield QuotaWindow(
        Window.MONTHLY.value, share, now, Source.QUOTA_QUERY, known, None, resets_at, counts=False
    )  # fmt: skip


def _on_demand(config: Mapping[str, Any]) -> ExtraUsage | None:
    cap, used = (asking.number(asking.part(config, name)) for name in ("on_demand_cap", "on_demand_used"))
    return None if cap is None and used is None else ExtraUsage(bool(cap), used, cap)


QUOTA: Final = Quota(
    questions=(
        Question("credits", _ask_credits),
        Question("month", _ask_month, when=_may_have_a_month, is_side=True),
        Question("me", _ask_me, when=_is_kept_out, is_side=True),
    ),
    read=_read,
)
