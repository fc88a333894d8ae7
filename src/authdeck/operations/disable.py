"""Switching an account off and on by hand, and locking it against automation. Each is idempotent."""

from datetime import datetime

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import NotFound
from authdeck.hold import Hold, Owner
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as account_writes
from authdeck.storage.writing import holds

DISABLED = "disabled"


async def disable(desk: Desk, auth_index: str, actor: Actor, reason: str = "", until: datetime | None = None) -> Entry:
    """Place the operator's hold: no automation takes it away. Done again, it takes the new reason and end."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        hold = Hold(Owner.OPERATOR, DISABLED, desk.now(), until, note=reason.strip(), actor=actor.name)
        holds.place(connection, account.key, hold)
        after = {"reason": reason.strip(), "until": until.isoformat() if until else None}
        record(desk, connection, actor, Act.ACCOUNT_DISABLED, auth_index, after=after)
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    return _entry(desk, auth_index)


async def enable(desk: Desk, auth_index: str, actor: Actor) -> Entry:
    """Release what switches the account off: the operator's holds and an inspection's. Others stay and are shown."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        released = 0
        for owner in (Owner.OPERATOR, Owner.INSPECTION):
            for code in holds.open_codes(connection, account.key, owner):
                holds.raise_watermark(connection, account.key, owner, code, by=actor.name, at=desk.now())
            released += holds.release(connection, account.key, owner, by=actor.name, at=desk.now())
        if released:
            record(desk, connection, actor, Act.ACCOUNT_ENABLED, auth_index)
            changed(desk, connection, "account", auth_index)

    await desk.write(work)
    return _entry(desk, auth_index)


async def set_lock(desk: Desk, auth_index: str, actor: Actor, *, locked: bool) -> Entry:
    """A locked account's holds are changed by people only. Token refresh goes on."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        if account.locked == locked:
            return
        account_writes.change(connection, account.key, {"locked": locked}, at=desk.now())
        record(desk, connection, actor, Act.ACCOUNT_LOCKED if locked else Act.ACCOUNT_UNLOCKED, auth_index)
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    return _entry(desk, auth_index)


def _entry(desk: Desk, auth_index: str) -> Entry:
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry
