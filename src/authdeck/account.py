"""An account: one upstream identity able to serve requests, and the settings a person gives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from authdeck import added_providers
from authdeck.secret import Secret


class Provider(StrEnum):
    """Whom the account signs in to. Those that are added have members too, by their name alone."""

    CODEX = "codex"
    CLAUDE = "claude"
    VERTEX = "vertex"
    ANTIGRAVITY = "antigravity"
    GEMINI = "gemini"
    KIMI = "kimi"
    XAI = "xai"
    OPENAI_COMPATIBLE = "openai_compatible"
    vars().update({name.upper(): name for name in added_providers.names()})


class Kind(StrEnum):
    """How the account signs in."""

    OAUTH = "oauth"
    API_KEY = "api_key"
    SERVICE_ACCOUNT = "service_account"


class RefreshBy(StrEnum):
    """Who refreshes the account's tokens. ``OTHER`` means another program holds the same login: hands off."""

    AUTHDECK = "authdeck"
    OTHER = "other"


ADDED = frozenset(Provider(name) for name in added_providers.names())
"""Providers whose file is not ours (``added_providers``)."""


@dataclass(frozen=True, slots=True)
class ModelAlias:
    """Another name for a model of the account. ``keep_original`` leaves the model's own name usable."""

    model: str
    alias: str
    keep_original: bool = True


class ErrorAction(StrEnum):
    """What a matched failure means: whether another account is tried, and whether this one pauses."""

    STOP = "stop"
    STOP_AND_COOLDOWN = "stop-and-cooldown"
    CONTINUE = "continue"
    CONTINUE_AND_COOLDOWN = "continue-and-cooldown"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Failures with this HTTP status whose body holds one of ``match`` (any case) or fits one of ``match_regexr``.

    Without either, every failure with the status. The field's odd name is CLIProxyAPI's, in whose files it stands.
    """

    status: int
    match: tuple[str, ...] = ()
    match_regexr: tuple[str, ...] = ()
    action: ErrorAction = ErrorAction.STOP


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What a person sets. Columns, not part of the sealed document; a change of any moves ``Account.version``.

    ``priority``: higher is served first. ``weight``: 0 to 1,000,000, share within a priority. ``excluded_models`` hold
    lower-case patterns with ``*``. ``disable_cooling`` and ``request_retry``: ``None`` means "as the server is set".
    ``request_scoped_errors`` say what failures mean that are the request's own; the first that fits decides.
    """

    note: str = ""
    priority: int = 0
    weight: int = 1
    project_id: str | None = None
    prefix: str | None = None
    excluded_models: tuple[str, ...] = ()
    model_aliases: tuple[ModelAlias, ...] = ()
    disable_cooling: bool | None = None
    request_retry: int | None = None
    websockets: bool | None = None
    using_api: bool | None = None
    request_scoped_errors: tuple[ErrorRule, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """Settings that are sealed on their own: the proxy's URL (``direct`` bypasses the server's), and added headers."""

    proxy_url: Secret | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """One account as the lists show it: no secret opened.

    ``key`` is internal and never leaves the process; outside, an account is named by ``auth_index``. ``version`` starts
    at 1 and counts what a person edits. ``revision`` is the number of the current sealed auth file, ``generation``
    counts sign-ins and imports of new tokens. ``proxy_display`` is the proxy's scheme, host and port. ``models`` are
    the account's own models where the auth file names them. ``expires_at`` is the access token's end where it is known.
    ``unreadable`` is the code of the reason why the sealed auth file can't be opened, else ``None``.
    """

    key: int
    auth_index: str
    provider: Provider
    kind: Kind
    file_name: str
    settings: AccountSettings
    label: str = ""
    email: str | None = None
    plan: str | None = None
    organization: str | None = None
    subject: str | None = None
    identity_strength: str = "none"
    base_url: str | None = None
    models: tuple[str, ...] = ()
    refresh_by: RefreshBy = RefreshBy.AUTHDECK
    locked: bool = False
    version: int = 1
    revision: int = 1
    generation: int = 1
    expires_at: datetime | None = None
    unreadable: str | None = None
    last_request_at: datetime | None = None
    last_success_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    trashed_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    proxy_display: str | None = None
    has_headers: bool = False

    @property
    def needs_terms(self) -> bool:
        """Whether the gateway serves it only after the provider's terms were acknowledged."""
        return self.kind is Kind.OAUTH
