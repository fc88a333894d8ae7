"""Inspections: what is asked, written down, resumed, and done by themselves; and what never is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from authdeck.account import Provider
from authdeck.entry import Entry
from authdeck.errors import DeckError
from authdeck.evidence import Action
from authdeck.hold import Hold, Owner
from authdeck.inspection_order import Order, Policy, read_policy, read_selection
from authdeck.operations import disable
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Asked, Batches
from authdeck.operations.desk import Desk
from authdeck.operations.inspect_account import Answered, Inspector
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.inspection_runner import InspectionRunner, lease_of
from authdeck.operations.inspections import Inspections
from authdeck.operations.observe import Observer
from authdeck.operations.query_quota import QuotaQueries
from authdeck.simulator import Account
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import batches as batch_reading
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.inspections import StoredInspection, StoredResult
from authdeck.storage.tables import leases
from authdeck.storage.writing import holds
from fakes.clock import SetClock
from fakes.people import ANN
from fakes.shops import Shop, new_vault, open_shop, simulated


@dataclass
class Clinic:
    """A shop that inspects. ``people`` are Ann and her colleagues by auth_index."""

    shop: Shop
    batches: Batches
    inspecting: Inspecting
    people: dict[str, Account]

    async def move_in(self, *names: str, provider: str = "codex", **options: Any) -> list[str]:
        indexes = []
        for name in names:
            person = self.shop.simulator.account(provider, f"{name}@example.com", **options)
            indexes.append(await self.shop.take_in(person))
            self.people[indexes[-1]] = person
        return indexes

    def entry(self, index: str) -> Entry:
        entry = self.shop.desk.directory.get(index)
        assert entry is not None
        return entry

    async def run(self, *names: str, dry_run: bool = False, **policy: Any) -> StoredInspection:
        """A run about these accounts, or all, when it has ended."""
        selection = read_selection({"auth_indexes": list(names)} if names else {})
        begun = await self.inspecting.runs.begin(Order(selection, read_policy(policy)), ANN, dry_run=dry_run)
        await self.inspecting.runner.carry_on(begun.id)
        return await self.inspecting.runs.one(begun.id)

    async def results(self, run: StoredInspection) -> dict[str, StoredResult]:
        found = await self.shop.desk.read(
            lambda connection: reading.results(connection, run.id, compared_to=run.compared_to, limit=1000)
        )
        return {each.auth_index: each for each in found}

    async def result(self, run: StoredInspection, index: str) -> StoredResult:
        return (await self.results(run))[index]

    def fill(self, index: str, used: float = 100) -> None:
        """Her weekly window is used up, for three days more."""
        quota = self.people[index].quota
        quota.secondary, quota.secondary_resets_at = used, self.shop.clock.now() + timedelta(days=3)

    async def hold(self, index: str, hold: Hold) -> None:
        entry = self.entry(index)

        def work(connection: Any) -> None:
            holds.place(connection, entry.account.key, hold)

        await self.shop.desk.write(work)
        await self.shop.mirror.load()


@pytest_asyncio.fixture
async def clinic(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Clinic]:
    with simulated(clock, AUTHDECK_QUOTA__PACE="0", AUTHDECK_REFRESH__PACE="0") as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as shop:
            yield clinic_of(shop)


def clinic_of(shop: Shop) -> Clinic:
    queries = queries_of(shop)
    batches = Batches(shop.desk, BatchRunner(shop.desk, shop.refresher.refresh, queries.query_quota))
    return Clinic(shop, batches, Inspecting(shop.desk, queries, batches), {})


def queries_of(shop: Shop) -> QuotaQueries:
    return QuotaQueries(shop.desk, shop.lender, shop.refresher, Observer(shop.desk))


async def test_it_works(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob", plan="pro")
    clinic.fill(bob)
    run = await clinic.run()
    assert (run.status, run.total, run.done, run.counts) == ("completed", 2, 2, {"keep": 1, "disable": 1})
    found = await clinic.results(run)
    assert (found[ann].action, found[ann].reason_code) == (Action.KEEP, "inspected_healthy")
    assert (found[bob].action, found[bob].reason_code) == (Action.DISABLE, "long_window_full")
    assert found[bob].until == clinic.people[bob].quota.secondary_resets_at
    assert found[ann].evidence["plan"] == "pro"
    assert {window["window"] for window in found[ann].evidence["windows"]} == {"five_hour", "weekly"}
    assert "@" not in str(found[ann].evidence)


async def test_it_records_only_unless_more_is_allowed(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann)
    run = await clinic.run()
    assert run.batch is None
    assert (await clinic.result(run, ann)).outcome is None
    assert {hold.owner for hold in clinic.entry(ann).holds} == {Owner.COOLDOWN}


async def test_it_disables_where_it_may_and_that_can_be_taken_back(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann, 96)
    run = await clinic.run(may=["disable"], threshold=95)
    assert (await clinic.result(run, ann)).outcome == "done"
    (hold,) = clinic.entry(ann).holds
    assert (hold.owner, hold.code, hold.actor) == (Owner.INSPECTION, "long_window_full", "authdeck")
    assert hold.until == clinic.people[ann].quota.secondary_resets_at
    assert run.batch is not None
    undone = await clinic.batches.undo(run.batch, ANN)
    assert undone.counts == {"done": 1}
    assert clinic.entry(ann).holds == ()
    again = await clinic.result(await clinic.run(may=["disable"], threshold=95), ann)
    assert again.outcome == "skipped"  # seen at the very moment of the release, not after it
    clinic.shop.clock.move(minutes=1)
    later = await clinic.result(await clinic.run(may=["disable"], threshold=95), ann)
    assert later.outcome == "done"


async def test_it_enables_what_it_disabled_once_that_recovered(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann, 96)
    await clinic.run(may=["disable"], threshold=95)
    clinic.fill(ann, 4)
    clinic.shop.clock.move(minutes=10)
    run = await clinic.run(may=["enable"], threshold=95)
    found = await clinic.result(run, ann)
    assert (found.action, found.reason_code, found.outcome) == (Action.ENABLE, "limits_over", "done")
    assert clinic.entry(ann).holds == ()


async def test_it_never_enables_what_a_person_disabled(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    await disable.disable(clinic.shop.desk, ann, ANN, reason="moving")
    await clinic.hold(ann, Hold(Owner.INSPECTION, "long_window_full", clinic.shop.clock.now()))
    run = await clinic.run(may=["enable", "disable"])
    found = await clinic.result(run, ann)
    assert (found.action, found.reason_code, found.outcome) == (Action.KEEP, "disabled_by_person", None)
    assert {hold.owner for hold in clinic.entry(ann).holds} == {Owner.OPERATOR, Owner.INSPECTION}


async def test_a_person_who_disables_meanwhile_is_not_overruled(clinic: Clinic) -> None:
    """The suggestion is older than the decision: what the account is when it is written counts."""
    (ann,) = await clinic.move_in("ann")
    await clinic.hold(ann, Hold(Owner.INSPECTION, "long_window_full", clinic.shop.clock.now()))
    desk = clinic.shop.desk

    async def disable_once_it_is_judged(inspection_id: str) -> None:
        if (await clinic.inspecting.runs.one(inspection_id)).done:
            await disable.disable(desk, ann, ANN, reason="mine")

    desk.feed.subscribe("inspection", disable_once_it_is_judged)
    found = await clinic.result(await clinic.run(may=["enable"]), ann)
    assert (found.action, found.outcome) == (Action.ENABLE, "skipped")
    assert found.outcome_reason is not None
    assert found.outcome_reason["code"] == "disabled_by_person"


async def test_locked_accounts_are_left_alone(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann, 96)
    await clinic.batches.begin(Asked({"lock": True}, [ann]), ANN)
    run = await clinic.run(may=["disable"], threshold=95)
    found = await clinic.result(run, ann)
    assert (found.action, found.outcome) == (Action.DISABLE, "skipped")
    assert clinic.entry(ann).holds == ()


async def test_the_bounds_of_automation_hold(clinic: Clinic) -> None:
    indexes = await clinic.move_in(*(f"p{number}" for number in range(20)))
    for index in indexes:
        clinic.fill(index, 96)
    run = await clinic.run(may=["disable"], threshold=95)
    outcomes = [found.outcome for found in (await clinic.results(run)).values()]
    assert (outcomes.count("done"), outcomes.count("skipped")) == (2, 18)  # a tenth of twenty
    assert sum(bool(clinic.entry(index).holds) for index in indexes) == 2
    again = await clinic.run(may=["disable"], threshold=95)
    assert "done" not in {found.outcome for found in (await clinic.results(again)).values()}


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann, 96)
    run = await clinic.run(may=["disable"], threshold=95, dry_run=True)
    assert (await clinic.result(run, ann)).outcome == "would"
    assert run.batch is None
    assert clinic.entry(ann).holds == ()


async def test_it_never_refreshes_unless_it_may(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.shop.index = ann
    await clinic.shop.expired()
    found = await clinic.result(await clinic.run(), ann)
    assert (found.action, found.reason_code) == (Action.KEEP, "quota_token_expired")
    assert clinic.shop.calls() == 0
    found = await clinic.result(await clinic.run(refresh=True), ann)
    assert (found.action, found.reason_code) == (Action.KEEP, "inspected_healthy")
    assert clinic.shop.calls() == 1


async def test_it_stops_at_the_first_sign_that_a_family_is_revoked(clinic: Clinic) -> None:
    indexes = await clinic.move_in("ann", "bob", "eve")
    clinic.shop.index = indexes[0]
    await clinic.shop.expired()
    clinic.shop.simulator.fail(path="/oauth/token", status=401, kind="refresh_token_reused")
    run = await clinic.run(*indexes, refresh=True)
    found = await clinic.results(run)
    assert found[indexes[0]].action is Action.REAUTH
    assert {found[index].reason_code for index in indexes[1:]} == {"family_stopped"}
    assert clinic.shop.calls() == 1
    assert run.counts == {"reauth": 1, "keep": 2}


async def test_a_token_that_was_just_made_and_is_called_expired_asks_for_nobody_the_first_time(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.shop.simulator.fail(path="/wham/usage", status=401, kind="token_expired", times=4)
    found = await clinic.result(await clinic.run(refresh=True), ann)
    assert (found.action, found.reason_code) == (Action.KEEP, "refused_once")
    clinic.shop.clock.move(minutes=1)
    found = await clinic.result(await clinic.run(refresh=True), ann)
    assert (found.action, found.reason_code) == (Action.REAUTH, "new_token_expired")


async def test_an_account_that_cannot_be_written_down_stops_no_other(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob")
    desk, queries = clinic.shop.desk, queries_of(clinic.shop)
    runner = InspectionRunner(desk, Garbled(desk, queries, ann))
    begun = await Inspections(desk, runner, clinic.batches).begin(Order(), ANN)
    await runner.carry_on(begun.id)
    found = await clinic.results(begun)
    assert (found[ann].action, found[ann].reason_code) == (Action.KEEP, "internal")
    assert found[bob].reason_code == "inspected_healthy"
    assert (await clinic.inspecting.runs.one(begun.id)).status == "completed"


class Garbled(Inspector):
    """What one account's provider says can't be stored: a half of a character that takes two."""

    def __init__(self, desk: Desk, queries: QuotaQueries, index: str) -> None:
        super().__init__(desk, queries)
        self.index = index

    async def ask(self, auth_index: str, policy: Policy, *, family_stopped: bool = False) -> Answered | None:
        asked = await super().ask(auth_index, policy, family_stopped=family_stopped)
        if auth_index != self.index or asked is None or asked.heard.told is None:
            return asked
        return Answered(replace(asked.heard, told=replace(asked.heard.told, plan="\udc80")))


async def test_a_closed_workspace_and_a_revoked_sign_in(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob")
    fail = clinic.shop.simulator.fail
    body = b'{"detail":{"code":"deactivated_workspace"}}'
    fail(path="/wham/usage", account=clinic.people[ann], status=402, body=body)
    fail(path="/wham/usage", account=clinic.people[bob], status=401, kind="token_revoked")
    found = await clinic.results(await clinic.run())
    assert (found[ann].action, found[ann].reason_code) == (Action.DELETE, "workspace_deactivated")
    assert (found[bob].action, found[bob].reason_code) == (Action.REAUTH, "token_revoked")


async def test_an_answer_that_never_came_is_asked_for_again(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.shop.simulator.fail(path="/wham/usage", cut_after_events=0, times=2)
    assert (await clinic.result(await clinic.run(), ann)).evidence["outcome"] == "failed"
    assert (await clinic.result(await clinic.run(retries=1), ann)).reason_code == "inspected_healthy"


async def test_the_next_run_about_the_same_says_what_changed(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob")
    first = await clinic.run()
    clinic.fill(bob)
    clinic.shop.clock.move(minutes=1)
    run = await clinic.run()
    assert run.compared_to == first.id
    found = await clinic.results(run)
    assert (found[ann].is_new, found[bob].is_new, found[bob].before) == (False, True, "keep")
    told = await clinic.shop.desk.read(lambda c: reading.comparison(c, run.id, first.id))
    assert told == {("keep", "keep"): 1, ("keep", "disable"): 1}


async def test_a_sample_is_so_many_and_each_once(clinic: Clinic) -> None:
    await clinic.move_in(*(f"p{number}" for number in range(6)))
    order = Order(read_selection({"provider": "codex", "sample": 3}))
    begun = await clinic.inspecting.runs.begin(order, ANN)
    await clinic.inspecting.runner.carry_on(begun.id)
    assert len(await clinic.results(begun)) == 3


async def test_nobody_to_ask_is_said(clinic: Clinic) -> None:
    with pytest.raises(DeckError, match="selection_empty"):
        await clinic.inspecting.runs.begin(Order(read_selection({"provider": Provider.KIMI.value})), ANN)


async def test_what_is_suggested_is_done_as_a_batch(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob")
    clinic.fill(bob)
    run = await clinic.run()
    runs = clinic.inspecting.runs
    preview = await runs.follow_up(run.id, Action.DISABLE, ANN, preview=True)
    assert preview.counts == {"done": 1}
    assert clinic.entry(ann).holds == ()
    done = await runs.follow_up(run.id, Action.DISABLE, ANN)
    assert Owner.OPERATOR in {hold.owner for hold in clinic.entry(bob).holds}
    await clinic.batches.undo(done.id, ANN)
    assert Owner.OPERATOR not in {hold.owner for hold in clinic.entry(bob).holds}
    with pytest.raises(DeckError, match="inspection_action_alone"):
        await runs.follow_up(run.id, Action.REAUTH, ANN)


async def test_a_cancelled_run_asks_no_further_account(clinic: Clinic) -> None:
    await clinic.move_in(*(f"p{number}" for number in range(8)))
    clinic.shop.simulator.fail(path="/wham/usage", stall_after_events=0, times=1)
    begun = await clinic.inspecting.runs.begin(Order(policy=read_policy({"workers": 1})), ANN)
    running = clinic.inspecting.runner.carry_on(begun.id)
    while not clinic.shop.simulator.seen("/wham/usage"):  # noqa: ASYNC110 - the simulator tells it in no other way
        await asyncio.sleep(0.01)
    cancelled = await clinic.inspecting.runs.cancel(begun.id, ANN)
    assert cancelled.status == "cancelled"
    clinic.shop.simulator.release()
    await running
    assert (await clinic.inspecting.runs.one(begun.id)).status == "cancelled"
    assert len(clinic.shop.simulator.seen("/wham/usage")) < 8


async def test_a_run_that_rested_goes_on_with_those_that_are_left(clinic: Clinic) -> None:
    indexes = await clinic.move_in(*(f"p{number}" for number in range(6)))
    begun = await clinic.inspecting.runs.begin(Order(), ANN)
    await clinic.inspecting.runner.close()
    resting = await clinic.inspecting.runs.one(begun.id)
    left = await clinic.shop.desk.read(lambda c: reading.left(c, begun.id))
    assert resting.status == "running"
    assert resting.done + len(left) == len(indexes)
    asked = len(clinic.shop.simulator.seen("/wham/usage"))
    other = clinic_of(clinic.shop)
    await other.inspecting.runner.start()
    await other.inspecting.runner.carry_on(begun.id)
    ended = await clinic.inspecting.runs.one(begun.id)
    assert (ended.status, ended.done) == ("completed", 6)
    assert len(clinic.shop.simulator.seen("/wham/usage")) - asked == len(left)


async def test_a_run_of_the_day_before_is_not_gone_on_with(clinic: Clinic) -> None:
    await clinic.move_in("ann")
    begun = await clinic.inspecting.runs.begin(Order(), ANN)
    await clinic.inspecting.runner.close()
    clinic.shop.clock.move(days=2)
    await clinic_of(clinic.shop).inspecting.runner.start()
    assert (await clinic.inspecting.runs.one(begun.id)).status == "interrupted"


async def test_whoever_follows_hears_of_the_end(clinic: Clinic) -> None:
    await clinic.move_in("ann")
    begun = await clinic.inspecting.runs.begin(Order(), ANN)
    seen = [now.status async for now in clinic.inspecting.runs.follow(begun.id)]
    assert seen[-1] == "completed"


async def test_old_runs_go_with_their_results(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    run = await clinic.run()
    clinic.shop.clock.move(days=89)
    await clinic.inspecting.runs.forget_old()
    assert await clinic.inspecting.runs.one(run.id)
    clinic.shop.clock.move(days=2)
    await clinic.inspecting.runs.forget_old()
    with pytest.raises(DeckError, match="inspection_not_found"):
        await clinic.inspecting.runs.one(run.id)
    key = clinic.entry(ann).account.key
    assert await clinic.shop.desk.read(lambda c: reading.of_account(c, key)) is None


async def test_what_it_did_stands_among_the_changes_of_the_account(clinic: Clinic) -> None:
    (ann,) = await clinic.move_in("ann")
    clinic.fill(ann, 96)
    run = await clinic.run(may=["disable"], threshold=95)
    key = clinic.entry(ann).account.key
    ((batch, _),) = await clinic.shop.desk.read(lambda c: batch_reading.of_account(c, key, before=None, limit=10))
    assert (batch.id, batch.kind, batch.selection) == (run.batch, "inspection", {"inspection": run.id})


async def test_a_service_account_proves_its_key_where_a_run_may_refresh(clinic: Clinic) -> None:
    (vee,) = await clinic.move_in("vee", provider="vertex")
    found = await clinic.result(await clinic.run(), vee)
    assert (found.action, found.reason_code) == (Action.KEEP, "quota_not_offered")
    found = await clinic.result(await clinic.run(refresh=True), vee)
    assert (found.action, found.reason_code) == (Action.KEEP, "token_made")


async def test_an_account_that_is_gone_meanwhile_is_counted_and_nothing_more(clinic: Clinic) -> None:
    ann, bob = await clinic.move_in("ann", "bob")
    begun = await clinic.inspecting.runs.begin(Order(), ANN)
    await clinic.batches.begin(Asked({"delete": True}, [bob]), ANN)
    await clinic.inspecting.runner.carry_on(begun.id)
    run = await clinic.inspecting.runs.one(begun.id)
    assert (run.status, run.done) == ("completed", 2)
    assert ann in await clinic.results(run)


async def test_who_is_no_longer_in_charge_ends_nothing(clinic: Clinic) -> None:
    """A lease that ran out and was taken by another process: the run is that one's."""
    await clinic.move_in("ann")
    clinic.shop.simulator.fail(path="/wham/usage", stall_after_events=0, times=1)
    begun = await clinic.inspecting.runs.begin(Order(), ANN)
    running = clinic.inspecting.runner.carry_on(begun.id)
    while not clinic.shop.simulator.seen("/wham/usage"):  # noqa: ASYNC110 - the simulator tells it in no other way
        await asyncio.sleep(0.01)
    lease = lease_of(begun.id)

    def take(connection: WriteConnection) -> None:
        connection.execute(update(leases).where(leases.c.name == lease).values(owner="c" * 32, fence=99))

    await clinic.shop.desk.write(take)
    clinic.shop.simulator.release()
    await running
    assert (await clinic.inspecting.runs.one(begun.id)).status == "running"
    assert await clinic.results(begun) == {}
