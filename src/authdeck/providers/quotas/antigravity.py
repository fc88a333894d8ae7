"""Antigravity: quota by family of models, and the subscription."""

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
from authdeck.quota import FULL, Accuracy, QuotaWindow, Window, name_of, slug
from authdeck.quota_answer import Told
from authdeck.settings import Providers

_LENGTHS: Final = {"5h": (Window.FIVE_HOUR, 5 * 3600), "weekly": (Window.WEEKLY, 7 * 86_400)}
_PLANS: Final = {
    "free-tier": "free", "g1-pro-tier": "pro", "g1-ultra-tier": "ultra", "g1-ultra-lite-tier": "ultra_lite",
}  # fmt: skip
_FAMILIES: Final = {"claude": "claude_gpt", "gpt": "claude_gpt", "gemini": "gemini"}


def _lacking(credential: Credential) -> str | None:
    return None if fields.text(credential.document, "project_id") else "quota_needs_project"


def _asking(action: str, *, about_project: bool = True) -> Any:
    def ask(credential: Credential, settings: Providers) -> Outgoing:
        url = f"{addresses.base(settings.antigravity.api_url)}/v1internal:{action}"
        body: Mapping[str, Any] = (
            {"project": fields.text(credential.document, "project_id")}
            if about_project
            else {"metadata": {"ideType": "IDE_UNSPECIFIED", "pluginType": "GEMINI"}}
        )
        return asking.post(credential, url, body)

    return ask


def _is_without_buckets(replies: Replies) -> bool:
    """Older backends have no summary; each model's own figure says the same."""
    summary = replies["summary"]
    is_missing = summary.status in (404, 501)
    return is_missing or (summary.status in asking.SUCCESS and not asking.each(_summary(replies), "groups"))


def _summary(replies: Replies) -> Mapping[str, Any]:
    return asking.objects(replies, "summary")


def _is_answered(replies: Replies) -> bool:
    return any(reply.status in asking.SUCCESS for reply in replies.values())


def _read(replies: Replies, now: datetime) -> Told:
    windows = list(_buckets(replies, now)) or list(_families(asking.objects(replies, "models"), now))
    return Told(tuple(windows), _plan(asking.objects(replies, "subscription")))


def _buckets(replies: Replies, now: datetime) -> Iterator[QuotaWindow]:
    for group in asking.each(_summary(replies), "groups"):
        name = slug(fields.text(group, "groupId", "displayName") or "")
        for bucket in asking.each(group, "buckets"):
            said = fields.text(bucket, "window") or ""
            window, seconds = _LENGTHS.get(said, (None, None))
            called = window.value if window else name_of(None, said or fields.text(bucket, "displayName") or "")
            yield _window(bucket, called, seconds, name or slug(fields.text(bucket, "bucketId") or "") or None, now)


def _families(answer: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow]:
    """Per family the model with the least left decides; of equal ones the later reset."""
    found: dict[str, QuotaWindow] = {}
    models = asking.inside(answer, "models")
    for name, model in models.items():
        family = next((known for word, known in _FAMILIES.items() if word in name.lower()), None)
        info = asking.inside(model, "quota_info") if isinstance(model, dict) else {}
        if family is None or not info:
            continue
        window = _window(info, name_of(None, "models"), None, family, now)
        if family not in found or _weight(window) > _weight(found[family]):
            found[family] = window
    yield from found.values()


def _weight(window: QuotaWindow) -> tuple[float, float]:
    return window.used_percent or 0.0, window.resets_at.timestamp() if window.resets_at else 0.0


def _window(
    found: Mapping[str, Any], window: str, seconds: int | None, scope: str | None, now: datetime
) -> QuotaWindow:
    """A fraction of zero is left out of an answer that names the reset."""
    resets_at, accuracy = asking.reset(found, now, ("reset_time",))
    left = asking.number(asking.part(found, "remaining_fraction"))
    if left is None and resets_at is not None:
        left, accuracy = 0.0, Accuracy.DERIVED
    used = None if left is None or not 0 <= left <= 1 else FULL - left * FULL
    return QuotaWindow(
        window=window,
        used_percent=used,
        observed_at=now,
        source=Source.QUOTA_QUERY,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        scope=scope,
        resets_at=resets_at,
        seconds=seconds,
    )


def _plan(answer: Mapping[str, Any]) -> str | None:
    tier = asking.inside(answer, "paid_tier") or asking.inside(answer, "current_tier")
    name = fields.text(tier, "id")
    return None if name is None else _PLANS.get(name, slug(name))


QUOTA: Final = Quota(
    questions=(
        Question("summary", _asking("retrieveUserQuotaSummary")),
        Question("models", _asking("fetchAvailableModels"), when=_is_without_buckets),
        Question("subscription", _asking("loadCodeAssist", about_project=False), when=_is_answered, is_side=True),
    ),
    read=_read,
    lacking=_lacking,
)
