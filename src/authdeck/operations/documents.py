"""Reading an account's auth file and its revisions: redacted by default, opened only where a person asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from authdeck import formats
from authdeck.access import Actor
from authdeck.acts import Act
from authdeck.formats.document import redacted
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading.revisions import StoredRevision

Difference: TypeAlias = formats.Difference


@dataclass(frozen=True, slots=True)
class Document:
    """An auth file as shown: ``revision`` is its number, ``content`` the parsed JSON with secrets as ``***``."""

    auth_index: str
    file_name: str
    revision: int
    content: Any


async def redacted_document(desk: Desk, auth_index: str) -> Document:
    """Raises ``DeckError('sealed_…')`` where the auth file can't be opened."""
    account = await desk.read(lambda connection: accounts.by_index(connection, auth_index))
    revision = await desk.read(lambda connection: revisions.current(connection, auth_index))
    content = json.loads(seals.open_file(desk.vault, revision))
    return Document(auth_index, account.file_name, revision.number, redacted(content))


async def redacted_revision(desk: Desk, auth_index: str, number: int) -> tuple[StoredRevision, Any]:
    """One revision and its content with ``***`` for every secret. Raises ``NotFound('revision_not_found')``."""
    revision = await desk.read(lambda connection: revisions.one(connection, auth_index, number))
    return revision, redacted(json.loads(seals.open_file(desk.vault, revision)))


async def difference(desk: Desk, auth_index: str, number: int, former: int | None) -> tuple[int, list[Difference]]:
    """What revision ``number`` has otherwise than ``former``, by default its parent; the number of that one too."""
    later = await desk.read(lambda connection: revisions.one(connection, auth_index, number))
    base = former or later.parent or number
    earlier = await desk.read(lambda connection: revisions.one(connection, auth_index, base))
    before, after = (formats.parsed(seals.open_file(desk.vault, revision)) for revision in (earlier, later))
    return base, formats.differences(before, after)


async def revealed_bytes(desk: Desk, auth_index: str, actor: Actor) -> tuple[str, bytes]:
    """File name and bytes as they came, for a person who asked. The audit entry is committed first."""
    account = await desk.read(lambda connection: accounts.by_index(connection, auth_index))
    revision = await desk.read(lambda connection: revisions.current(connection, auth_index))
    content = seals.open_file(desk.vault, revision)
    await desk.write(
        lambda connection: record(
            desk, connection, actor, Act.DOCUMENT_REVEALED, auth_index, after={"revision": revision.number}
        )
    )
    return account.file_name, content


async def history(desk: Desk, auth_index: str) -> Sequence[StoredRevision]:
    """Its revisions, newest first, still sealed."""
    return await desk.read(lambda connection: revisions.of_account(connection, auth_index))
