"""Changing one account: a batch's row by itself, audited as an act of its own."""

from collections.abc import Callable

from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.change import Change, RowOutcome, shown
from authdeck.entry import Entry
from authdeck.errors import DeckError, NotFound
from authdeck.operations.answer_queue import answer
from authdeck.operations.change_rows import Row, Taking, ask, carry_out, plan, stand
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.database import WriteConnection

Check = Callable[[Row], None]


async def change_account(
    desk: Desk,
    auth_index: str,
    actor: Actor,
    act: Act,
    change: Change,
    *,
    version: int | None = None,
    check: Check | None = None,
) -> None:
    """Make the change, unless everything is so already. ``version`` is what the caller read; ``None``: whichever.

    ``check`` looks at the row first and may refuse. Raises ``NotFound('account_not_found')``,
    ``NotFound('account_in_trash')``, ``Conflict('file_name_taken')`` and ``DeckError('version_stale', status=412)``.
    """

    def work(connection: WriteConnection) -> None:
        row = stand(desk, connection, [auth_index]).get(auth_index)
        if row is None:
            raise NotFound("account_not_found", name=auth_index)
        if check is not None:
            check(row)
        if version not in (None, row.account.version):
            raise DeckError("version_stale", status=412, auth_index=auth_index, current=row.account.version)
        taking = Taking(desk, connection, actor.name, desk.now())
        made = plan(taking, row, ask(taking, row, change))
        if made.outcome is not RowOutcome.DONE:
            return
        carry_out(taking, connection, [made])
        answer(taking, connection, [made], None)
        before, after = made.told()
        record(desk, connection, actor, act, auth_index, before=shown(before), after=shown(after))

    await desk.write(work)


def entry_of(desk: Desk, auth_index: str) -> Entry:
    """The account as it is now. Raises ``NotFound('account_not_found')`` where it is not live."""
    entry = desk.directory.get(auth_index)
    if entry is None:
        raise NotFound("account_not_found", name=auth_index)
    return entry
