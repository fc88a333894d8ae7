"""Switching an account off and on by hand, and locking it against automation. Each is idempotent."""

from datetime import datetime

from authdeck.access import Actor
from authdeck.account_fields import text
from authdeck.acts import Act
from authdeck.change import Change, Disablement
from authdeck.entry import Entry
from authdeck.operations.change_account import change_account, entry_of
from authdeck.operations.desk import Desk


async def disable(desk: Desk, auth_index: str, actor: Actor, reason: str = "", until: datetime | None = None) -> Entry:
    """Place the operator's hold: no automation takes it away. Done again, it takes the new reason and end."""
    change = Change(disable=Disablement(text("reason", reason), until))
    await change_account(desk, auth_index, actor, Act.ACCOUNT_DISABLED, change)
    return entry_of(desk, auth_index)


async def enable(desk: Desk, auth_index: str, actor: Actor) -> Entry:
    """Release what switches the account off: the operator's holds and an inspection's. Others stay and are shown."""
    await change_account(desk, auth_index, actor, Act.ACCOUNT_ENABLED, Change(enable=True))
    return entry_of(desk, auth_index)


async def set_lock(desk: Desk, auth_index: str, actor: Actor, *, locked: bool) -> Entry:
    """A locked account's holds are changed by people only. Token refresh goes on."""
    act = Act.ACCOUNT_LOCKED if locked else Act.ACCOUNT_UNLOCKED
    await change_account(desk, auth_index, actor, act, Change(locked=locked))
    return entry_of(desk, auth_index)
