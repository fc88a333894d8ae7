"""Lending credentials: an auth file is opened when it is first needed, and kept in memory, never on disk."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from authdeck import formats
from authdeck.account import AccountSettings, Kind, Provider, SecretSettings
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.operations import seals
from authdeck.operations.desk import Desk
from authdeck.operations.entries import mark_unreadable
from authdeck.providers import PROVIDERS
from authdeck.storage.database import ReadConnection
from authdeck.storage.reading import accounts, revisions
from authdeck.storage.reading.revisions import StoredRevision, StoredSecrets

LIMIT: Final = 5_000
"""Opened credentials kept, the least recently used go first."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An auth file as it is stored, opened: ``content`` its bytes, ``credential`` what its provider uses."""

    account_key: int
    content: bytes = field(repr=False)
    credential: Credential


class Lender:
    """Opened credentials by account. A change of the account drops what was opened before the change returns."""

    def __init__(self, desk: Desk) -> None:
        self._desk: Final = desk
        self._kept: OrderedDict[str, Credential] = OrderedDict()
        self._changes = 0
        desk.feed.subscribe("account", self._forget)

    def ready(self, auth_index: str) -> Credential | None:
        """The credential, if it is in memory."""
        credential = self._kept.get(auth_index)
        if credential is not None:
            self._kept.move_to_end(auth_index)
        return credential

    async def credential(self, auth_index: str) -> Credential:
        """The account's current credential.

        Raises ``account_not_found`` (404) and ``credential_unreadable`` (503); the latter is a visible state of the
        account from then on, and ends when the file can be opened again.
        """
        return self.ready(auth_index) or await self.newest(auth_index)

    async def newest(self, auth_index: str) -> Credential:
        """The credential as it is stored now, whatever is in memory: another process may have renewed it."""
        changes = self._changes
        credential = (await self.opened(auth_index)).credential
        self._kept.pop(auth_index, None)
        if changes == self._changes:  # else it may be an older one than what a change announced
            self._kept[auth_index] = credential
            if len(self._kept) > LIMIT:
                self._kept.popitem(last=False)
        return credential

    async def opened(self, auth_index: str) -> Opened:
        """The account's current auth file, read and opened now. Raises like ``credential``."""
        stored, secrets, was_unreadable = await self._desk.read(lambda connection: _stored(connection, auth_index))
        try:
            opened = self._open(stored, secrets)
        except DeckError as error:
            await mark_unreadable(self._desk, auth_index, error.code[:32])
            raise DeckError("credential_unreadable", status=503, auth_index=auth_index, cause=error.code) from error
        if was_unreadable:
            await mark_unreadable(self._desk, auth_index, None)
        return opened

    def _open(self, stored: "_Stored", secrets: StoredSecrets) -> Opened:
        vault = self._desk.vault
        content = seals.open_file(vault, stored.revision)
        document = formats.opened(content)
        sends = seals.open_settings(vault, stored.revision.auth_index, secrets)
        credential = opened_credential(stored, _with_settings(document, stored.settings), sends)
        return Opened(stored.revision.account, content, credential)

    async def _forget(self, auth_index: str) -> None:
        self._changes += 1
        self._kept.pop(auth_index, None)


@dataclass(frozen=True, slots=True)
class _Stored:
    revision: StoredRevision
    provider: Provider
    kind: Kind
    settings: AccountSettings


def opened_credential(stored: _Stored, document: Mapping[str, Any], sends: SecretSettings) -> Credential:
    """The credential that a document holds."""
    tokens = PROVIDERS[stored.provider].tokens(document)
    return Credential(
        auth_index=stored.revision.auth_index,
        provider=stored.provider,
        kind=stored.kind,
        revision=stored.revision.number,
        generation=stored.revision.generation,
        document=document,
        bearer=tokens.bearer,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
        issued_at=tokens.issued_at or _made_at(stored.revision),
        base_url=tokens.base_url,
        sends=sends,
    )


def _made_at(revision: StoredRevision) -> datetime | None:
    """When its token was made, where we saw it being made."""
    return revision.at if revision.why in ("refreshed", "logged_in") else None


def _stored(connection: ReadConnection, auth_index: str) -> tuple[_Stored, StoredSecrets, bool]:
    account = accounts.by_index(connection, auth_index)
    revision = revisions.current(connection, auth_index)
    stored = _Stored(revision, account.provider, account.kind, account.settings)
    return stored, revisions.secret_settings(connection, auth_index), account.unreadable is not None


def _with_settings(document: Mapping[str, Any], settings: AccountSettings) -> Mapping[str, Any]:
    """What a person set wins over what the file says; the file itself stays as it came."""
    set_by_person = {"project_id": settings.project_id, "using_api": settings.using_api}
    return {**document, **{name: value for name, value in set_by_person.items() if value is not None}}
