"""Batches, undos and single edits in any order, with a crash between any two writes: rows whole, nothing done twice.

What is known from outside is little and enough: every change of an account by a person moves its version by one, and
every one of them is either an edit that returned or a row of a batch. So the two counts are equal at any moment.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from authdeck.errors import DeckError
from authdeck.operations import edit_accounts
from authdeck.operations.desk import Desk
from authdeck.storage import opening, tables
from authdeck.storage.reading import batches as reading
from authdeck.vault.keys import MasterKey
from authdeck.vault.vault import Vault
from fakes.clock import SetClock
from fakes.crowd import Bulk, crowd
from fakes.desks import CrashError, CrashingDatabase, desk_on
from fakes.laid import laid
from fakes.people import ANN

T = TypeVar("T")
PEOPLE = 7
CHUNK = 2
crashes = st.one_of(st.none(), st.integers(0, 6))
values = st.integers(-3, 3)
NAMED = {"priority", "weight", "note", "prefix", "trashed"}
people = st.lists(st.integers(0, PEOPLE - 1), min_size=1, unique=True)


class Bulks(RuleBasedStateMachine):
    """``edits``: how many single edits of each account certainly happened, or may have."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = SetClock()
        self.vault = Vault.create(MasterKey.new()).vault
        self.indexes: list[str] = []
        self.edits: dict[str, int] = {}
        self.database: CrashingDatabase
        self.desk: Desk
        self.bulk: Bulk

    @initialize()
    def begin(self) -> None:
        self.reopen()
        self.indexes = self.run(crowd(self.desk, PEOPLE))
        self.edits = dict.fromkeys(self.indexes, 0)

    def reopen(self) -> None:
        """What a process that starts again has: the file, and nothing that was in memory."""
        path = Path(self.folder.name, "authdeck.db")
        opening.control(laid(f"sqlite:///{path}"), self.clock).close()
        self.database = CrashingDatabase(f"sqlite:///{path}")
        self.desk = self.run(desk_on(self.database, self.vault, self.clock, Path(self.folder.name)))
        self.bulk = Bulk(self.desk, chunk=CHUNK)

    def teardown(self) -> None:
        self.database.close()
        self.loop.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def do(self, work: Coroutine[Any, Any, T], crash: int | None) -> T | None:
        """Do it, or crash before its ``crash``-th write's commit, and start again. ``None``: refused or crashed."""
        self.database.crash_after(crash)
        try:
            found = self.run(work)
        except CrashError:
            return self.crashed()
        except DeckError:
            return None
        finally:
            self.database.crash_after(None)
        return found

    def crashed(self) -> None:
        self.database.close()
        self.reopen()

    async def through(self, beginning: Coroutine[Any, Any, Any]) -> Any:
        """Begin a batch and wait for its end, whatever ends it."""
        batch = await beginning
        await self.bulk.runner.carry_on(batch.id)
        return batch

    @rule(who=people, value=values, crash=crashes)
    def change(self, who: list[int], value: int, crash: int | None) -> None:
        names = [self.indexes[one] for one in who]
        self.do(self.through(self.bulk.change(names, priority=value, note=f"batch {value}")), crash)

    @rule(value=values, crash=crashes)
    def change_all(self, value: int, crash: int | None) -> None:
        self.do(self.through(self.bulk.change(self.indexes, weight=abs(value), prefix=f"p{value}")), crash)

    @rule(who=people, crash=crashes)
    def delete(self, who: list[int], crash: int | None) -> None:
        self.do(self.through(self.bulk.change([self.indexes[one] for one in who], delete=True)), crash)

    @rule(crash=crashes)
    def restore_all(self, crash: int | None) -> None:
        self.do(self.through(self.bulk.change(self.indexes, restore=True)), crash)

    @rule(one=st.integers(0, PEOPLE - 1), value=values)
    def edit(self, one: int, value: int) -> None:
        index = self.indexes[one]
        before, former = self.version(index), self.values()
        done = self.do(edit_accounts.edit(self.desk, index, ANN, {"priority": value}, version=None), None)
        self.edits[index] += self.version(index) - before
        if done is not None:
            former[index]["priority"] = value
        assert self.values() == former

    @precondition(lambda self: self.batch_ids())
    @rule(data=st.data(), crash=crashes, preview=st.booleans())
    def undo(self, data: st.DataObject, crash: int | None, preview: bool) -> None:
        batch_id = data.draw(st.sampled_from(self.batch_ids()))
        wanted = self.taken_back(batch_id)
        made = self.do(self.through(self.bulk.batches.undo(batch_id, ANN, preview=preview)), crash)
        if made is not None and preview:
            made = self.do(self.through(self.bulk.batches.apply(made.id, ANN)), crash)
        if made is not None:
            assert self.values() == wanted

    @rule(crash=crashes)
    def start_again(self, crash: int | None) -> None:
        """Resuming may crash too."""
        self.crashed()

        async def all_of_them() -> None:
            for batch_id in await self.desk.read(reading.running):
                await self.bulk.runner.carry_on(batch_id)

        self.release_leases()
        self.do(all_of_them(), crash)

    def release_leases(self) -> None:
        """A home's only process voids the leases of those before it."""
        self.database.write_now(lambda c: c.execute(tables.leases.delete()))

    # ---- what an undo leaves ----

    def taken_back(self, batch_id: str) -> dict[str, dict[str, Any]]:
        """The values when the batch is undone, told by its rows: what is as it was left goes back, nothing else."""
        wanted, items = self.values(), tables.batch_items.c
        asked = (
            select(tables.accounts.c.auth_index, items.before, items.after)
            .join(tables.accounts, tables.accounts.c.key == items.account)
            .where(items.batch == batch_id, items.outcome == "done")
        )
        for index, before, after in self.database.read_now(lambda c: c.execute(asked).all()):
            now = wanted[index]
            if now["trashed"] and "trashed" not in after:
                continue
            for name in NAMED & after.keys():
                now[name] = before[name] if now[name] == after[name] else now[name]
        return wanted

    def values(self) -> dict[str, dict[str, Any]]:
        account = tables.accounts.c
        asked = select(
            account.auth_index, account.priority, account.weight, account.note, account.prefix,
            account.trashed_at.is_not(None).label("trashed"),
        )  # fmt: skip
        rows = self.database.read_now(lambda c: c.execute(asked).all())
        return {row.auth_index: {name: getattr(row, name) for name in NAMED} for row in rows}

    # ---- what must hold ----

    def version(self, index: str) -> int:
        asked = select(tables.accounts.c.version).where(tables.accounts.c.auth_index == index)
        return int(self.database.read_now(lambda c: c.execute(asked).scalar_one()))

    def batch_ids(self) -> list[str]:
        asked = select(tables.batches.c.id).where(
            tables.batches.c.kind.in_(["change", "undo"]), tables.batches.c.expires_at.is_(None)
        )
        return list(self.database.read_now(lambda c: c.execute(asked.order_by(tables.batches.c.created_at)).scalars()))

    @invariant()
    def every_change_is_one_edit_or_one_row(self) -> None:
        items, batches = tables.batch_items, tables.batches
        asked = (
            select(tables.accounts.c.auth_index, func.count())
            .join(items, items.c.account == tables.accounts.c.key)
            .join(batches, batches.c.id == items.c.batch)
            .where(items.c.outcome == "done", batches.c.expires_at.is_(None), batches.c.kind != "import")
            .group_by(tables.accounts.c.auth_index)
        )
        rows = (
            {row.auth_index: row[1] for row in self.database.read_now(lambda c: c.execute(asked).all())}
            if self.indexes
            else {}
        )
        for index in self.indexes:
            assert self.version(index) == 1 + self.edits[index] + rows.get(index, 0)

    @invariant()
    def a_batch_has_come_as_far_as_its_rows(self) -> None:
        items, batches = tables.batch_items, tables.batches
        asked = select(
            batches.c.cursor, batches.c.kind, batches.c.counts, func.count(items.c.row), func.max(items.c.row)
        )
        grouped = asked.outerjoin(items, items.c.batch == batches.c.id).group_by(batches.c.id)
        for cursor, kind, counts, number, last in self.database.read_now(lambda c: c.execute(grouped).all()):
            assert sum((counts or {}).values()) == number
            if kind == "change":
                assert (number, last) == (cursor, cursor - 1 if cursor else None)
            if kind == "undo" and last is not None:
                assert last < cursor


Bulks.TestCase.settings = settings(
    max_examples=6, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBulks = Bulks.TestCase
