"""Taking back the last edit of an account's settings, as long as nobody edited it since."""

from authdeck.access import Actor
from authdeck.account_fields import SECRET_FIELDS
from authdeck.acts import Act
from authdeck.entry import Entry
from authdeck.errors import Conflict
from authdeck.operations.desk import Desk
from authdeck.operations.edit_accounts import edit
from authdeck.storage.reading import audit
from authdeck.storage.reading.audit import AuditSearch


async def undo_edit(desk: Desk, auth_index: str, version: int, actor: Actor) -> Entry:
    """Every field as the audit says it was before the edit that made ``version``. It is an edit itself.

    Raises ``Conflict('edit_not_undoable')`` where sealed values were changed too, which the audit does not hold, and
    ``version_stale`` where somebody edited the account since.
    """
    search = AuditSearch(what=Act.ACCOUNT_EDITED.value, target=auth_index, page_size=1)
    found = await desk.read(lambda connection: audit.page(connection, search))
    before = dict(found.items[0].before or {}) if found.items else {}
    if not before or not SECRET_FIELDS.isdisjoint(before):
        raise Conflict("edit_not_undoable", auth_index=auth_index)
    return await edit(desk, auth_index, actor, before, version=version)
