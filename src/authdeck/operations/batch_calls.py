"""Rows that ask for more than the database: refreshing sign-ins, asking for limits, looking into files to export them.

A refresh is written down as begun before its call and settled after it: a row is never refreshed twice, and one whose
process died says so. Accounts of one provider come one after the other, and when the provider shows that it revoked a
whole family of sign-ins, no further account of it is asked.
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
from authdeck.operations import batch_queries, export
from authdeck.operations.batch_queries import QUERIES, Query
from authdeck.operations.batch_rows import Item, Job, reason_of, take
from authdeck.operations.batch_turn import cursor_if_ours, end_if_through, keep
from authdeck.operations.change_rows import Plan, Row, Taking, hand_over, plan
from authdeck.operations.desk import Desk
from authdeck.operations.export import Wish
from authdeck.operations.export_forms import ExportRow, Form
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import BEGUN
from authdeck.storage.writing import batches as writing

Refresh = Callable[[str], Awaitable[object]]
"""Exchanges an account's refresh token now. Raises ``DeckError``."""

CALLS: Final = 4
"""Rows under way together; those of one provider wait for each other."""

LOOKED_INTO: Final = 100
"""Auth files opened for one chunk of an export."""

FAMILY: Final = frozenset({"refresh_token_reused", "refresh_token_invalidated", "token_revoked", "token_invalidated"})
"""What providers say when not one token but a sign-in with all that came of it is revoked."""

_NOT_TRIED: Final = frozenset({"refresh_not_possible", "refresh_is_elsewhere", "account_in_trash", "account_not_found"})
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
        self._revoked: dict[str, set[str]] = defaultdict(set)

    async def chunk(self, job: Job, fence: int) -> bool:
        """The next rows. False: there is nothing more to do here."""
        return await (self._exported(job, fence) if job.change.export else self._refreshed(job, fence))

    async def settle_interrupted(self, job: Job) -> None:
        """Rows that another process had begun: nobody knows what became of their calls. What it learnt stays known."""

        def work(connection: WriteConnection) -> None:
            begun = reading.items(connection, job.batch.id, limit=len(job.indexes), outcome=BEGUN)
            settled = [_settled(item.row, RowOutcome.FAILED, DeckError("batch_interrupted")) for item in begun]
            writing.settle_items(connection, job.batch.id, settled)

        await self._desk.write(work)
        for told in await self._desk.read(partial(reading.reasons_with, batch_id=job.batch.id, words=FAMILY)):
            if told["params"].get("reason") in FAMILY:
                self._revoked[job.batch.id].add(told["params"].get("provider", ""))

    # ---- refreshing and asking ----

    async def _refreshed(self, job: Job, fence: int) -> bool:
        begun = await self._desk.write(partial(self._begin, job, fence), patient=True)
        if begun is None:
            return False
        if begun:
            async with self._kept(job, fence):
                settled = await self._asked(job, begun)
            await self._desk.write(lambda c: writing.settle_items(c, job.batch.id, settled))
        if not await self._desk.write(partial(self._end, job, fence)):
            return True
        self._revoked.pop(job.batch.id, None)
        return False

    def _begin(self, job: Job, fence: int, connection: WriteConnection) -> list[_Begun] | None:
        """Write the next rows down. Those that can't be refreshed are done with here."""
        start = cursor_if_ours(self._desk, connection, job, fence)
        if start is None:
            return None
        at_once = LOOKED_INTO if job.previewing else QUERIES if job.change.query_quota else CALLS
        end = min(start + at_once, len(job.indexes))
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
        elif account.provider.value in self._revoked[job.batch.id]:
            code = "batch_provider_stopped"
        if code is None:
            return Plan(row, account.file_name, RowOutcome.DONE)
        told = {"name": account.auth_index, "provider": account.provider.value}
        return Plan(row, account.file_name, RowOutcome.SKIPPED, reason=(code, told))

    async def _asked(self, job: Job, begun: Sequence[_Begun]) -> list[Item]:
        if job.change.query_quota and not job.change.query_quota.refresh:
            return list(await asyncio.gather(*(self._queried(job, row) for row in begun)))
        by_provider: dict[str, list[_Begun]] = defaultdict(list)
        for row in begun:
            by_provider[row.provider].append(row)
        found = await asyncio.gather(*(self._in_turn(job, rows) for rows in by_provider.values()))
        return [item for items in found for item in items]

    async def _in_turn(self, job: Job, rows: Sequence[_Begun]) -> list[Item]:
        """One provider's rows, one after the other, until it shows that it revoked a family."""
        revoked, items = self._revoked[job.batch.id], []
        for row in rows:
            if job.change.query_quota:
                items.append(await self._queried(job, row))
                continue
            if row.provider in revoked:
                stopped = DeckError("batch_provider_stopped", provider=row.provider)
                items.append(_settled(row.row, RowOutcome.SKIPPED, stopped))
                continue
            item, is_family = await self._one(row)
            items.append(item)
            if is_family:
                revoked.add(row.provider)
        return items

    async def _queried(self, job: Job, row: _Begun) -> Item:
        """Asked for its limits. Of a provider that ends a family of sign-ins no further one is refreshed for it."""
        assert self._query is not None
        assert job.change.query_quota is not None
        revoked = self._revoked[job.batch.id]
        may_refresh = job.change.query_quota.refresh and row.provider not in revoked
        try:
            answer = await self._query(row.auth_index, refresh=may_refresh)
        except DeckError as error:
            return _settled(row.row, RowOutcome.SKIPPED, error)
        if answer.params.get("reason") in FAMILY:
            revoked.add(row.provider)
        return batch_queries.settled(row.row, answer, row.provider)

    async def _one(self, row: _Begun) -> tuple[Item, bool]:
        try:
            await self._refresh(row.auth_index)
        except DeckError as error:
            outcome = RowOutcome.SKIPPED if error.code in _NOT_TRIED else RowOutcome.FAILED
            told = DeckError(error.code, **{**error.params, "provider": row.provider})
            return _settled(row.row, outcome, told), error.params.get("reason") in FAMILY
        return _settled(row.row, RowOutcome.DONE, None), False

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


def _settled(row: int, outcome: RowOutcome, error: DeckError | None) -> Item:
    reason = reason_of((error.code, error.params)) if error else None
    return {"row": row, "outcome": outcome.value, "reason": reason}
