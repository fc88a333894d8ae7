"""xAI: Grok sign-ins on the CLI's host or the official API, and xAI API keys."""

import re
from collections.abc import Mapping
from dataclasses import replace
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
from authdeck.quota import FULL, Accuracy, QuotaWindow, Window
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Rule, Said, Until, Verdict, judged

ABOUT: Final = About("xAI", "xA", whole=frozenset({"subject"}))
"""The token names no organisation, and sub is unique to its issuer."""

LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True

_OAUTH_ROUTES: Final = frozenset({Route.RESPONSES, Route.RESPONSES_COMPACT})
_KEY_ROUTES: Final = frozenset({Route.RESPONSES, Route.RESPONSES_COMPACT, Route.CHAT})
_TAILS: Final = {
    Route.RESPONSES: "/responses",
    Route.RESPONSES_COMPACT: "/responses/compact",
    Route.CHAT: "/chat/completions",
}
_CLI_HOST_NEEDS: Final = ("x-xai-token-auth", "xai-grok-cli")
"""The CLI's host takes OAuth tokens only with it: it says what kind of token comes, not which program asks."""

_TOKEN_TAIL: Final = "/oauth2/token"  # noqa: S105 - a path
_FREE_WINDOW: Final = timedelta(hours=24)
_LIMITED: Final = frozenset({402, 403, 429})
_DENIED: Final = "access to the chat endpoint is denied"

_FREE_USED_UP: Final = Rule(
    Signal.QUOTA,
    "free_usage_exhausted",
    _LIMITED,
    ("subscription:free-usage-exhausted", "free-usage-exhausted", "included free usage"),
)
_RULES: Final = (
    Rule(
        Signal.QUOTA,
        "spending_limit",
        _LIMITED,
        (
            "personal-team-blocked:spending-limit", "spending-limit", "run out of credits",
            "used all available credits", "monthly spending limit", "purchase more credits", "add credits",
        ),
    ),
    Rule(
        Signal.CREDENTIAL,
        "token_revoked",
        frozenset({400, 401, 403}),
        (
            "token_invalidated", "token_revoked", "refresh_token_reused", "invalid_refresh_token",
            "refresh token has been revoked", "authentication token has been invalidated",
        ),
        refreshable=True,
    ),
    Rule(
        Signal.CREDENTIAL,
        "invalid_credentials",
        frozenset({400, 401, 403}),
        ("bad-credentials", "invalid or expired credentials", "incorrect api key", "invalid_grant"),
        refreshable=True,
    ),
    Rule(Signal.REQUEST, "client_outdated", frozenset({426})),
    Rule(
        Signal.REQUEST,
        "content_refused",
        frozenset({400, 403, 422}),
        (
            "content violates usage guidelines", "violates usage guidelines", "usage guideline violation",
            "safety_check", "safety check", "policy violation",
        ),
    ),
    Rule(
        Signal.REVIEW,
        "credential_permission_denied",
        frozenset({403}),
        (_DENIED,),
        also=(
            ("permission_denied", "permission-denied"),
            ("correct credentials", "update the permissions", "contact support"),
        ),
        final=True,
    ),
    Rule(
        Signal.ENTITLEMENT,
        "not_entitled",
        frozenset({402, 403}),
        (
            "need a grok subscription", "active grok subscription", "not entitled", "not authorized for xai api access",
            "tier denied", "subscription required", _DENIED,
        ),
    ),
)  # fmt: skip
_COUNTED: Final = re.compile(r"tokens \(actual/limit\): (\d{1,15})/(\d{1,15})")

KEPT_HEADERS: Final = reading.NO_HEADERS
WINDOW_HEADERS: Final[tuple[bytes, ...]] = ()
"""No header tells of a window; only the body of the refusal does."""


def kind_of(document: Mapping[str, Any]) -> Kind:
    return reading.kind_of(document)


def validate(document: Mapping[str, Any]) -> None:
    if kind_of(document) is Kind.API_KEY:
        checks.key(document)
    else:
        checks.tokens(document)


def claims(document: Mapping[str, Any]) -> Claims:
    if kind_of(document) is Kind.API_KEY:
        return reading.key_claims(document)
    said = [fields.jwt_claims(fields.text(document, name)) for name in ("id_token", "access_token")]
    sources = reading.Sources()
    emails = (document.get("email"), *(part.get("email") for part in said))
    return reading.claims(
        document,
        sources,
        subject=sources.first("sub", document.get("sub"), *(part.get("sub") for part in said)),
        email=sources.first("email", *(email.lower() if isinstance(email, str) else None for email in emails)),
        plan=fields.text(document, "plan_type"),
    )


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, kind_of(document))


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    return _KEY_ROUTES if kind is Kind.API_KEY else _OAUTH_ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    """Keys, compaction and accounts set to ``using_api`` go to the official API, other sign-ins to the CLI's host."""
    tail = _TAILS.get(passed.route)
    if tail is None:
        raise NotFound("path_refused", path=passed.tail[:200])
    needed = sending.authorization(credential)
    if credential.kind is Kind.API_KEY:
        url = addresses.below(credential.base_url or settings.xai.key_url, tail, passed.query)
    elif passed.route is Route.RESPONSES_COMPACT or _uses_api(credential.document):
        url = addresses.below(settings.xai.key_url, tail, passed.query)
    else:
        url = addresses.below(settings.xai.api_url, f"/v1{tail}", passed.query)
        needed.append(_CLI_HOST_NEEDS)
    return sending.passing(passed, credential, url, needed)


def client_id(settings: Providers) -> str:
    return settings.xai.client_id


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    """To the file's ``token_endpoint`` where that is on the configured origin, else to the origin's usual path."""
    del now
    if credential.kind is Kind.API_KEY or credential.refresh_token is None:
        return None
    values = {
        "client_id": settings.xai.client_id,
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
    }
    return refreshing.by_form(_token_endpoint(credential.document, settings), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    return refreshing.read(reply, credential.document, now)


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    said = failures.take_apart(status, headers, body)
    if _FREE_USED_UP.fits(said):
        return judged(said, _FREE_USED_UP, model=model, until=_free_again(said, now))
    return failures.read(said, _RULES, now, model)


read_plan = reading.no_plan


def read_windows(headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None) -> list[QuotaWindow]:
    """The rolling day of free usage, from the refusal that says how much of it is used."""
    del model
    said = failures.take_apart(429, headers, body)
    counted = _COUNTED.search(said.text)
    if not counted or not _FREE_USED_UP.fits(said):
        return []
    used, limit = int(counted.group(1)), int(counted.group(2))
    until = _free_again(said, now)
    window = QuotaWindow(
        window=Window.ROLLING_24H.value,
        used_percent=min(used * FULL / limit, FULL) if limit else None,
        observed_at=now,
        source=Source.RESPONSE,
        accuracy=until.accuracy,
        resets_at=until.at,
        limit_reached=True,
        seconds=int(_FREE_WINDOW.total_seconds()),
    )
    return [window]


def _free_again(said: Said, now: datetime) -> Until:
    """Free usage without a reset of its own comes back after a rolling day. ``Retry-After`` means something else."""
    told = waiting.from_body(said.error, now) or Until(now + _FREE_WINDOW, Accuracy.ESTIMATED)
    return replace(told, window=Window.ROLLING_24H.value)


def _uses_api(document: Mapping[str, Any]) -> bool:
    said = document.get("using_api")
    return said is True or (isinstance(said, str) and said.strip().lower() == "true")


def _token_endpoint(document: Mapping[str, Any], settings: Providers) -> str:
    said = fields.text(document, "token_endpoint")
    is_ours = said is not None and addresses.origin(said) == addresses.origin(settings.xai.auth_url)
    if said is not None and is_ours and addresses.url_problem(said) is None:
        return said
    return addresses.below(settings.xai.auth_url, _TOKEN_TAIL)


# ---- signing in (RFC 8628) ----

_LOGIN_SCOPE: Final = "openid profile email offline_access grok-cli:access api:access"


def _begin_device(settings: Providers) -> Outgoing:
    values = {
        "client_id": settings.xai.client_id,
        "scope": _LOGIN_SCOPE,
    }
    return signing_in.form(addresses.below(settings.xai.auth_url, "/oauth2/device/code"), values)


def _read_device(reply: Reply, settings: Providers) -> signing_in.DeviceCode:
    return signing_in.read_device(reply, addresses.below(settings.xai.auth_url, "/device"))


def _poll(settings: Providers, code: signing_in.DeviceCode) -> Outgoing:
    values = {
        "grant_type": signing_in.DEVICE_GRANT,
        "device_code": code.device_code,
        "client_id": settings.xai.client_id,
    }
    return signing_in.form(addresses.below(settings.xai.auth_url, _TOKEN_TAIL), values)


LOGIN: Final = signing_in.Login(device=signing_in.DeviceLogin(_begin_device, _read_device, _poll, signing_in.read_poll))
