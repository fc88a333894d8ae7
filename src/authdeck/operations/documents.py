"""Reading an account's auth file and its revisions: redacted by default, opened only where a person asked.

The auth file in force is the current revision with the account's settings where they differ from what it says.
Revisions are shown as they came.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from authdeck import formats, health
from authdeck.access import Actor
from authdeck.account import Account, SecretSettings
from authdeck.acts import Act
from authdeck.formats import cliproxyapi
from authdeck.formats.document import redacted
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.records import record
from authdeck.providers import PROVIDERS
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading.holds import open_holds
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
    name, number, content = await desk.read(lambda connection: _in_force(desk, connection, auth_index))
    return Document(auth_index, name, number, redacted(json.loads(content)))


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
    """File name and bytes, for a person who asked: those that came, where no setting differs. Audited first."""
    name, number, content = await desk.read(lambda connection: _in_force(desk, connection, auth_index))
    await desk.write(
        lambda connection: record(
            desk, connection, actor, Act.DOCUMENT_REVEALED, auth_index, after={"revision": number}
        )
    )
    return name, content


async def history(desk: Desk, auth_index: str) -> Sequence[StoredRevision]:
    """Its revisions, newest first, still sealed."""
    return await desk.read(lambda connection: revisions.of_account(connection, auth_index))


def in_force(desk: Desk, connection: ReadConnection, account: Account, content: bytes) -> bytes:
    """This content of the account's with its settings in it; the same bytes where they say nothing else."""
    sealed = revisions.secret_settings(connection, account.auth_index)
    sends = seals.open_settings(desk.vault, account.auth_index, sealed)
    held = open_holds(connection, [account.key]).get(account.key, ())
    return with_settings(account, content, sends, off=not health.is_enabled(held, desk.now()))


def with_settings(account: Account, content: bytes, sends: SecretSettings, *, off: bool) -> bytes:
    """The same for who has everything at hand. ``off``: the account is switched off."""
    label = own_label(account, formats.opened(content))
    return cliproxyapi.write(content, account.settings, sends, label=label, disabled=off)


def own_label(account: Account, document: Mapping[str, Any]) -> str | None:
    """The label that a person gave; ``None`` for the one every import of the file would give."""
    claims = PROVIDERS[account.provider].claims(document)
    return None if account.label == (claims.label or claims.email or "") else account.label


def _in_force(desk: Desk, connection: ReadConnection, auth_index: str) -> tuple[str, int, bytes]:
    account, revision = accounts.by_index(connection, auth_index), revisions.current(connection, auth_index)
    content = seals.open_file(desk.vault, revision)
    return account.file_name, revision.number, in_force(desk, connection, account, content)
