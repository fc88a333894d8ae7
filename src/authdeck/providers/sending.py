"""Putting an account's credential into a client's request. Hot path: a few list and string operations."""

from typing import Final

from authdeck.account_fields import FORBIDDEN_HEADERS
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.exchange import Outgoing, Passed

_CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "chatgpt-account-id",
        "cookie",
        "host",
        "content-length",
    }
)
"""Never passed on from the client, whatever the gateway left in: they would name somebody else's account."""

_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "te", "trailer", "upgrade", "expect", "content-encoding"})

Headers = list[tuple[str, str]]


def passing(passed: Passed, credential: Credential, url: str, needed: Headers, body: bytes | None = None) -> Outgoing:
    """The client's request to ``url``. ``needed`` headers win over the account's own, and these over the client's.

    ``body`` replaces the client's where the provider needs a change in it.
    """
    own = _own_headers(credential)
    replaced = {name for name, _ in needed}
    own = [pair for pair in own if pair[0] not in replaced]
    replaced.update([name for name, _ in own])
    headers = [pair for pair in passed.headers if pair[0] not in _CREDENTIALS and pair[0] not in replaced]
    headers += own
    headers += needed
    return Outgoing(
        passed.method,
        url,
        headers,
        passed.body if body is None else body,
        proxy_url=credential.sends.proxy_url,
    )


def bearer(credential: Credential) -> str:
    """The token or key itself. Raises ``credential_empty`` (503) where the account has none."""
    if credential.bearer is None or not (text := credential.bearer.open()):
        raise DeckError("credential_empty", status=503, auth_index=credential.auth_index)
    return text


def authorization(credential: Credential) -> Headers:
    return [("authorization", f"Bearer {bearer(credential)}")]


def _own_headers(credential: Credential) -> Headers:
    """The account's headers, in lower case. Forbidden ones were refused when they were set; this is the second lock."""
    if not credential.sends.headers:
        return []
    opened = ((name.lower(), value.open()) for name, value in credential.sends.headers.items())
    return [(name, value) for name, value in opened if _is_allowed(name, value)]


def _is_allowed(name: str, value: str) -> bool:
    if name in FORBIDDEN_HEADERS or name in _CREDENTIALS or name in _HOP_BY_HOP:
        return False
    return not value.startswith("$") and not any(character in value for character in "\r\n\0")
