"""The only file that touches the age library; as a program, it does one thing for ``vault.age`` and ends.

Standard input is a line of JSON (``act`` and what it is ``given``) and then the content; the answer is ``+`` and the
content, or ``-`` and what was refused. Nothing stands on the command line.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyrage

from authdeck.errors import DeckError


def sealed_for(content: bytes, recipients: Sequence[str]) -> bytes:
    return bytes(pyrage.encrypt(content, known(recipients)))


def sealed_by(content: bytes, passphrase: str) -> bytes:
    return bytes(pyrage.passphrase.encrypt(content, passphrase))


def opened(content: bytes, passphrase: str | None, identity: str | None) -> bytes:
    """Raises ``age_key_missing`` where nothing was given, ``age_key_wrong`` and ``age_identity_invalid``."""
    try:
        if identity is not None:
            return bytes(pyrage.decrypt(content, [_identity(identity)]))
        if passphrase is not None:
            return bytes(pyrage.passphrase.decrypt(content, passphrase))
    except pyrage.DecryptError:
        raise DeckError("age_key_wrong") from None
    raise DeckError("age_key_missing")


def known(recipients: Sequence[str]) -> Any:
    """Raises ``age_recipient_invalid(recipient)``."""
    return [_recipient(recipient.strip()) for recipient in recipients]


def _recipient(text: str) -> Any:
    try:
        return (pyrage.ssh if text.startswith("ssh-") else pyrage.x25519).Recipient.from_str(text)
    except pyrage.RecipientError:
        raise DeckError("age_recipient_invalid", status=422, recipient=text[:100]) from None


def _identity(text: str) -> Any:
    """The key in an identity file as ``age-keygen`` writes it: its comments are passed over."""
    lines = (line.strip() for line in text.splitlines())
    key = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        return pyrage.x25519.Identity.from_str(key)
    except pyrage.IdentityError:
        raise DeckError("age_identity_invalid", status=422) from None


_ACTS: Final[Mapping[str, Callable[..., bytes]]] = {
    "sealed_for": sealed_for,
    "sealed_by": sealed_by,
    "opened": opened,
}


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        answer = b"+" + _ACTS[asked["act"]](sys.stdin.buffer.read(), **asked["given"])
    except DeckError as error:
        answer = b"-" + json.dumps({"code": error.code, "status": error.status, "params": dict(error.params)}).encode()
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
