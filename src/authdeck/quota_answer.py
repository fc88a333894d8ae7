"""What came of asking a provider for an account's limits. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from authdeck import fields
from authdeck.clock import rfc3339
from authdeck.errors import DeckError
from authdeck.evidence import Signal, Source
from authdeck.quota import Presence, QuotaWindow, lasts_otherwise
from authdeck.verdict import Verdict


class Outcome(StrEnum):
    """``told``: limits were read. ``unknown``: answered, but nothing could be read. ``refused``: not this account.

    ``failed``: no usable answer came, which says nothing of the account. ``skipped``: nothing was asked.
    """

    TOLD = "told"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Credits:
    """What serves beyond the windows. ``balance`` is in the provider's own unit; ``None``: not told.

    ``is_spent``: no more of them may be used now. ``local`` and ``cloud`` are about how many messages they are good
    for, at least and at most.
    """

    granted: bool
    unlimited: bool = False
    balance: float | None = None
    is_spent: bool | None = None
    local: tuple[int, int] | None = None
    cloud: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SpendControl:
    """What the owner of a workspace lets a member spend: ``used`` of ``limit``, in the provider's own unit."""

    reached: bool
    used: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class ResetCredits:
    """How often a person may have the windows begin anew; ``ends`` is when each of them runs out, where told."""

    count: int
    ends: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtraUsage:
    """Use paid for beyond the plan: ``used`` of ``limit``, both in the provider's own unit."""

    enabled: bool
    used: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What a provider tells beside windows. ``None``: not told."""

    credits: Credits | None = None
    reset_credits: ResetCredits | None = None
    extra_usage: ExtraUsage | None = None
    subscription_until: datetime | None = None
    spend_control: SpendControl | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What a provider changed about an account's limits. ``code`` and ``params`` make the sentence."""

    at: datetime
    source: Source
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as read. ``is_whole``: it lists every window there is. ``serves``: the provider's own word, if any.

    ``limit``: the code of a limit that it named without a window.
    """

    windows: tuple[QuotaWindow, ...] = ()
    plan: str | None = None
    extras: Extras = field(default_factory=Extras)
    is_whole: bool = True
    serves: bool | None = None
    limit: str | None = None

    @property
    def is_empty(self) -> bool:
        return not self.windows and self.limit is None


@dataclass(frozen=True, slots=True)
class QuotaAnswer:
    """``status`` is the provider's, where it answered. ``code`` and ``params`` make the sentence that says why not.

    ``windows`` are all that are known of the account now, ``signal`` what the answer says of it. ``evidence`` is
    redacted: status, summary, link. ``verdict`` is what the classifier said of a refusal. ``not_renewed``: why a token
    that was rejected could not be exchanged, where that was tried.
    """

    auth_index: str
    outcome: Outcome
    at: datetime
    status: int | None = None
    windows: tuple[QuotaWindow, ...] = ()
    plan: str | None = None
    signal: Signal | None = None
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    not_renewed: DeckError | None = None


def differences(
    before: Iterable[QuotaWindow],
    after: Iterable[QuotaWindow],
    plans: tuple[str | None, str | None],
    at: datetime,
    source: Source,
) -> tuple[Noted, ...]:
    """What the provider changed about its limits: other windows, other lengths, another plan."""
    notes: list[tuple[str, Mapping[str, Any]]] = []
    if all(plans) and plans[0] != plans[1]:
        notes.append(("plan_changed", {"before": plans[0], "after": plans[1]}))
    former = {window.key: window for window in before if window.presence is not Presence.INACTIVE}
    for window in after:
        name = {"window": window.window, "scope": window.scope or ""}
        known = former.get(window.key)
        if window.presence is Presence.INACTIVE and known is not None:
            notes.append(("limit_gone", name))
        elif known is None and former and window.presence is Presence.ACTIVE:
            notes.append(("limit_added", name))
        elif known is not None and lasts_otherwise(known, window):
            notes.append(("limit_length", {**name, "before": known.seconds, "after": window.seconds}))
    return tuple(Noted(at, source, code, params) for code, params in notes)


# ---- as JSON, for the row that keeps it ----


def extras_to(extras: Extras) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if (credit := extras.credits) is not None:
        optional = {"is_spent": credit.is_spent, "local": credit.local, "cloud": credit.cloud}
        told["credits"] = {"granted": credit.granted, "unlimited": credit.unlimited, "balance": credit.balance}
        told["credits"] |= {name: value for name, value in optional.items() if value is not None}
    if (resets := extras.reset_credits) is not None:
        told["reset_credits"] = {"count": resets.count, "ends": [rfc3339(end) for end in resets.ends]}
    if (extra := extras.extra_usage) is not None:
        told["extra_usage"] = {"enabled": extra.enabled, "used": extra.used, "limit": extra.limit}
    if extras.spend_control is not None:
        told["spend_control"] = asdict(extras.spend_control)
    if extras.subscription_until is not None:
        told["subscription_until"] = rfc3339(extras.subscription_until)
    return told


def extras_from(told: Mapping[str, Any]) -> Extras:
    credit, resets, extra = told.get("credits"), told.get("reset_credits"), told.get("extra_usage")
    control = told.get("spend_control")
    return Extras(
        credits=_credits(credit) if credit else None,
        reset_credits=ResetCredits(resets["count"], _moments(resets["ends"])) if resets else None,
        extra_usage=ExtraUsage(**extra) if extra else None,
        spend_control=SpendControl(**control) if control else None,
        subscription_until=fields.moment(told.get("subscription_until")),
    )


def _credits(told: Mapping[str, Any]) -> Credits:
    pairs = {name: (pair[0], pair[1]) for name in ("local", "cloud") if (pair := told.get(name))}
    return Credits(**{**told, **pairs})


def _moments(written: list[str]) -> tuple[datetime, ...]:
    return tuple(moment for each in written if (moment := fields.moment(each)) is not None)
