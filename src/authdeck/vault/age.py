"""Archives that leave the house: age files, for recipients' public keys or for a passphrase (age-encryption.org/v1).

They are made and opened in a process of their own. The library keeps the interpreter to itself while it works, a second
and more for a passphrase: in this process nothing else would happen meanwhile, and no request be served. The functions
wait for it, so they are called on a thread.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from authdeck.errors import DeckError
from authdeck.secret import Secret

_LIBRARY: Final = "authdeck.vault.age_library"
_SIGN: Final = b"age-encryption.org/v1"
_ARMOUR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
MIN_PASSPHRASE: Final = 12
"""Characters: an archive is attacked where nobody counts the tries."""

_MAX_RECIPIENTS: Final = 64
_ONE_AT_A_TIME: Final = threading.Lock()
"""A passphrase takes half a gigabyte while it is worked on."""


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens an archive: the passphrase it was made with, or an ``AGE-SECRET-KEY-1…`` of one of its recipients."""

    passphrase: Secret | None = None
    identity: Secret | None = None


def is_archive(content: bytes) -> bool:
    return content.startswith((_SIGN, _ARMOUR))


def check(recipients: Sequence[str], passphrase: Secret | None) -> None:
    """Before anything is made for them.

    Raises ``age_recipients_many``, ``age_recipient_invalid(recipient)`` and ``age_passphrase_short(least)``.
    """
    if len(recipients) > _MAX_RECIPIENTS:
        raise DeckError("age_recipients_many", status=422, limit=_MAX_RECIPIENTS)
    if recipients:
        from authdeck.vault import age_library  # noqa: PLC0415 - a megabyte that few ever need

        age_library.known(recipients)
    if passphrase is not None and len(passphrase.open()) < MIN_PASSPHRASE:
        raise DeckError("age_passphrase_short", status=422, least=MIN_PASSPHRASE)


def for_recipients(content: bytes, recipients: Sequence[str]) -> bytes:
    """Raises what ``check`` raises."""
    check(recipients, None)
    return _apart("sealed_for", content, recipients=list(recipients))


def for_passphrase(content: bytes, passphrase: Secret) -> bytes:
    """Raises what ``check`` raises."""
    check((), passphrase)
    return _apart("sealed_by", content, passphrase=passphrase.open())


def opened(content: bytes, opener: Opener) -> bytes:
    """Raises ``age_key_missing``, ``age_key_wrong``, ``age_identity_invalid`` and ``age_not_done``."""
    passphrase, identity = opener.passphrase, opener.identity
    return _apart(
        "opened",
        content,
        passphrase=None if passphrase is None else passphrase.open(),
        identity=None if identity is None else identity.open(),
    )


def _apart(act: str, content: bytes, **given: Any) -> bytes:
    asked = json.dumps({"act": act, "given": given}).encode() + b"\n" + content
    words = [sys.executable, "-P", "-m", _LIBRARY]
    with _ONE_AT_A_TIME:
        done = subprocess.run(words, input=asked, stdout=subprocess.PIPE, check=False)  # noqa: S603 - ourselves
    if done.returncode != 0:
        raise DeckError("age_not_done", status=507)
    if done.stdout.startswith(b"+"):
        return done.stdout[1:]
    refused = json.loads(done.stdout[1:])
    raise DeckError(refused["code"], status=refused["status"], **refused["params"])
