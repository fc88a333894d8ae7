"""The trash: a deleted account lies there whole, with auth_index, history and holds, until it is restored or purged."""

from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.directory import Entry
from authdeck.errors import DeckError, NotFound
from authdeck.import_plan import free_name
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts
from authdeck.storage.writing import accounts as writing


async def delete(desk: Desk, auth_index: str, actor: Actor, *, version: int | None) -> None:
    """Put the account into the trash. ``version`` is what the caller read; ``None`` means whichever.

    Raises ``DeckError('version_stale', status=412)`` when somebody edited it since.
    """

    def work(connection: WriteConnection) -> None:
        account = _live(connection, auth_index)
        if not writing.move_to_trash(
            connection, account.key, version=account.version if version is None else version,
            by=actor.name, at=desk.now(),
        ):  # fmt: skip
            raise DeckError("version_stale", status=412, auth_index=auth_index, current=account.version)
        record(desk, connection, actor, Act.ACCOUNT_TRASHED, auth_index, before={"file_name": account.file_name})
        changed(desk, connection, "account", auth_index)

    await desk.write(work)


async def restore(desk: Desk, auth_index: str, actor: Actor) -> Entry:
    """Bring a trashed account back as it was; with a suffix where its file name was taken. Live already: nothing."""

    def work(connection: WriteConnection) -> None:
        account = accounts.by_index(connection, auth_index)
        if account.trashed_at is None:
            return
        taken = accounts.by_file_name(connection, [account.file_name.casefold()])
        name = account.file_name
        if taken:
            name = free_name(name, accounts.names_like(connection, name))
        writing.take_from_trash(connection, account.key, file_name=name, version=account.version, at=desk.now())
        record(desk, connection, actor, Act.ACCOUNT_RESTORED, auth_index, after={"file_name": name})
        changed(desk, connection, "account", auth_index)

    await desk.write(work)
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry


def _live(connection: WriteConnection, auth_index: str) -> Account:
    account = accounts.by_index(connection, auth_index)
    if account.trashed_at is not None:
        raise NotFound("account_not_found", name=auth_index)
    return account
