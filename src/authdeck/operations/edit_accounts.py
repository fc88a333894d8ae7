"""Editing what a person sets: settings, label, file name. Compare-and-set on the version; each edit is audited."""

from collections.abc import Mapping
from typing import Any

from authdeck.access import Actor
from authdeck.account_fields import read
from authdeck.acts import Act
from authdeck.change import Change
from authdeck.entry import Entry
from authdeck.formats import check_name
from authdeck.operations.change_account import change_account, entry_of
from authdeck.operations.desk import Desk


async def edit(desk: Desk, auth_index: str, actor: Actor, changes: Mapping[str, Any], *, version: int | None) -> Entry:
    """Change the fields named; the others stay. ``version`` is what the caller read; ``None`` means whichever.

    Raises what ``change_account`` and ``account_fields.read`` raise. A new file name keeps the old one as an alias.
    """
    given = dict(changes)
    new_name = given.pop("file_name", None)
    if new_name is not None:
        check_name(new_name)
    fields = read(given)
    if new_name is not None:
        fields["file_name"] = new_name
    await change_account(desk, auth_index, actor, Act.ACCOUNT_EDITED, Change(fields), version=version)
    return entry_of(desk, auth_index)
