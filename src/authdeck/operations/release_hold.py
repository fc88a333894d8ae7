"""A person releases a hold, whoever placed it. What was observed until then never raises it again."""

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import NotFound
from authdeck.hold import Owner
from authdeck.operations.desk import Desk
from authdeck.operations.reconcile import settle
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.reading.evidence import newest_of_code
from authdeck.storage.writing import holds


async def release_hold(desk: Desk, auth_index: str, owner: Owner, code: str, actor: Actor) -> Entry:
    """Release the open holds of that owner and code, of every scope. Done again, nothing happens.

    Raises ``NotFound('hold_not_found')`` where there never was one.
    """

    def work(connection: WriteConnection) -> None:
        account, now = accounts.by_index(connection, auth_index), desk.now()
        if not holds.release(connection, account.key, owner, by=actor.name, at=now, code=code):
            if not holds.was_placed(connection, account.key, owner, code):
                raise NotFound("hold_not_found", owner=owner.value, code=code)
            return
        # A clock that was wrong may have dated evidence after now.
        seen = newest_of_code(connection, account.key, code)
        at = now if seen is None else max(now, seen)
        holds.raise_watermark(connection, account.key, owner, code, by=actor.name, at=at)
        record(desk, connection, actor, Act.HOLD_RELEASED, auth_index, after={"owner": owner.value, "code": code})
        settle(desk, connection, [account])
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry
