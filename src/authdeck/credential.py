"""What an auth file holds, once opened: the document, the tokens in it, and the claims they make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authdeck.account import AccountSettings, Kind, Provider, SecretSettings
from authdeck.secret import Secret


@dataclass(frozen=True, slots=True)
class Claims:
    """Who the document says it is. Unverified when it came from a file, proven when it came from a sign-in.

    ``organization`` and ``subject`` are the two halves of an identity (DESIGN rule 1); e-mail, plan and label are not.
    ``whole`` are the halves that together name one account for good at its provider.
    ``contradictions`` name fields whose file value and token value differ. ``models`` are those the file itself lists.
    """

    organization: str | None = None
    subject: str | None = None
    email: str | None = None
    plan: str | None = None
    label: str | None = None
    project_id: str | None = None
    base_url: str | None = None
    models: tuple[str, ...] = ()
    expires_at: datetime | None = None
    last_refresh: datetime | None = None
    contradictions: tuple[str, ...] = ()
    whole: frozenset[str] = frozenset({"organization", "subject"})


@dataclass(frozen=True, slots=True)
class Credential:
    """An opened auth file in a form that its provider can use.

    Opened by ``operations.lend`` or ``operations.refresh`` only. ``document`` is the whole parsed auth file in
    canonical (snake_case) spelling. ``bearer`` is the access token or API key sent upstream; ``refresh_token`` only
    where the login rotates. ``expires_at`` is ``bearer``'s end, ``None`` when it has none or none is known. ``sends``
    are the account's own proxy and headers, opened.
    """

    auth_index: str
    provider: Provider
    kind: Kind
    revision: int
    generation: int
    document: Mapping[str, Any] = field(repr=False)
    bearer: Secret | None
    refresh_token: Secret | None = None
    expires_at: datetime | None = None
    issued_at: datetime | None = None
    base_url: str | None = None
    sends: SecretSettings = field(default_factory=SecretSettings)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What of a document is sent upstream or exchanged for something sent. ``expires_at`` is the earliest known end."""

    bearer: Secret | None
    refresh_token: Secret | None = None
    expires_at: datetime | None = None
    issued_at: datetime | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One account as a foreign document offers it: nothing is stored yet.

    ``content`` are the bytes to seal, as they came. ``source`` is the detected format, such as ``cliproxyapi``.
    ``settings`` were lifted out of the document; ``disabled`` says the file was switched off. ``notes`` are codes of
    things a person should know (``url_ignored``, ``setting_ignored``) with their parameters.
    """

    provider: Provider
    kind: Kind
    file_name: str
    source: str
    content: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    settings: AccountSettings = field(default_factory=AccountSettings)
    secret_settings: SecretSettings = field(default_factory=SecretSettings)
    disabled: bool = False
    claims: Claims = field(default_factory=Claims)
    notes: tuple[tuple[str, Mapping[str, Any]], ...] = ()


SECRET_KINDS = ("refresh_token", "access_token", "api_key", "session_token", "cookie", "private_key")
"""Kinds of credential fingerprints, strongest first."""
