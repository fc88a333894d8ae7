"""Claude: subscription sign-ins and Anthropic API keys, both on the Messages API."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import NotFound
from authdeck.evidence import Signal, Source
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, reading, refreshing, sending, signing_in, waiting
from authdeck.providers.about import About
from authdeck.quota import FULL, Accuracy, QuotaWindow, Window, percent, slug
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Rule, Until, Verdict, judged

ABOUT: Final = About("Claude", "Cl")
"""An account is in several organisations under one e-mail."""

LEAD: Final = timedelta(hours=4)
KEEPS_TOKEN: Final = True

OAUTH_BETA: Final = "oauth-2025-04-20"
"""Without it in ``anthropic-beta`` the API takes no OAuth token; clients in gateway mode do not send it."""

VERSION: Final = "2023-06-01"
_SCOPE: Final = "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload"
_ROUTES: Final = frozenset({Route.MESSAGES, Route.COUNT_TOKENS})
_TAILS: Final = {Route.MESSAGES: "/v1/messages", Route.COUNT_TOKENS: "/v1/messages/count_tokens"}
_RULES: Final = (
    Rule(
        Signal.DEACTIVATED,
        "account_deactivated",
        frozenset({400, 401, 403}),
        ("organization has been disabled", "account has been disabled"),
    ),
    Rule(Signal.QUOTA, "credit_exhausted", frozenset({400, 402, 403}), ("credit balance is too low",)),
)
_WINDOW_FULL: Final = Rule(Signal.QUOTA, "usage_limit_reached")
_MODEL_WINDOW_FULL: Final = Rule(Signal.QUOTA, "usage_limit_reached", of_model=True)

WINDOW_HEADERS: Final = (b"-utilization", b"-status")
"""How headers end whose change is news of a window."""

KEPT_HEADERS: Final = (b"anthropic-ratelimit-",)
"""How headers begin that are kept to be looked at (``seen_headers``), beside those of all providers."""

_UNIFIED: Final = re.compile(r"anthropic-ratelimit-unified-(5h|7d)(?:_([a-z0-9_]{1,16}))?-(?:status|utilization)")
_LENGTHS: Final = {"5h": (Window.FIVE_HOUR, 5 * 3600), "7d": (Window.WEEKLY, 7 * 86_400)}


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
) -> Verdict:
    """A rejected 5-hour or 7-day window is the account's, one of a family the model's; other 429s are brief."""
    said = failures.take_apart(status, headers, body)
    rejected = [window for window in read_windows(headers, body, now) if window.limit_reached]
    if said.status != 429 or not rejected:  # noqa: PLR2004
        return failures.read(said, _RULES, now, model)
    own = [window for window in rejected if window.scope is None]
    last = max(own or rejected, key=lambda window: window.ends_at)
    until = Until(last.resets_at, last.accuracy, last.window) if last.resets_at else waiting.told({}, headers, now)
    return judged(said, _WINDOW_FULL if own else _MODEL_WINDOW_FULL, model=model, until=until)


read_plan = reading.no_plan


def read_windows(headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None) -> list[QuotaWindow]:
    """``anthropic-ratelimit-unified-{5h,7d}-…``; ``7d_<family>`` is a family of models, named as the usage names it."""
    del body, model
    found = {(match.group(1), match.group(2)) for match in map(_UNIFIED.fullmatch, headers) if match}
    return [_window(length, family, headers, now) for length, family in sorted(found, key=str)]


_FAMILIES: Final = {"oi": "fable"}
"""``seven_day_overage_included``, which Claude Code calls the Fable limit; the usage lists it by the model's name."""


def _window(length: str, family: str | None, headers: Mapping[str, str], now: datetime) -> QuotaWindow:
    start = f"anthropic-ratelimit-unified-{length}{f'_{family}' if family else ''}"
    window, seconds = _LENGTHS[length]
    share = percent(headers.get(f"{start}-utilization"))
    resets_at = waiting.sane(fields.moment(headers.get(f"{start}-reset", "")), now)
    return QuotaWindow(
        window=window.value,
        used_percent=None if share is None else min(share * FULL, FULL),
        observed_at=now,
        source=Source.HEADER,
        accuracy=Accuracy.EXACT if share is not None else Accuracy.UNKNOWN,
        scope=_FAMILIES.get(family, slug(family)) if family else None,
        resets_at=resets_at,
        limit_reached=headers.get(f"{start}-status", "").strip().lower() == "rejected",
        seconds=seconds,
    )


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


# ---- signing in ----

_REDIRECT: Final = "http://localhost:54545/callback"


def _authorize(settings: Providers, state: str, challenge: str) -> str:
    values = {
        "code": "true",  # the page also shows the code, as code#state, for pasting
        "client_id": settings.claude.client_id,
        "response_type": "code",
        "redirect_uri": _REDIRECT,
        "scope": _SCOPE,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
    }
    return signing_in.page(settings.claude.authorize_url, values)


def _exchange(settings: Providers, grant: signing_in.Grant) -> Outgoing:
    values = {
        "grant_type": "authorization_code",
        "client_id": settings.claude.client_id,
        "code": grant.code,
        "state": grant.state,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return signing_in.as_json(addresses.base(settings.claude.token_url), values)


def _read_tokens(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """The answer itself may say whose tokens these are."""
    return {**signing_in.read_tokens(reply, now), **_who(signing_in.read_object(reply), "email_address")}


def _ask_profile(document: Mapping[str, Any], settings: Providers) -> Outgoing:
    return signing_in.with_token("GET", addresses.below(settings.claude.api_url, "/api/oauth/profile"), document)


def _read_profile(reply: Reply) -> Mapping[str, Any]:
    return _who(signing_in.read_object(reply), "email")


def _who(answer: Mapping[str, Any], email: str) -> Mapping[str, Any]:
    parts = {name: part if isinstance(part := answer.get(name), dict) else {} for name in ("account", "organization")}
    said = {
        "email": fields.text(parts["account"], email),
        "account_uuid": fields.text(parts["account"], "uuid"),
        "organization_uuid": fields.text(parts["organization"], "uuid"),
        "organization_name": fields.text(parts["organization"], "name"),
    }
    return {name: value for name, value in said.items() if value is not None}


LOGIN: Final = signing_in.Login(
    browser=signing_in.BrowserLogin(_REDIRECT, _authorize, _exchange),
    read_tokens=_read_tokens,
    lookups=(signing_in.Lookup(_ask_profile, _read_profile),),
)
