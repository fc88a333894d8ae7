"""``/quota``: windows as last seen, their history, what the pool can serve, and asking providers on purpose."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from authdeck import capacity
from authdeck.access import Role
from authdeck.api import batches
from authdeck.api.account_search import SearchHere
from authdeck.api.accounts import Name
from authdeck.api.batches import Key, Selection
from authdeck.api.evidence import Cursor, PageSize, start_of
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import Because, Eyes, Listing, Shape, Time
from authdeck.entry import Entry
from authdeck.forecast import Forecast
from authdeck.gate.routes import needs
from authdeck.operations.batches import Asked
from authdeck.operations.entries import by_name
from authdeck.operations.find_accounts import find_accounts
from authdeck.operations.quota_report import quota_report
from authdeck.operations.use_reset_credit import use_reset_credit
from authdeck.quota import NAMED, QuotaWindow
from authdeck.quota_answer import Extras, QuotaAnswer
from authdeck.search import AccountSearch
from authdeck.storage.reading import quota as reading

router = APIRouter(tags=["quota"], route_class=Limited)

LONGEST_LOOK: Final = 7 * 24
"""Hours that ``/quota/capacity`` looks ahead at most."""


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


@router.get("/quota")
@needs(Role.VIEWER)
async def quota(
    desk: DeskHere,
    eyes: EyesHere,
    search: SearchHere,
    auth_index: Annotated[str | None, Query(max_length=512, description="One account, by any of its names.")] = None,
) -> Listing[WindowShape]:
    """Quota windows as last seen, of one account or of a page of the accounts that match. Nothing is asked upstream.

    ``total`` counts windows of one account; a page of accounts has as many items as these have windows, maybe none.
    """
    if auth_index is not None:
        entry = by_name(desk, auth_index)
        return Listing(items=(items := _windows(entry, eyes)), total=len(items))
    found = await find_accounts(desk, search)
    return Listing(items=[window for entry in found.items for window in _windows(entry, eyes)], next=found.next)


class SnapshotShape(WindowShape):
    """A window as it was at a moment. ``is_reset``: it began anew since the snapshot before."""

    is_reset: bool


@router.get("/quota/history")
@needs(Role.VIEWER)
async def history(
    desk: DeskHere,
    eyes: EyesHere,
    auth_index: Annotated[str, Query(max_length=512, description="By any of its names.")],
    page_size: PageSize = 50,
    cursor: Cursor = None,
) -> Listing[SnapshotShape]:
    """An account's quota windows over the last 30 days, newest first: kept on change and every quarter of an hour."""
    entry, start = by_name(desk, auth_index), start_of(cursor)
    page = await desk.read(lambda connection: reading.history(connection, entry.account.key, page_size, start))
    items = [
        SnapshotShape(**_window(entry, window, eyes).model_dump(), is_reset=is_reset) for window, is_reset in page.items
    ]
    end = start + page_size
    return Listing(items=items, total=page.total, next=str(end) if end < page.total else None)


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


@router.get("/quota/capacity")
@needs(Role.VIEWER)
async def pool_capacity(
    desk: DeskHere, eyes: EyesHere, hours: Annotated[int, Query(ge=1, le=LONGEST_LOOK)] = 24
) -> CapacityShape:
    """What the pool can serve now, by provider, and who comes back when. From what is known; nobody is asked."""
    await find_accounts(desk, AccountSearch(page_size=1))
    now, states = eyes.now, desk.directory.states_by_provider(eyes.now)
    known = desk.directory.capacity(now)
    left, nexts = known.left(), known.next_backs(now)
    items = []
    for name, counts in states.items():
        told = next((value for provider, value in left.items() if provider.value == name), None)
        items.append(
            ProviderCapacityShape(
                provider=name,
                total=sum(counts.values()),
                can_serve=sum(counts.get(state.value, 0) for state in capacity.SERVING),
                states=dict(counts),
                left_percent=None if told is None else round(told.percent, 1),
                told=0 if told is None else told.accounts,
                next_back=next((back.at for provider, back in nexts.items() if provider.value == name), None),
            )
        )
    backs = [
        BackShape(
            at=back.at, provider=back.provider.value, state=back.state.value, count=back.count, plans=list(back.plans),
            window=back.window,
        )
        for back in known.backs(now, now + timedelta(hours=hours))
    ]  # fmt: skip
    total, serving = sum(item.total for item in items), sum(item.can_serve for item in items)
    return CapacityShape(total=total, can_serve=serving, items=items, backs=backs)


class QuotaQuery(BaseModel):
    """``auth_indexes`` (other names too), or a search and filters of the list. ``refresh`` may renew ended tokens."""

    model_config = ConfigDict(extra="forbid")

    selection: Selection
    refresh: bool = False


@router.post("/quota/queries", response_model=None, responses=batches.ANSWERS)
@needs(Role.OPERATOR)
async def query(asked: QuotaQuery, parts: PartsHere, actor: ActorHere, eyes: EyesHere, key: Key = None) -> Response:
    """Ask the providers of these accounts what is left. Goes on in the background (202): it is a batch like others.

    ``GET /batches/{id}`` tells how far it is, ``POST /batches/{id}/cancel`` stops it.
    """
    names, search, told = batches.selected(asked.selection)
    order: Any = {"refresh": True} if asked.refresh else True
    wanted = Asked({"query_quota": order}, names, search, told, key)
    return await batches.answer(parts, eyes, await parts.batches.begin(wanted, actor))


class CreditsShape(Shape):
    """What serves beyond the windows; ``balance`` in the provider's own unit."""

    granted: bool
    unlimited: bool
    balance: float | None


class ResetCreditsShape(Shape):
    """How often the windows may be made to begin anew; ``ends`` is when each of these runs out, where told."""

    count: int
    ends: list[Time]


class ExtraUsageShape(Shape):
    """Use paid for beyond the plan, in the provider's own unit."""

    enabled: bool
    used: float | None
    limit: float | None


class ExtrasShape(Shape):
    """What was told beside windows. ``noted``: what the provider changed about its limits, newest first."""

    credits: CreditsShape | None
    reset_credits: ResetCreditsShape | None
    extra_usage: ExtraUsageShape | None
    subscription_until: Time | None
    noted: list[Because]


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
    """``last`` is null where nobody asked yet; ``told_at`` is when ``extras`` were told."""

    auth_index: str
    windows: list[ForecastWindowShape]
    last: QuotaAnswerShape | None
    extras: ExtrasShape
    told_at: Time | None


@router.get("/accounts/{auth_index}/quota")
@needs(Role.VIEWER)
async def report(auth_index: Name, parts: PartsHere, eyes: EyesHere, actor: ActorHere) -> QuotaReportShape:
    """An account's windows with a forecast each, how the last query went, and what else was told. Nobody is asked."""
    return await _report(parts, eyes, by_name(parts.desk, auth_index), may_act=actor.role >= Role.OPERATOR)


class OneQuery(BaseModel):
    """``refresh``: a token that ran out or is rejected may be renewed first."""

    model_config = ConfigDict(extra="forbid")

    refresh: bool = False


class ToldShape(QuotaReportShape):
    """The report after a query; ``answer`` is how it went."""

    answer: QuotaAnswerShape


@router.post("/accounts/{auth_index}/quota/queries")
@needs(Role.OPERATOR)
async def query_one(auth_index: Name, parts: PartsHere, eyes: EyesHere, wish: OneQuery | None = None) -> ToldShape:
    """Ask this account's provider what is left, and answer when it did."""
    answer = await parts.quota.query_quota(auth_index, refresh=(wish or OneQuery()).refresh)
    return await _told(parts, eyes, answer)


class Confirmed(BaseModel):
    """``confirmation`` is the account's file name or auth_index."""

    model_config = ConfigDict(extra="forbid")

    confirmation: str = Field(max_length=512)


@router.post("/accounts/{auth_index}/quota/reset-credit-uses")
@needs(Role.OPERATOR)
async def use_reset(auth_index: Name, said: Confirmed, parts: PartsHere, eyes: EyesHere, actor: ActorHere) -> ToldShape:
    """Spend one reset credit: the account's windows begin anew. It can't be taken back; audited before it is sent."""
    answer = await use_reset_credit(parts.desk, parts.quota, auth_index, actor, confirmation=said.confirmation)
    return await _told(parts, eyes, answer)


# ---- shapes ----


async def _told(parts: PartsHere, eyes: Eyes, answer: QuotaAnswer) -> ToldShape:
    made = await _report(parts, eyes, by_name(parts.desk, answer.auth_index), may_act=True)
    return ToldShape(
        **{name: getattr(made, name) for name in QuotaReportShape.model_fields}, answer=_answer(answer, eyes)
    )


async def _report(parts: PartsHere, eyes: Eyes, entry: Entry, *, may_act: bool) -> QuotaReportShape:
    found = await quota_report(parts.desk, parts.monitoring, entry)
    windows = [
        ForecastWindowShape(
            **_window(entry, window, eyes).model_dump(), forecast=_forecast(found.forecasts.get(window.key))
        )
        for window in entry.windows
    ]
    last = found.last
    return QuotaReportShape(
        auth_index=entry.account.auth_index,
        windows=windows,
        last=None if last is None else _answer(last.answer, eyes, may_act=may_act),
        extras=_extras(last.extras if last else Extras(), eyes),
        told_at=last.told_at if last else None,
    )


def _answer(answer: QuotaAnswer, eyes: Eyes, *, may_act: bool = True) -> QuotaAnswerShape:
    return QuotaAnswerShape(
        auth_index=answer.auth_index,
        outcome=answer.outcome.value,
        at=answer.at,
        status=answer.status,
        plan=answer.plan,
        signal=answer.signal.value if answer.signal else None,
        because=eyes.because(answer.code, answer.params) if answer.code else None,
        summary=answer.evidence.get("summary"),
        link=answer.evidence.get("link") if may_act else None,
    )


def _extras(extras: Extras, eyes: Eyes) -> ExtrasShape:
    credit, resets, extra = extras.credits, extras.reset_credits, extras.extra_usage
    return ExtrasShape(
        credits=credit and CreditsShape(granted=credit.granted, unlimited=credit.unlimited, balance=credit.balance),
        reset_credits=resets and ResetCreditsShape(count=resets.count, ends=list(resets.ends)),
        extra_usage=extra and ExtraUsageShape(enabled=extra.enabled, used=extra.used, limit=extra.limit),
        subscription_until=extras.subscription_until,
        noted=[eyes.because(code, params) for code, params in extras.noted],
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


def _windows(entry: Entry, eyes: Eyes) -> list[WindowShape]:
    return [_window(entry, window, eyes) for window in entry.windows]


def _window(entry: Entry, window: QuotaWindow, eyes: EyesHere) -> WindowShape:
    used = window.used_percent
    return WindowShape(
        auth_index=entry.account.auth_index,
        file_name=entry.account.file_name,
        window=NAMED if window.is_named else window.window,
        name=window.window if window.is_named else None,
        scope=window.scope,
        used_percent=used,
        remaining_percent=None if used is None else round(100 - used, 2),
        limit_reached=window.limit_reached,
        is_current=window.is_current(eyes.now),
        is_full=window.is_full(eyes.now),
        resets_at=window.resets_at,
        source=window.source.value,
        accuracy=window.accuracy.value,
        observed_at=window.observed_at,
        presence=window.presence.value,
    )
