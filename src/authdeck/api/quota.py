"""``/quota``: windows as last seen, their history, what the pool can serve, and asking providers on purpose."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from authdeck import capacity
from authdeck.access import Role
from authdeck.api import batches, quota_shapes
from authdeck.api.account_search import SearchHere
from authdeck.api.accounts import Name
from authdeck.api.batches import Key, Selection
from authdeck.api.evidence import Cursor, PageSize, start_of
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere, PartsHere
from authdeck.api.quota_shapes import (
    BackShape,
    CapacityShape,
    ProviderCapacityShape,
    QuotaReportShape,
    SnapshotShape,
    ToldShape,
    WindowShape,
)
from authdeck.api.shapes import Listing
from authdeck.entry import Entry
from authdeck.gate.routes import needs
from authdeck.operations.batches import Asked
from authdeck.operations.entries import by_name
from authdeck.operations.find_accounts import find_accounts
from authdeck.operations.quota_report import quota_report
from authdeck.operations.use_reset_credit import use_reset_credit
from authdeck.quota_answer import QuotaAnswer
from authdeck.search import AccountSearch
from authdeck.storage.reading import quota as reading

router = APIRouter(tags=["quota"], route_class=Limited)

LONGEST_LOOK: Final = 7 * 24
"""Hours that ``/quota/capacity`` looks ahead at most."""


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
        return Listing(items=(items := quota_shapes.windows(entry, eyes)), total=len(items))
    found = await find_accounts(desk, search)
    return Listing(
        items=[window for entry in found.items for window in quota_shapes.windows(entry, eyes)], next=found.next
    )


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
        SnapshotShape(**quota_shapes.window(entry, window, eyes).model_dump(), is_reset=is_reset)
        for window, is_reset in page.items
    ]
    end = start + page_size
    return Listing(items=items, total=page.total, next=str(end) if end < page.total else None)


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


@router.get("/accounts/{auth_index}/quota")
@needs(Role.VIEWER)
async def report(auth_index: Name, parts: PartsHere, eyes: EyesHere, actor: ActorHere) -> QuotaReportShape:
    """An account's windows with a forecast each, how the last query went, and what else was told. Nobody is asked."""
    return await _report(parts, eyes, by_name(parts.desk, auth_index), may_act=actor.role >= Role.OPERATOR)


class OneQuery(BaseModel):
    """``refresh``: a token that ran out or is rejected may be renewed first."""

    model_config = ConfigDict(extra="forbid")

    refresh: bool = False


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
async def use_reset(
    auth_index: Name, said: Confirmed, parts: PartsHere, eyes: EyesHere, actor: ActorHere, key: Key = None
) -> ToldShape:
    """Spend one reset credit: the account's windows begin anew. It can't be taken back; audited before it is sent.

    For a minute no other one of the account is spent (409 ``reset_credit_just_used``).
    """
    answer = await use_reset_credit(parts.desk, parts.quota, auth_index, actor, confirmation=said.confirmation, key=key)
    return await _told(parts, eyes, answer)


async def _told(parts: PartsHere, eyes: Eyes, answer: QuotaAnswer) -> ToldShape:
    made = await _report(parts, eyes, by_name(parts.desk, answer.auth_index), may_act=True)
    return ToldShape(
        **{name: getattr(made, name) for name in QuotaReportShape.model_fields},
        answer=quota_shapes.answer(answer, eyes),
    )


async def _report(parts: PartsHere, eyes: Eyes, entry: Entry, *, may_act: bool) -> QuotaReportShape:
    return quota_shapes.report(await quota_report(parts.desk, parts.monitoring, entry), eyes, may_act=may_act)
