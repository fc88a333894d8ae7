"""Gemini API keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import NotFound
from authdeck.exchange import Outgoing, Passed, Refreshed, RefreshOutcome, Reply
from authdeck.providers import addresses, checks, failures, google, reading, sending
from authdeck.providers.about import About
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict

ABOUT: Final = About("Gemini", "Ge", rotates=False)
LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True
LOGIN: Final = None
WINDOW_HEADERS: Final = reading.NO_HEADERS
KEPT_HEADERS: Final = reading.NO_HEADERS
_ROUTES: Final = frozenset({Route.GENERATE})


def kind_of(document: Mapping[str, Any]) -> Kind:
    del document
    return Kind.API_KEY


def validate(document: Mapping[str, Any]) -> None:
    checks.key(document)


def claims(document: Mapping[str, Any]) -> Claims:
    return reading.key_claims(document)


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, Kind.API_KEY)


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    del kind
    return _ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    """Upstream is always ``v1beta``, which has all of ``v1``: google-genai asks a custom base under either name."""
    if passed.route is not Route.GENERATE:
        raise NotFound("path_refused", path=passed.tail[:200])
    base = addresses.base(credential.base_url or settings.gemini.api_url).removesuffix("/v1beta")
    path = f"/v1beta/models/{addresses.segment(passed.model)}:{addresses.action(passed.tail)}"
    url = addresses.with_query(base + path, passed.query)
    return sending.passing(passed, credential, url, [("x-goog-api-key", sending.bearer(credential))])


def client_id(settings: Providers) -> str:
    del settings
    return ""


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    """``None``: keys do not rotate."""
    del credential, settings, now
    return None


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    del reply, credential, now
    return Refreshed(RefreshOutcome.FAILED, "nothing_to_refresh")


read_windows = reading.no_windows
read_plan = reading.no_plan


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    return failures.read(failures.take_apart(status, headers, body), google.RULES, now, model)
