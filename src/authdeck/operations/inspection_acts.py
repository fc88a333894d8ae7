"""What a run does by itself with what it suggests: release its own holds, place some, as far as its policy goes.

It is a batch with the run's name in it, so that it has a page and a way back. Locks, bounds and people's own decisions
come first; a dry run only writes down what would be done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from authdeck import ids
from authdeck.access import AUTOMATION
from authdeck.acts import Act
from authdeck.change import Note, RowOutcome, hold_name, hold_value
from authdeck.evidence import Action
from authdeck.hold import ENABLED_UNLESS, Hold, Owner
from authdeck.inspection import RECOVERABLE, RECOVERED, own_holds
from authdeck.inspection_order import Policy
from authdeck.operations.batch_rows import reason_of
from authdeck.operations.bounds import Guard
from authdeck.operations.change_rows import Plan, Row, Taking, carry_out, plan, planned, stand
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import evidence as evidence_reading
from authdeck.storage.reading import inspections as reading
from authdeck.storage.reading.batches import done_indexes
from authdeck.storage.reading.inspections import StoredInspection, StoredResult
from authdeck.storage.writing import batches as batch_writes
from authdeck.storage.writing import inspections as writing
from authdeck.storage.writing import refreshing

AT_ONCE: Final = 50
"""Accounts of one transaction."""

KIND: Final = "inspection"
"""The kind of batch."""

Wanted = dict[str, Any] | Note
"""The values to give to a row's names; or why nothing is done."""


@dataclass(slots=True)
class _Acting:
    """What the rows of one transaction share."""

    run: StoredInspection
    guard: Guard
    marks: dict[int, dict[tuple[Owner, str], Any]]
    taking: Taking


def act_on(
    desk: Desk, run: StoredInspection, policy: Policy, fence: int, lease: str, connection: WriteConnection
) -> bool:
    """Some more suggestions. False: there is nothing more to do here, or it is not for this process to do."""
    head = writing.head(connection, run.id)
    is_ours = refreshing.holds_lease(connection, lease, desk.boot, fence)
    if head is None or head.status not in reading.OPEN or not is_ours or not policy.may:
        return False
    found = reading.to_act(connection, run.id, policy.may, AT_ONCE)
    if not found:
        _close(desk, connection, head.batch)
        return False
    rows = stand(desk, connection, [each.auth_index for each in found], locked=not run.dry_run)
    acting = _Acting(
        run,
        Guard(desk, connection),
        evidence_reading.marks(connection, [each.account for each in found]),
        Taking(desk, connection, AUTOMATION.name, desk.now(), previewing=run.dry_run),
    )
    plans = [_plan(acting, each, rows.get(each.auth_index)) for each in found]
    if not run.dry_run:
        _carry_out(desk, connection, acting, head.batch, plans)
    settled = [_settled(each, made, is_dry=run.dry_run) for each, made in zip(found, plans, strict=True)]
    writing.settle_results(connection, run.id, settled)
    return True


def _plan(acting: _Acting, result: StoredResult, row: Row | None) -> Plan:
    def wish(row: Row) -> Plan:
        wanted = _enabled(acting, result, row) if result.action is Action.ENABLE else _disabled(acting, result, row)
        if isinstance(wanted, tuple):
            return Plan(row, row.account.file_name, RowOutcome.SKIPPED, reason=wanted)
        return plan(acting.taking, row, wanted)

    return planned(row, result.auth_index, wish)


def _enabled(acting: _Acting, result: StoredResult, row: Row) -> Wanted:
    """Release the holds that inspections placed, where nothing else of people's is in the way."""
    now, holds = acting.taking.now, list(row.holds.values())
    if result.reason_code != RECOVERED:
        return "inspection_for_person", {}
    if row.account.locked:
        return "inspection_locked", {}
    if any(hold.owner is Owner.OPERATOR and hold.scope is None and hold.applies(now) for hold in holds):
        return "disabled_by_person", {}
    ours = own_holds(holds)
    if not ours or any(hold.code not in RECOVERABLE or hold.since > result.at for hold in ours):
        return "inspection_outdated", {}
    return {hold_name(hold): None for hold in ours}


def _disabled(acting: _Acting, result: StoredResult, row: Row) -> Wanted:
    now, account = acting.taking.now, row.account
    if account.locked:
        return "inspection_locked", {}
    if any(hold.owner in ENABLED_UNLESS and hold.scope is None and hold.applies(now) for hold in row.holds.values()):
        return "disabled_already", {"code": result.reason_code}
    if result.until is not None and result.until <= now:
        return "inspection_outdated", {}
    mark = acting.marks.get(account.key, {}).get((Owner.INSPECTION, result.reason_code))
    if mark is not None and mark >= result.at:
        return "inspection_released", {}
    if not acting.guard.allows(account, result.reason_code, result.at):
        return "inspection_bounds", {}
    told = {**result.params, "inspection": acting.run.id}
    hold = Hold(Owner.INSPECTION, result.reason_code, now, result.until, actor=AUTOMATION.name, detail=told)
    return {hold_name(hold): hold_value(hold)}


# ---- doing it ----


def _carry_out(
    desk: Desk, connection: WriteConnection, acting: _Acting, batch: str | None, plans: Sequence[Plan]
) -> None:
    doing = [made for made in plans if made.outcome is RowOutcome.DONE and made.account is not None]
    if not doing:
        return
    batch = batch or _begin(desk, connection, acting)
    start = len(done_indexes(connection, batch))
    carry_out(acting.taking, connection, doing)
    items = [_item(number, made) for number, made in enumerate(doing, start)]
    batch_writes.add_items(connection, batch, items, cursor=start + len(items))


def _begin(desk: Desk, connection: WriteConnection, acting: _Acting) -> str:
    run, batch = acting.run, ids.new_id()
    change = dict.fromkeys(sorted(run.policy["may"]), True)
    batch_writes.begin(
        connection, batch, kind=KIND, actor=AUTOMATION.name, selection={"inspection": run.id}, change=change,
        at=acting.taking.now,
    )  # fmt: skip
    writing.set_batch(connection, run.id, batch)
    told = {"inspection": run.id, "schedule": run.schedule_name, "may": sorted(run.policy["may"])}
    record(desk, connection, AUTOMATION, Act.INSPECTION_ACTED, run.id, after=told, batch=batch)
    return batch


def _close(desk: Desk, connection: WriteConnection, batch: str | None) -> None:
    """Now its rows are known, it can be taken back."""
    if batch is not None:
        batch_writes.settle_rows(connection, batch, done_indexes(connection, batch))
        batch_writes.end(connection, batch, status="completed", at=desk.now())


def _item(number: int, made: Plan) -> dict[str, Any]:
    before, after = made.told()
    return {
        "row": number, "account": made.account.key if made.account else None, "subject": made.subject,
        "before": before, "after": after, "sealed": None, "outcome": made.outcome.value, "reason": None,
    }  # fmt: skip


def _settled(result: StoredResult, made: Plan, *, is_dry: bool) -> dict[str, Any]:
    is_done = made.outcome is RowOutcome.DONE
    outcome = ("would" if is_dry else "done") if is_done else "skipped"
    reason = made.reason or (None if is_done else ("inspection_outdated", {}))
    return {"account": result.account, "outcome": outcome, "outcome_reason": reason_of(reason)}
