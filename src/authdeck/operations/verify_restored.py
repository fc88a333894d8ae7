"""Accounts restored from a backup: their tokens may be stale, so they wait for a person or a success."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from authdeck.access import AUTOMATION, Actor
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import NotFound
from authdeck.hold import Hold, Owner
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import holds

CODE: Final = "restored_unverified"


def place(connection: WriteConnection, account_key: int, backup: str, actor: Actor, now: datetime) -> None:
    hold = Hold(Owner.CREDENTIAL, CODE, since=now, actor=actor.name, detail={"backup": backup})
    holds.place(connection, account_key, hold)


async def confirm(desk: Desk, auth_index: str, actor: Actor) -> Entry:
    """A person says that these tokens are the newest there are. Said again, nothing happens."""
    await _release(desk, [auth_index], actor)
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry


async def saw_successes(desk: Desk, seen: Mapping[str, datetime]) -> None:
    """Accounts that were answered with their access token, and when: one after the restoration proves the tokens."""
    proven = [auth_index for auth_index, at in seen.items() if (hold := _hold(desk, auth_index)) and at > hold.since]
    if proven:
        await _release(desk, proven, AUTOMATION)


def _hold(desk: Desk, auth_index: str) -> Hold | None:
    entry = desk.directory.get(auth_index)
    return next((hold for hold in entry.holds if hold.code == CODE), None) if entry is not None else None


async def _release(desk: Desk, auth_indexes: list[str], actor: Actor) -> None:
    def work(connection: WriteConnection) -> None:
        for auth_index in auth_indexes:
            key = accounts.by_index(connection, auth_index).key
            holds.raise_watermark(connection, key, Owner.CREDENTIAL, CODE, by=actor.name, at=desk.now())
            if holds.release(connection, key, Owner.CREDENTIAL, by=actor.name, at=desk.now(), code=CODE):
                record(desk, connection, actor, Act.RESTORED_CONFIRMED, auth_index)
                changed(desk, connection, "account", auth_index)

    await desk.write(work)
