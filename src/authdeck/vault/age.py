"""Archives that leave the house: age files, for recipients' public keys or for a passphrase (age-encryption.org/v1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyrage

from authdeck.errors import DeckError
from authdeck.secret import Secret

_SIGN: Final = b"age-encryption.org/v1"
_ARMOUR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
MIN_PASSPHRASE: Final = 12
"""Characters: an archive is attacked where nobody counts the tries."""

_MAX_RECIPIENTS: Final = 64


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens an archive: the passphrase it was made with, or an ``AGE-SECRET-KEY-1…`` of one of its recipients."""

    passphrase: Secret | None = None
    identity: Secret | None = None


def is_archive(content: bytes) -> bool:
    return content.startswith((_SIGN, _ARMOUR))


def for_recipients(content: bytes, recipients: Sequence[str]) -> bytes:
    """Raises ``age_recipient_invalid(recipient)``."""
    if len(recipients) > _MAX_RECIPIENTS:
        raise DeckError("age_recipients_many", status=422, limit=_MAX_RECIPIENTS)
    known: Any = [_recipient(recipient) for recipient in recipients]
    return bytes(pyrage.encrypt(content, known))


def for_passphrase(content: bytes, passphrase: Secret) -> bytes:
    """Raises ``age_passphrase_short(least)``."""
    if len(passphrase.open()) < MIN_PASSPHRASE:
        raise DeckError("age_passphrase_short", status=422, least=MIN_PASSPHRASE)
    return bytes(pyrage.passphrase.encrypt(content, passphrase.open()))


def opened(content: bytes, opener: Opener) -> bytes:
    """Raises ``age_key_missing`` where nothing was given, ``age_key_wrong`` and ``age_identity_invalid``."""
    try:
        if opener.identity is not None:
            return bytes(pyrage.decrypt(content, [_identity(opener.identity)]))
        if opener.passphrase is not None:
            return bytes(pyrage.passphrase.decrypt(content, opener.passphrase.open()))
    except pyrage.DecryptError:
        raise DeckError("age_key_wrong") from None
    raise DeckError("age_key_missing")


def _recipient(text: str) -> Any:
    try:
        if text.strip().startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text.strip())
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise DeckError("age_recipient_invalid", status=422, recipient=text[:100]) from None


def _identity(text: Secret) -> Any:
    """The key in an identity file as ``age-keygen`` writes it: its comments are passed over."""
    lines = (line.strip() for line in text.open().splitlines())
    key = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        return pyrage.x25519.Identity.from_str(key)
    except pyrage.IdentityError:
        raise DeckError("age_identity_invalid", status=422) from None
