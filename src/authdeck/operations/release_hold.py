"""A person releases a hold, whoever placed it; what was seen until then never raises it again. And puts it back."""

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import Conflict, NotFound
from authdeck.hold import Owner
from authdeck.operations import putting_back
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
    return _entry(desk, auth_index)


async def put_hold_back(desk: Desk, auth_index: str, owner: Owner, code: str, actor: Actor) -> Entry:
    """Undo a release of the last day: the holds stand again as they were, and what was observed counts again.

    One that is over by now ends again by itself. Where one of that code stands, nothing happens. Raises
    ``NotFound('hold_not_found')`` where there never was one, ``Conflict('hold_not_released')`` where no person released
    it within a day.
    """

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        if not holds.open_again(connection, account.key, owner, code, putting_back.since(desk.now())):
            if not holds.was_placed(connection, account.key, owner, code):
                raise NotFound("hold_not_found", owner=owner.value, code=code)
            if code not in holds.open_codes(connection, account.key, owner):
                raise Conflict("hold_not_released", owner=owner.value, code=code)
            return
        holds.lower_watermark(connection, account.key, owner, code)
        record(desk, connection, actor, Act.HOLD_PUT_BACK, auth_index, after={"owner": owner.value, "code": code})
        settle(desk, connection, [account])
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    return _entry(desk, auth_index)


def _entry(desk: Desk, auth_index: str) -> Entry:
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry
