"""Auth files that can't be opened are a visible state of their account: found at start, gone when they open again."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.entries import mark_unreadable
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import revisions
from authdeck.storage.reading.revisions import StoredRevision
from authdeck.vault.vault import Vault

SLICE: Final = 200
"""Auth files opened at once: a few milliseconds on a thread."""


async def walk(desk: Desk) -> AsyncIterator[tuple[StoredRevision, str | None]]:
    """Every auth file in force, each with the code of why it can't be opened (``None``: it can)."""
    after = 0
    while found := await desk.read(partial(_slice, desk.vault, after)):
        for revision, code in found:
            yield revision, code
        after = found[-1][0].account


async def mark_all(desk: Desk) -> None:
    """Bring every live account's mark in line with whether its auth file opens."""
    async for revision, code in walk(desk):
        entry = desk.directory.get(revision.auth_index)
        if entry is not None and entry.account.unreadable != code:
            await mark_unreadable(desk, revision.auth_index, code)


def _slice(vault: Vault, after: int, connection: ReadConnection) -> list[tuple[StoredRevision, str | None]]:
    return [(found, _why_not(vault, found)) for found in revisions.current_after(connection, after, SLICE)]


def _why_not(vault: Vault, revision: StoredRevision) -> str | None:
    try:
        seals.open_file(vault, revision)
    except DeckError as error:
        return error.code
    return None
