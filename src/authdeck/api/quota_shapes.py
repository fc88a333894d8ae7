"""The shapes of quota: windows, what a query came to, forecasts, what the pool can serve; and how each is made."""

from authdeck.api.eyes import Eyes
from authdeck.api.shapes import Because, Shape, Time
from authdeck.entry import Entry
from authdeck.forecast import Forecast
from authdeck.in_passing import Said
from authdeck.operations.quota_report import QuotaReport
from authdeck.quota import NAMED, QuotaWindow
from authdeck.quota_answer import Credits, QuotaAnswer


class WindowShape(Shape):
    """One quota window as it was last seen. ``window`` is five_hour, weekly, monthly, rolling_24h or named.

    ``name`` is the limit's own name where it is named. ``scope`` is a model, or null for the account. ``used_percent``
    is 0-100, null where unknown. ``is_current``: it was not reset since, so the figure still says something.
    """

    auth_index: str
    file_name: str
    window: str
    name: str | None
    scope: str | None
    used_percent: float | None
    remaining_percent: float | None
    limit_reached: bool
    is_current: bool
    is_full: bool
    resets_at: Time | None
    source: str
    accuracy: str
    observed_at: Time
    presence: str


class SnapshotShape(WindowShape):
    """A window as it was at a moment. ``is_reset``: it began anew since the snapshot before."""

    is_reset: bool


class BackShape(Shape):
    """Accounts that come back together, ``at`` a minute: how many, and after which window, where one is known."""

    at: Time
    provider: str
    state: str
    count: int
    plans: list[str]
    window: str | None


class ProviderCapacityShape(Shape):
    """``can_serve`` are those known to; ``states`` counts all by health. ``left_percent``: on average, of ``told``.

    Each account counts by its tightest window; null where nobody's is known.
    """

    provider: str
    total: int
    can_serve: int
    states: dict[str, int]
    left_percent: float | None
    told: int
    next_back: Time | None


class CapacityShape(Shape):
    """``backs`` are who comes back within the hours asked for, soonest first."""

    total: int
    can_serve: int
    items: list[ProviderCapacityShape]
    backs: list[BackShape]


class CreditsShape(Shape):
    """What serves beyond the windows; ``balance`` in the provider's own unit.

    ``is_spent``: no more of them may be used now. ``local_messages`` and ``cloud_messages``: about how many they are
    good for, at least and at most.
    """

    granted: bool
    unlimited: bool
    balance: float | None
    is_spent: bool | None
    local_messages: list[int] | None
    cloud_messages: list[int] | None


class ResetCreditsShape(Shape):
    """How often the windows may be made to begin anew; ``ends`` is when each of these runs out, where told."""

    count: int
    ends: list[Time]


class ExtraUsageShape(Shape):
    """Use paid for beyond the plan, in the provider's own unit."""

    enabled: bool
    used: float | None
    limit: float | None


class SpendControlShape(Shape):
    """What a workspace lets its member spend, in the provider's own unit."""

    reached: bool
    used: float | None
    limit: float | None


class AgeShape(Shape):
    """``source``: quota_query (it was asked) or header (an answer to a request told it in passing)."""

    observed_at: Time
    source: str


class SaidShape(Shape):
    """What only headers tell: ``text`` in the provider's words, a ``moment``, or what is ``left`` of a ``limit``.

    ``request_id`` is the request in whose answer ``header`` stood.
    """

    code: str
    label: str
    text: str | None
    moment: Time | None
    left: float | None
    limit: float | None
    header: str
    observed_at: Time
    request_id: str | None


class NotedShape(Because):
    """What the provider changed, and where that was seen: ``source`` is quota_query, header or response."""

    observed_at: Time
    source: str


class ExtrasShape(Shape):
    """What was told beside windows. ``noted``: what the provider changed about its limits, newest first.

    ``ages``: of each field, the newest word counts. Of ``credits`` that is granted, unlimited and balance; only
    queries tell the rest of it.
    """

    credits: CreditsShape | None
    reset_credits: ResetCreditsShape | None
    extra_usage: ExtraUsageShape | None
    subscription_until: Time | None
    spend_control: SpendControlShape | None
    noted: list[NotedShape]
    ages: dict[str, AgeShape]
    said: list[SaidShape]


class QuotaAnswerShape(Shape):
    """``outcome``: told, unknown (answered, but nothing could be read), refused, failed, skipped (nothing was asked).

    ``because`` says why not; ``status``, ``summary`` and ``link`` are the provider's, redacted.
    """

    auth_index: str
    outcome: str
    at: Time
    status: int | None
    plan: str | None
    signal: str | None
    because: Because | None
    summary: str | None
    link: str | None


class ForecastShape(Shape):
    """``basis``: quota (the window's own pace so far) or previous (the completed window before).

    ``used_up_at`` is null where that does not happen before the reset. ``carries_…``: what the whole window carries.
    """

    basis: str
    percent_per_hour: float
    used_up_at: Time | None
    carries_requests: int | None
    carries_tokens: int | None


class ForecastWindowShape(WindowShape):
    forecast: ForecastShape | None


class QuotaReportShape(Shape):
    """``last`` is null where nobody asked yet; ``told_at`` is when a query told something last."""

    auth_index: str
    windows: list[ForecastWindowShape]
    last: QuotaAnswerShape | None
    extras: ExtrasShape
    told_at: Time | None


class ToldShape(QuotaReportShape):
    """The report after a query; ``answer`` is how it went."""

    answer: QuotaAnswerShape


def report(found: QuotaReport, eyes: Eyes, *, may_act: bool) -> QuotaReportShape:
    entry, last = found.entry, found.last
    forecasts = found.forecasts
    return QuotaReportShape(
        auth_index=entry.account.auth_index,
        windows=[
            ForecastWindowShape(**window(entry, each, eyes).model_dump(), forecast=_forecast(forecasts.get(each.key)))
            for each in entry.windows
        ],
        last=None if last is None else answer(last.answer, eyes, may_act=may_act),
        extras=_extras(found, eyes),
        told_at=last.told_at if last else None,
    )


def answer(given: QuotaAnswer, eyes: Eyes, *, may_act: bool = True) -> QuotaAnswerShape:
    return QuotaAnswerShape(
        auth_index=given.auth_index,
        outcome=given.outcome.value,
        at=given.at,
        status=given.status,
        plan=given.plan,
        signal=given.signal.value if given.signal else None,
        because=eyes.because(given.code, given.params) if given.code else None,
        summary=given.evidence.get("summary"),
        link=given.evidence.get("link") if may_act else None,
    )


def _extras(found: QuotaReport, eyes: Eyes) -> ExtrasShape:
    beside, extras = found.beside, found.beside.extras
    resets, extra, control = extras.reset_credits, extras.extra_usage, extras.spend_control
    return ExtrasShape(
        credits=extras.credits and _credits(extras.credits),
        reset_credits=resets and ResetCreditsShape(count=resets.count, ends=list(resets.ends)),
        extra_usage=extra and ExtraUsageShape(enabled=extra.enabled, used=extra.used, limit=extra.limit),
        subscription_until=extras.subscription_until,
        spend_control=control and SpendControlShape(reached=control.reached, used=control.used, limit=control.limit),
        noted=[
            NotedShape(
                **eyes.because(note.code, note.params).model_dump(), observed_at=note.at, source=note.source.value
            )
            for note in found.notes
        ],
        ages={name: AgeShape(observed_at=age.at, source=age.source.value) for name, age in sorted(beside.ages.items())},
        said=[_said(each, eyes) for each in beside.said],
    )


def _said(said: Said, eyes: Eyes) -> SaidShape:
    return SaidShape(
        code=said.code,
        label=eyes.because(f"said.{said.code}", {}).sentence,
        text=said.text,
        moment=said.moment,
        left=said.left,
        limit=said.limit,
        header=said.by.name,
        observed_at=said.by.at,
        request_id=said.by.request_id,
    )


def _credits(credit: Credits) -> CreditsShape:
    return CreditsShape(
        granted=credit.granted,
        unlimited=credit.unlimited,
        balance=credit.balance,
        is_spent=credit.is_spent,
        local_messages=list(credit.local) if credit.local else None,
        cloud_messages=list(credit.cloud) if credit.cloud else None,
    )


def _forecast(made: Forecast | None) -> ForecastShape | None:
    if made is None:
        return None
    return ForecastShape(
        basis=made.basis.value,
        percent_per_hour=made.per_hour,
        used_up_at=made.used_up_at,
        carries_requests=made.carries.requests if made.carries else None,
        carries_tokens=made.carries.tokens if made.carries else None,
    )


def windows(entry: Entry, eyes: Eyes) -> list[WindowShape]:
    return [window(entry, each, eyes) for each in entry.windows]


def window(entry: Entry, seen: QuotaWindow, eyes: Eyes) -> WindowShape:
    used = seen.used_percent
    return WindowShape(
        auth_index=entry.account.auth_index,
        file_name=entry.account.file_name,
        window=NAMED if seen.is_named else seen.window,
        name=seen.window if seen.is_named else None,
        scope=seen.scope,
        used_percent=used,
        remaining_percent=None if used is None else round(100 - used, 2),
        limit_reached=seen.limit_reached,
        is_current=seen.is_current(eyes.now),
        is_full=seen.is_full(eyes.now),
        resets_at=seen.resets_at,
        source=seen.source.value,
        accuracy=seen.accuracy.value,
        observed_at=seen.observed_at,
        presence=seen.presence.value,
    )
