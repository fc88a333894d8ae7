"""Rows that ask for more than the database: refreshing sign-ins, asking for limits, looking into files to export them.

A refresh is written down as begun before its call and settled after it: a row is never refreshed twice, and one whose
process died says so. Accounts of one OAuth client come one after the other with a pause between, as ``refresh_lanes``
says; at the first sign that its provider revoked a whole family of sign-ins, none of them is refreshed any more. An
account is written down as begun only when that pause is over: a crash costs one of each client.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from authdeck import tasks
from authdeck.account import Kind, RefreshBy
from authdeck.change import ExportOrder, RowOutcome
from authdeck.errors import DeckError
from authdeck.operations import batch_queries, export, refresh_lanes
from authdeck.operations.batch_queries import QUERIES, Query
from authdeck.operations.batch_rows import Item, Job, reason_of, take
from authdeck.operations.batch_turn import cursor_if_ours, end_if_through, keep
from authdeck.operations.change_rows import Plan, Row, Taking, hand_over, plan
from authdeck.operations.desk import Desk
from authdeck.operations.export import Wish
from authdeck.operations.export_forms import ExportRow, Form
from authdeck.operations.refresh_lanes import Lanes, RefreshLane
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import BEGUN, StoredItem
from authdeck.storage.writing import batches as writing

Refresh = Callable[[str], Awaitable[object]]
"""Exchanges an account's refresh token now. Raises ``DeckError``."""

LOOKED_INTO: Final = 100
"""Auth files opened for one chunk of an export."""

PAGE: Final = 1_000

RESTS: Final = 1.0
"""Seconds, at most, that a pause goes on before it is looked whether the batch shall still go on."""

_NOT_TRIED: Final = frozenset(
    {
        "refresh_not_possible",
        "refresh_is_elsewhere",
        "account_in_trash",
        "account_not_found",
        "client_secret_missing",
    }
)
"""Nothing was sent for these, and nothing could be."""

_RENEWED_EVERY: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Begun:
    """A row whose call is written down."""

    row: int
    auth_index: str
    provider: str


class Calling:
    """Carries out such rows. ``refresh`` and ``query`` are handed in: there is one of each in a process."""

    def __init__(self, desk: Desk, refresh: Refresh, query: Query | None = None) -> None:
        self._desk: Final = desk
        self._refresh: Final = refresh
        self._query: Final = query
        self._lanes: Final[dict[str, Lanes]] = {}

    async def chunk(self, job: Job, fence: int) -> bool:
        """The next rows. False: there is nothing more to do here."""
        return await (self._exported(job, fence) if job.change.export else self._refreshed(job, fence))

    async def settle_interrupted(self, job: Job) -> None:
        """Rows that another process had begun: nobody knows what became of their calls.

        What the others came to is what their lanes go on from.
        """

        def work(connection: WriteConnection) -> None:
            begun = reading.items(connection, job.batch.id, limit=len(job.indexes), outcome=BEGUN)
            settled = [_settled(item.row, RowOutcome.FAILED, DeckError("batch_interrupted")) for item in begun]
            writing.settle_items(connection, job.batch.id, settled)

        await self._desk.write(work)
        if not _rotates(job):
            return
        lanes = self._lanes[job.batch.id] = Lanes(self._desk)
        after = -1
        while items := await self._desk.read(partial(reading.items, batch_id=job.batch.id, after=after, limit=PAGE)):
            for item in items:
                if item.auth_index is not None:
                    lanes.of(item.auth_index).saw(_remembered(job, item))
            after = items[-1].row

    # ---- refreshing and asking ----

    async def _refreshed(self, job: Job, fence: int) -> bool:
        start = await self._desk.write(lambda c: cursor_if_ours(self._desk, c, job, fence))
        if start is None:
            self._lanes.pop(job.batch.id, None)
            return False
        end = self._end_of_chunk(job, start)
        if pause := self._pause(job, job.indexes[start:end]):
            await asyncio.sleep(min(pause, RESTS))
            return True
        begun = await self._desk.write(partial(self._begin, job, fence, start, end), patient=True)
        if begun:
            async with self._kept(job, fence):
                settled = await self._asked(job, begun)
            await self._desk.write(lambda c: writing.settle_items(c, job.batch.id, settled))
        if not await self._desk.write(partial(self._end, job, fence)):
            return True
        self._lanes.pop(job.batch.id, None)
        return False

    def _end_of_chunk(self, job: Job, start: int) -> int:
        """Where tokens may rotate, one account of each lane."""
        end = min(start + (LOOKED_INTO if job.previewing else QUERIES), len(job.indexes))
        if job.previewing or not _rotates(job):
            return end
        return start + self._lanes[job.batch.id].apart(job.indexes[start:end])

    def _pause(self, job: Job, auth_indexes: Sequence[str]) -> float:
        return self._lanes[job.batch.id].pause(auth_indexes) if _rotates(job) and not job.previewing else 0.0

    def _begin(self, job: Job, fence: int, start: int, end: int, connection: WriteConnection) -> list[_Begun]:
        """Write the next rows down. Those that can't be refreshed are done with here."""
        if cursor_if_ours(self._desk, connection, job, fence) != start:
            return []
        providers: dict[int, str] = {}

        def wish(_taking: Taking, row: Row, number: int) -> Plan:
            providers[number] = row.account.provider.value
            return batch_queries.fit(row) if job.change.query_quota else self._fit(job, row)

        items = take(self._desk, connection, job, start, end, wish)
        begun = []
        for item in items:
            if item["outcome"] == RowOutcome.DONE.value and not job.previewing:
                item["outcome"] = BEGUN
                begun.append(_Begun(item["row"], job.indexes[item["row"]], providers[item["row"]]))
        writing.add_items(connection, job.batch.id, items, cursor=end)
        return begun

    def _fit(self, job: Job, row: Row) -> Plan:
        account = row.account
        code = None
        if account.trashed_at is not None:
            code = "account_in_trash"
        elif account.refresh_by is RefreshBy.OTHER:
            code = "refresh_is_elsewhere"
        elif account.kind is Kind.API_KEY:
            code = "refresh_not_possible"
        elif not job.previewing and self._lanes[job.batch.id].of(account.auth_index).is_stopped:
            code = "batch_provider_stopped"
        if code is None:
            return Plan(row, account.file_name, RowOutcome.DONE)
        told = {"name": account.auth_index, "provider": account.provider.value}
        return Plan(row, account.file_name, RowOutcome.SKIPPED, reason=(code, told))

    async def _asked(self, job: Job, begun: Sequence[_Begun]) -> list[Item]:
        if not _rotates(job):
            return list(await asyncio.gather(*(self._queried(row, refresh=False) for row in begun)))
        by_lane: dict[RefreshLane, list[_Begun]] = defaultdict(list)
        for row in begun:
            by_lane[self._lanes[job.batch.id].of(row.auth_index)].append(row)
        found = await asyncio.gather(*(self._in_turn(job, lane, rows) for lane, rows in by_lane.items()))
        return [item for items in found for item in items]

    async def _in_turn(self, job: Job, lane: RefreshLane, rows: Sequence[_Begun]) -> list[Item]:
        """Rows of one OAuth client. They are more than one where nothing of them is refreshed any more."""
        items = []
        for row in rows:
            before = await lane.turn(row.auth_index)
            if job.change.query_quota:
                items.append(await self._queried(row, lane, before, refresh=not lane.is_stopped))
            elif lane.is_stopped:
                stopped = DeckError("batch_provider_stopped", provider=row.provider)
                items.append(_settled(row.row, RowOutcome.SKIPPED, stopped))
            else:
                items.append(await self._one(row, lane))
        return items

    async def _queried(
        self, row: _Begun, lane: RefreshLane | None = None, before: int | None = None, *, refresh: bool
    ) -> Item:
        assert self._query is not None
        try:
            answer = await self._query(row.auth_index, refresh=refresh)
        except DeckError as error:
            return _settled(row.row, RowOutcome.SKIPPED, error)
        if lane is not None:
            lane.heard(answer, before)
        return batch_queries.settled(row.row, answer, row.provider)

    async def _one(self, row: _Begun, lane: RefreshLane) -> Item:
        try:
            await self._refresh(row.auth_index)
        except DeckError as error:
            told = DeckError(error.code, **{**error.params, "provider": row.provider})
            outcome = RowOutcome.SKIPPED if error.code in _NOT_TRIED else RowOutcome.FAILED
            lane.saw(_seen(row.auth_index, outcome, error))
            return _settled(row.row, outcome, told)
        lane.saw(_seen(row.auth_index, RowOutcome.DONE, None))
        return _settled(row.row, RowOutcome.DONE, None)

    @asynccontextmanager
    async def _kept(self, job: Job, fence: int) -> AsyncIterator[None]:
        """The lease lasts as long as the calls do."""

        async def renewing() -> None:
            while True:
                await asyncio.sleep(_RENEWED_EVERY)
                await self._desk.write(lambda c: keep(self._desk, c, job, fence))

        task = tasks.start(renewing(), name=f"lease of batch {job.batch.id}")
        try:
            yield
        finally:
            task.cancel()

    def _end(self, job: Job, fence: int, connection: WriteConnection) -> bool:
        cursor = cursor_if_ours(self._desk, connection, job, fence)
        return cursor is None or end_if_through(self._desk, connection, job, cursor)

    # ---- exporting ----

    async def _exported(self, job: Job, fence: int) -> bool:
        """Look into the auth files first, without a transaction; then note the rows, and hand over where asked."""
        batch = await self._desk.read(partial(reading.one, batch_id=job.batch.id))
        indexes = job.indexes[batch.cursor : batch.cursor + LOOKED_INTO]
        told = await self._looked_into(job, indexes)
        return await self._desk.write(partial(self._note, job, fence, batch.cursor, told), patient=True)

    async def _looked_into(self, job: Job, indexes: Sequence[str]) -> Mapping[str, ExportRow]:
        assert job.change.export is not None
        live = [index for index in indexes if self._desk.directory.get(index) is not None]
        if not live:
            return {}
        found = await export.preview(self._desk, export_wish(job.change.export, live))
        return {row.account.auth_index: row for row in found.rows}

    def _note(
        self, job: Job, fence: int, looked_from: int, told: Mapping[str, ExportRow], connection: WriteConnection
    ) -> bool:
        start = cursor_if_ours(self._desk, connection, job, fence)
        if start is None:
            return False
        if start != looked_from:
            return True
        order, end = job.change.export, min(start + LOOKED_INTO, len(job.indexes))
        assert order is not None

        def wish(taking: Taking, row: Row, _number: int) -> Plan:
            return _export_plan(order, taking, row, told.get(row.account.auth_index))

        items = take(self._desk, connection, job, start, end, wish)
        writing.add_items(connection, job.batch.id, items, cursor=end)
        return not end_if_through(self._desk, connection, job, end)


def export_wish(order: ExportOrder, names: Sequence[str]) -> Wish:
    """Raises ``change_invalid`` for a form that there is not."""
    try:
        form = Form(order.format)
    except ValueError:
        raise DeckError(
            "change_invalid", status=422, field="format", problem="not_form", known=[form.value for form in Form]
        ) from None
    return Wish(form, names, partial=True, recipients=order.recipients)


def _export_plan(order: ExportOrder, taking: Taking, row: Row, told: ExportRow | None) -> Plan:
    if told is None:
        raise DeckError("account_in_trash", name=row.account.auth_index)
    if told.refused is not None:
        return Plan(row, row.account.file_name, RowOutcome.SKIPPED, reason=told.refused)
    made = Plan(row, row.account.file_name, RowOutcome.DONE)
    if order.hand_over and told.stale_after:
        made = plan(taking, row, hand_over(row, taking.actor, taking.now))
        made.outcome = RowOutcome.DONE
    made.reason = ("export_loses", {"fields": list(told.lost)}) if told.lost else None
    return made


def _rotates(job: Job) -> bool:
    """Whether its rows may exchange refresh tokens."""
    quota = job.change.query_quota
    return job.change.refresh or (quota is not None and quota.refresh)


def _remembered(job: Job, item: StoredItem) -> refresh_lanes.Row:
    """A row of before, as its lane sees it. Whether a question refreshed is known only where that was refused."""
    reason = item.reason or {}
    error = DeckError(reason["code"], **reason.get("params", {})) if reason else None
    outcome = item.outcome if job.change.refresh or error else RowOutcome.SKIPPED
    return _seen(item.auth_index or "", outcome, error)


_SEEN: Final[Mapping[str, refresh_lanes.Outcome]] = {
    RowOutcome.DONE: refresh_lanes.Outcome.REFRESHED,
    RowOutcome.FAILED: refresh_lanes.Outcome.FAILED,
}


def _seen(auth_index: str, outcome: str, error: DeckError | None) -> refresh_lanes.Row:
    """What became of an account, as its lane sees it."""
    code, params = (error.code, error.params) if error else ("", {})
    return refresh_lanes.Row(auth_index, _SEEN.get(outcome, refresh_lanes.Outcome.SKIPPED), code, params)


def _settled(row: int, outcome: RowOutcome, error: DeckError | None) -> Item:
    reason = reason_of((error.code, error.params)) if error else None
    return {"row": row, "outcome": outcome.value, "reason": reason}
