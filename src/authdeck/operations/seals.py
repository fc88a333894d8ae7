"""Where sealed things stand, so that each is bound to its own row; sealing and opening auth files and settings."""

import json
from collections.abc import Mapping
from typing import Final

from authdeck.account import SecretSettings
from authdeck.account_fields import proxy_display
from authdeck.clock import Clock
from authdeck.secret import Secret
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.revisions import StoredRevision, StoredSecrets
from authdeck.storage.reading.sealed import SealedRow
from authdeck.storage.writing.accounts import add_proxy
from authdeck.vault.vault import Place, Vault

_HEADERS: Final = "accounts.headers"
_PROXIES: Final = "proxies"
_REVISIONS: Final = "revisions"
_BATCHES: Final = "batches"
_BATCH_ITEMS: Final = "batch_items"
_LOGINS: Final = "logins"
_CHANNELS: Final = "notification_channels"


def seal_file(vault: Vault, auth_index: str, number: int, content: bytes) -> bytes:
    """Seal an auth file as revision ``number`` of its account."""
    return vault.seal(content, Place(_REVISIONS, auth_index, number))


def open_file(vault: Vault, revision: StoredRevision) -> bytes:
    """The auth file's bytes as they came. Raises ``DeckError('sealed_…')`` where they can't be opened."""
    return vault.open(revision.sealed, Place(_REVISIONS, revision.auth_index, revision.number))


def place_of(row: SealedRow) -> Place:
    """Where a sealed secret of any kind is bound to."""
    return Place(row.kind, row.row, row.number)


def seal_headers(vault: Vault, auth_index: str, headers: Mapping[str, Secret]) -> bytes | None:
    if not headers:
        return None
    opened = {name: value.open() for name, value in headers.items()}
    return vault.seal(json.dumps(opened).encode(), Place(_HEADERS, auth_index))


def seal_proxy(vault: Vault, connection: WriteConnection, url: Secret | None, clock: Clock) -> int | None:
    """The key of the proxy's row, made where it is a new one."""
    if url is None:
        return None
    url_hash = vault.keyed_hash("proxy", url.open())
    sealed = vault.seal(url.open().encode(), Place(_PROXIES, url_hash))
    return add_proxy(connection, url_hash=url_hash, sealed=sealed, display=proxy_display(url), at=clock.now())


def open_settings(vault: Vault, auth_index: str, stored: StoredSecrets) -> SecretSettings:
    """The account's proxy and headers, opened."""
    headers: dict[str, str] = {}
    if stored.headers is not None:
        headers = json.loads(vault.open(stored.headers, Place(_HEADERS, auth_index)))
    proxy = None
    if stored.proxy is not None and stored.proxy_hash is not None:
        proxy = Secret(vault.open(stored.proxy, Place(_PROXIES, stored.proxy_hash)).decode())
    return SecretSettings(proxy, {name: Secret(value) for name, value in headers.items()})


def seal_change(vault: Vault, batch: str, content: bytes) -> bytes:
    """Seal the secrets of what a batch does."""
    return vault.seal(content, Place(_BATCHES, batch))


def open_change(vault: Vault, batch: str, sealed: bytes) -> bytes:
    return vault.open(sealed, Place(_BATCHES, batch))


def seal_row(vault: Vault, batch: str, row: int, content: bytes) -> bytes:
    """Seal the secrets among what a batch's row was and became."""
    return vault.seal(content, Place(_BATCH_ITEMS, batch, row))


def open_row(vault: Vault, batch: str, row: int, sealed: bytes) -> bytes:
    return vault.open(sealed, Place(_BATCH_ITEMS, batch, row))


def seal_login(vault: Vault, login_id: str, content: bytes) -> bytes:
    """Seal what a sign-in at a provider goes on with."""
    return vault.seal(content, Place(_LOGINS, login_id))


def open_login(vault: Vault, login_id: str, sealed: bytes) -> bytes:
    return vault.open(sealed, Place(_LOGINS, login_id))


def seal_channel(vault: Vault, channel_id: str, content: bytes) -> bytes:
    """Seal where notifications go, and what signs them."""
    return vault.seal(content, Place(_CHANNELS, channel_id))


def open_channel(vault: Vault, channel_id: str, sealed: bytes) -> bytes:
    return vault.open(sealed, Place(_CHANNELS, channel_id))
