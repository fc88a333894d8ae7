"""The trash: a deleted account lies there whole, with auth_index, history and holds, until it is restored or purged."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from authdeck.access import AUTOMATION, Actor
from authdeck.acts import Act
from authdeck.change import Change
from authdeck.entry import Entry
from authdeck.errors import Conflict, NotFound
from authdeck.operations.change_account import change_account, entry_of
from authdeck.operations.change_rows import Row
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, kinship
from authdeck.storage.reading import trash as reading
from authdeck.storage.writing import purging

AT_ONCE: Final = 200
"""Accounts that are looked up together."""


async def delete(desk: Desk, auth_index: str, actor: Actor, *, version: int | None) -> None:
    """Put the account into the trash. ``version`` is what the caller read; ``None`` means whichever.

    Raises ``DeckError('version_stale', status=412)`` when somebody edited it since.
    """

    def check(row: Row) -> None:
        if row.account.trashed_at is not None:
            raise NotFound("account_not_found", name=auth_index)

    change = Change(delete=True)
    await change_account(desk, auth_index, actor, Act.ACCOUNT_TRASHED, change, version=version, check=check)


async def restore(desk: Desk, auth_index: str, actor: Actor) -> Entry:
    """Bring a trashed account back as it was; with a suffix where its file name was taken. Live already: nothing."""
    await change_account(desk, auth_index, actor, Act.ACCOUNT_RESTORED, Change(restore=True))
    return entry_of(desk, auth_index)


async def purge(desk: Desk, auth_index: str, actor: Actor) -> None:
    """Let go for good of an account that lies in the trash. Its auth_index is never given again; the audit stays.

    Raises ``NotFound('account_not_found')``, also when it is purged already, and ``Conflict('not_in_trash')``.
    """

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        if account.trashed_at is None:
            raise Conflict("not_in_trash", auth_index=auth_index)
        purging.purge(connection, [*kinship.merged_into(connection, [account.key]), account.key], at=desk.now())
        record(desk, connection, actor, Act.ACCOUNT_PURGED, auth_index, before={"provider": account.provider.value})
        changed(desk, connection, "account", auth_index)

    await desk.write(work)


async def purge_due(desk: Desk) -> int:
    """Purge what has lain in the trash for ``trash_days``, some at a time. How many there were."""
    before, purged = desk.now() - timedelta(days=desk.settings.trash_days), 0
    while due := await desk.read(lambda connection: reading.since_before(connection, before, AT_ONCE)):
        for auth_index in due:
            with suppress(NotFound, Conflict):  # somebody was quicker, or brought it back
                await purge(desk, auth_index, AUTOMATION)
                purged += 1
    return purged
