"""Providers: everything we know about each upstream, one file each. They build requests and read answers; none sends.

``PROVIDERS`` is the list: ours, and those that are added (``added_providers``).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from authdeck import added_providers
from authdeck.account import ADDED, Kind, Provider
from authdeck.credential import Claims, Credential, Draft, Tokens
from authdeck.errors import DeckError
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import antigravity, claude, codex, gemini, kimi, openai_compatible, vertex, xai
from authdeck.providers.about import About
from authdeck.providers.addresses import foreign_urls
from authdeck.providers.signing_in import Login
from authdeck.quota import QuotaWindow
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict


class ProviderModule(Protocol):
    """What each provider's file offers. ``document`` is a parsed auth file in canonical spelling (``formats.opened``).

    ``ABOUT``: its name, its mark, and what is true of all its sign-ins. ``LEAD``: how long before its end an access
    token is refreshed. ``KEEPS_TOKEN``: a refreshed token is committed to the auth file before use; where false
    (vertex) it lives in memory only and the ``changes`` are laid over the document there. ``WINDOW_HEADERS``: how the
    headers end whose change is worth a ``read_windows`` and a ``read_plan``. ``KEPT_HEADERS``: how those begin that are
    kept to be looked at, beside ``seen_headers.EVERYWHERE``. ``LOGIN``: how people sign in there, ``None`` where there
    are keys only. An added provider has ``Settings`` too, a ``settings.Part``: fields that end in
    ``_url`` are where it may connect to.
    """

    @property
    def ABOUT(self) -> About: ...  # noqa: N802 - a constant of the module

    @property
    def LEAD(self) -> timedelta: ...  # noqa: N802 - a constant of the module

    @property
    def KEEPS_TOKEN(self) -> bool: ...  # noqa: N802 - a constant of the module

    @property
    def WINDOW_HEADERS(self) -> tuple[bytes, ...]: ...  # noqa: N802 - a constant of the module

    @property
    def KEPT_HEADERS(self) -> tuple[bytes, ...]: ...  # noqa: N802 - a constant of the module

    @property
    def LOGIN(self) -> Login | None: ...  # noqa: N802 - a constant of the module

    def kind_of(self, document: Mapping[str, Any], /) -> Kind: ...

    def validate(self, document: Mapping[str, Any], /) -> None:
        """Raises ``DeckError`` ``field_missing(field)`` or ``field_invalid(field, problem)``."""
        ...

    def claims(self, document: Mapping[str, Any], /) -> Claims:
        """Who the document says it is. Reads only; never raises."""
        ...

    def tokens(self, document: Mapping[str, Any], /) -> Tokens:
        """What is sent upstream or exchanged. Never raises."""
        ...

    def secrets(self, document: Mapping[str, Any], /) -> tuple[tuple[str, str], ...]:
        """(kind of ``SECRET_KINDS``, text) pairs to fingerprint, strongest first."""
        ...

    def routes(self, kind: Kind, /) -> frozenset[Route]:
        """What accounts of this kind serve."""
        ...

    def prepare(self, passed: Passed, credential: Credential, settings: Providers, /) -> Outgoing:
        """The client's request with the account's credential and address.

        The URL's origin is always the configured or approved one. ``passed.tail``: for ``Route.CODEX`` the path below
        ``/backend-api`` (``/codex/responses``, ``/wham/usage``); for ``GENERATE`` and ``CODE_ASSIST`` it ends in
        ``:{action}``, the model is ``passed.model``. Raises ``DeckError`` ``path_refused`` (404), ``credential_empty``
        (503) where there is no bearer, ``field_invalid`` for a file that can't be used.
        """
        ...

    def client_id(self, settings: Providers, /) -> str:
        """The OAuth client that its sign-ins belong to; empty where nothing rotates."""
        ...

    def refresh_request(self, credential: Credential, settings: Providers, now: datetime, /) -> Outgoing | None:
        """The token call, or ``None`` where this login has nothing to refresh. Raises ``client_secret_missing``."""
        ...

    def read_refresh(self, reply: Reply, credential: Credential, now: datetime, /) -> Refreshed:
        """The token endpoint's answer. Never raises."""
        ...

    def read_failure(
        self, status: int, headers: Mapping[str, str], body: bytes, now: datetime, /, model: str | None = None
    ) -> Verdict:
        """What a failed answer says. ``model`` is what was asked for: the scope of limits that are a model's."""
        ...

    def read_plan(self, headers: Mapping[str, str], /) -> str | None:
        """The plan that an answer tells of in passing, lower case. Never raises."""
        ...

    def read_windows(
        self, headers: Mapping[str, str], body: bytes, now: datetime, /, model: str | None = None
    ) -> list[QuotaWindow]:
        """Quota windows that an answer tells of in passing. ``body`` is a failed answer's, else empty. Never raises."""
        ...


PROVIDERS: Final[Mapping[Provider, ProviderModule]] = MappingProxyType(
    {
        Provider.CODEX: codex,
        Provider.CLAUDE: claude,
        Provider.VERTEX: vertex,
        Provider.ANTIGRAVITY: antigravity,
        Provider.GEMINI: gemini,
        Provider.KIMI: kimi,
        Provider.XAI: xai,
        Provider.OPENAI_COMPATIBLE: openai_compatible,
        **{provider: cast("ProviderModule", added_providers.loaded(provider.value)) for provider in sorted(ADDED)},
    }
)


def rotating() -> list[Provider]:
    """Those whose refresh tokens work once."""
    return [provider for provider, module in PROVIDERS.items() if module.ABOUT.rotates]


def claims_of(provider: Provider, document: Mapping[str, Any]) -> Claims:
    """Who the document says it is, and which of that is enough to know the account by."""
    module = PROVIDERS[provider]
    return replace(module.claims(document), whole=module.ABOUT.whole)


def complete(draft: Draft, settings: Providers) -> Draft:
    """The draft, validated by its provider, with its claims and what a person should know about them.

    Raises the provider's ``DeckError``, which names ``file_name``. Adds the notes ``claims_differ(field)`` and
    ``url_ignored(field, origin)``.
    """
    provider = PROVIDERS[draft.provider]
    try:
        provider.validate(draft.document)
    except DeckError as error:
        raise DeckError(error.code, status=error.status, **{"file_name": draft.file_name, **error.params}) from None
    claims = claims_of(draft.provider, draft.document)
    notes = [*draft.notes]
    notes += [("claims_differ", {"field": field}) for field in claims.contradictions]
    if draft.kind is not Kind.API_KEY:
        notes += [
            ("url_ignored", {"field": field, "origin": origin})
            for field, origin in foreign_urls(draft.document, settings)
        ]
    return replace(draft, kind=provider.kind_of(draft.document), claims=claims, notes=tuple(notes))


__all__ = ("PROVIDERS", "ProviderModule", "claims_of", "complete", "rotating")
