"""Whose turn a login is: one process polls its device or exchanges its code, and another goes on when that one is gone.

Both are leases by the database's clock. SQLite has one process, whose start makes leases of former ones void.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from authdeck.errors import DeckError
from authdeck.operations import login_calls
from authdeck.operations.desk import Desk
from authdeck.operations.login_waiting import Pause, decided
from authdeck.operations.records import changed
from authdeck.providers.signing_in import DeviceCode, DeviceLogin, Polled, Step
from authdeck.storage.database import ReadConnection, WriteConnection
from authdeck.storage.reading.logins import StoredLogin
from authdeck.storage.writing import logins as writing
from authdeck.storage.writing import refreshing
from authdeck.upstream.failures import UpstreamFailure

CHANGE: Final = "login"
"""What the change feed calls a login."""

EXCHANGE: Final = 240
"""Seconds for the token call and all look-ups; each of them ends after 30."""

CALL: Final = 45
"""Seconds for one poll, beyond the interval that is waited before it."""


def is_polled(connection: ReadConnection, login_id: str) -> bool:
    return refreshing.is_leased(connection, _polling(login_id))


def is_exchanged(connection: ReadConnection, login_id: str) -> bool:
    return refreshing.is_leased(connection, _exchanging(login_id))


async def begin_exchange(desk: Desk, login: StoredLogin) -> bool:
    """Spend its state, for this process. False: it is not pending any more."""

    def work(connection: WriteConnection) -> bool:
        if not writing.move(connection, login.id, "exchanging", among=("pending",), at=desk.now()):
            return False
        refreshing.take_lease(connection, _exchanging(login.id), desk.boot, EXCHANGE)
        changed(desk, connection, CHANGE, login.id)
        return True

    return await desk.write(work)


async def polled(
    desk: Desk, login: StoredLogin, device: DeviceLogin, kept: Mapping[str, Any], pause: Pause
) -> Polled | None:
    """How the provider decided; ``None`` where time ran out, or another process is at it.

    An approved one keeps its lease: nobody may ask again before it is being exchanged.
    """
    code, lease = DeviceCode(**kept), _polling(login.id)
    fence = await desk.write(
        lambda connection: refreshing.take_lease(connection, lease, desk.boot, code.interval + CALL)
    )
    if fence is None:
        return None
    found: Polled | None = None
    try:
        found = await decided(code, partial(_turn, desk, login, device, fence), pause)
    finally:
        if found is None:
            with suppress(DeckError):
                await desk.write(lambda connection: refreshing.release_lease(connection, lease, desk.boot, fence))
    return found


async def _turn(desk: Desk, login: StoredLogin, device: DeviceLogin, fence: int, code: DeviceCode) -> Polled | None:
    """Ask once, while it is ours and in time."""
    if desk.now() >= login.expires_at:
        return None
    lease, seconds = _polling(login.id), code.interval + CALL
    if not await desk.write(lambda connection: refreshing.renew_lease(connection, lease, desk.boot, fence, seconds)):
        return None
    try:
        outgoing = device.poll(desk.settings.providers, code)
        return device.read_poll(await login_calls.send(desk, login.expected, outgoing), desk.now())
    except UpstreamFailure:
        return Polled(Step.PENDING)
    except DeckError as error:
        return Polled(Step.REFUSED, error.code)


def _polling(login_id: str) -> str:
    return f"login:{login_id}"


def _exchanging(login_id: str) -> str:
    return f"login_exchange:{login_id}"
