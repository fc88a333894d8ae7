"""What is done with accounts answers the queue: rows that asked for it close, and an undo asks again.

Inside the transaction that does it, so that no row says "done" of what is not.
"""

from collections.abc import Sequence
from typing import Final

from authdeck.access import Actor
from authdeck.change import DISABLED, HOLD, RowOutcome
from authdeck.evidence import Action
from authdeck.hold import Owner
from authdeck.operations.change_rows import Plan, Taking
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading.batches import StoredBatch
from authdeck.storage.writing import queue

FROM_QUEUE: Final = "queue"
"""Stands in a batch's selection that was made from queue rows: it answers every open row of its accounts."""

_TOUCHED: Final = (RowOutcome.DONE, RowOutcome.UNCHANGED)


def answer(taking: Taking, connection: WriteConnection, plans: Sequence[Plan], batch: StoredBatch | None) -> None:
    """Close or open again what these plans, which were just carried out, answer or take back."""
    if batch is not None and batch.undo_of is not None:
        queue.undid(connection, _keys(plans, _TOUCHED[:1]), batch=batch.undo_of)
        return
    if batch is not None and batch.selection.get(FROM_QUEUE):
        queue.did(connection, _keys(plans, _TOUCHED), action=None, batch=batch.id, by=taking.actor, at=taking.now)
        queue.did_fail(connection, _keys(plans, (RowOutcome.FAILED,)), batch=batch.id, by=taking.actor, at=taking.now)
    for action in (Action.DISABLE, Action.ENABLE, Action.DELETE):
        keys = [made.account.key for made in plans if made.account is not None and _does(made, action)]
        if keys:
            named = batch.id if batch else None
            queue.did(connection, keys, action=action.value, batch=named, by=taking.actor, at=taking.now)


def tried_in_vain(desk: Desk, connection: WriteConnection, auth_index: str, action: Action, actor: Actor) -> None:
    """What open rows of the account suggest was tried, and did not work: they say so until it is seen anew."""
    account = accounts.by_index(connection, auth_index)
    queue.did_fail(connection, [account.key], batch=None, by=actor.name, at=desk.now(), action=action.value)
    changed(desk, connection, "account", auth_index)


def _keys(plans: Sequence[Plan], outcomes: Sequence[RowOutcome]) -> list[int]:
    return [made.account.key for made in plans if made.account is not None and made.outcome in outcomes]


def _does(made: Plan, action: Action) -> bool:
    if made.outcome is not RowOutcome.DONE:
        return False
    if action is Action.DELETE:
        return made.after.get("trashed") is True
    holds = {name: value for name, value in made.after.items() if name.startswith(HOLD)}
    if action is Action.DISABLE:
        return holds.get(_SWITCHED_OFF) is not None
    return bool(holds) and all(value is None for value in holds.values())


_SWITCHED_OFF: Final = f"{HOLD}{Owner.OPERATOR}.{DISABLED}"
