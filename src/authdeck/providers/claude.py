"""Claude: subscription sign-ins and Anthropic API keys, both on the Messages API."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import NotFound
from authdeck.event import FailureKind
from authdeck.exchange import Observation, Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, reading, refreshing, sending, waiting
from authdeck.providers.failures import Rule
from authdeck.routing import Route
from authdeck.settings import Providers

LEAD: Final = timedelta(hours=4)
KEEPS_TOKEN: Final = True

OAUTH_BETA: Final = "oauth-2025-04-20"
"""Without it in ``anthropic-beta`` the API takes no OAuth token; clients in gateway mode do not send it."""

VERSION: Final = "2023-06-01"
_SCOPE: Final = "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload"
_ROUTES: Final = frozenset({Route.MESSAGES, Route.COUNT_TOKENS})
_TAILS: Final = {Route.MESSAGES: "/v1/messages", Route.COUNT_TOKENS: "/v1/messages/count_tokens"}
_ACCOUNT_WINDOWS: Final = ("5h", "7d")
_MODEL_WINDOW: Final = "7d_oi"

_RULES: Final = (
    Rule(
        FailureKind.AUTH,
        "account_deactivated",
        frozenset({400, 401, 403}),
        ("organization has been disabled", "account has been disabled"),
        elsewhere=True,
    ),
    Rule(
        FailureKind.QUOTA,
        "credit_exhausted",
        frozenset({400, 402, 403}),
        ("credit balance is too low",),
        elsewhere=True,
    ),
)
_WINDOW_FULL: Final = Rule(FailureKind.QUOTA, "usage_limit_reached", frozenset({429}), elsewhere=True)
_MODEL_WINDOW_FULL: Final = Rule(
    FailureKind.QUOTA, "usage_limit_reached", frozenset({429}), elsewhere=True, of_model=True
)


def kind_of(document: Mapping[str, Any]) -> Kind:
    return reading.kind_of(document)


def validate(document: Mapping[str, Any]) -> None:
    if kind_of(document) is Kind.API_KEY:
        checks.key(document)
    else:
        checks.tokens(document)


def claims(document: Mapping[str, Any]) -> Claims:
    """Organisation and account, as the sign-in wrote them into the file. Its tokens are opaque."""
    if kind_of(document) is Kind.API_KEY:
        return reading.key_claims(document)
    email = fields.text(document, "email")
    return reading.claims(
        document,
        reading.Sources(),
        organization=fields.text(document, "organization_uuid"),
        subject=fields.text(document, "account_uuid"),
        email=email.lower() if email else None,
        plan=fields.text(document, "plan_type", "subscription_type"),
    )


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, kind_of(document))


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    del kind
    return _ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    tail = _TAILS.get(passed.route)
    if tail is None:
        raise NotFound("path_refused", path=passed.tail[:200])
    if credential.kind is Kind.API_KEY:
        return _prepare_with_key(passed, credential, settings, tail)
    url = addresses.below(settings.claude.api_url, tail, addresses.merged(passed.query, "beta", "true"))
    needed = sending.authorization(credential)
    needed.append(("anthropic-beta", _betas(passed)))
    needed += _version(passed)
    return sending.passing(passed, credential, url, needed)


def client_id(settings: Providers) -> str:
    return settings.claude.client_id


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    """Setup tokens have no refresh token: there is nothing to ask for."""
    del now
    if credential.kind is Kind.API_KEY or credential.refresh_token is None:
        return None
    values = {
        "client_id": settings.claude.client_id,
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
        "scope": fields.text(credential.document, "scope") or _SCOPE,
    }
    return refreshing.by_json(addresses.base(settings.claude.token_url), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    return refreshing.read(reply, credential.document, now)


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Observation:
    """A rejected 5-hour or 7-day window is the account's; ``7d_oi`` alone is the model's; other 429s are brief."""
    answer = failures.take_apart(status, headers, body)
    until = _latest_reset(answer, _ACCOUNT_WINDOWS, now)
    if _is_rejected(answer, _ACCOUNT_WINDOWS):
        return failures.read(answer, (_WINDOW_FULL, *_RULES), now, model, until)
    if _is_rejected(answer, (_MODEL_WINDOW,)):
        until = _latest_reset(answer, (_MODEL_WINDOW,), now)
        return failures.read(answer, (_MODEL_WINDOW_FULL, *_RULES), now, model, until)
    return failures.read(answer, _RULES, now, model)


def _prepare_with_key(passed: Passed, credential: Credential, settings: Providers, tail: str) -> Outgoing:
    """On Anthropic's own origin ``x-api-key``; other servers that speak the protocol take a bearer."""
    base = credential.base_url or settings.claude.api_url
    is_own = addresses.origin(base) == addresses.origin(settings.claude.api_url)
    needed = [("x-api-key", sending.bearer(credential))] if is_own else sending.authorization(credential)
    needed += _version(passed)
    url = addresses.below(base.rstrip("/").removesuffix("/v1"), tail, passed.query)
    return sending.passing(passed, credential, url, needed)


def _betas(passed: Passed) -> str:
    """The client's list, every value of it, and what an OAuth token needs."""
    given = [value for name, value in passed.headers if name == "anthropic-beta" and value.strip()]
    if any(beta.strip() == OAUTH_BETA for value in given for beta in value.split(",")):
        return ",".join(given)
    return ",".join([*given, OAUTH_BETA])


def _version(passed: Passed) -> sending.Headers:
    return [] if any(name == "anthropic-version" for name, _ in passed.headers) else [("anthropic-version", VERSION)]


def _is_rejected(answer: failures.Answer, windows: tuple[str, ...]) -> bool:
    if answer.status != 429:  # noqa: PLR2004
        return False
    return any(_window(answer, window, "status") == "rejected" for window in windows)


def _latest_reset(answer: failures.Answer, windows: tuple[str, ...], now: datetime) -> datetime | None:
    rejected = [window for window in windows if _window(answer, window, "status") == "rejected"]
    resets = [waiting.sane(fields.moment(_window(answer, window, "reset")), now) for window in rejected]
    return max((reset for reset in resets if reset is not None), default=None)


def _window(answer: failures.Answer, window: str, what: str) -> str:
    return answer.headers.get(f"anthropic-ratelimit-unified-{window}-{what}", "").strip().lower()
