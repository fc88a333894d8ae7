"""Codex: ChatGPT sign-ins on the Codex backend, and OpenAI API keys."""

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
from authdeck.quota import FULL, Accuracy, QuotaWindow, name_of, percent, slug
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Rule, Said, Until, Verdict, judged

ABOUT: Final = About("Codex", "Cx")
"""A workspace has many users, and a user is in many workspaces."""

LEAD: Final = timedelta(days=5)
KEEPS_TOKEN: Final = True

_AUTH: Final = "https://api.openai.com/auth"
_SCOPE: Final = "openid profile email"

_OAUTH_ROUTES: Final = frozenset({Route.RESPONSES, Route.RESPONSES_COMPACT, Route.CODEX})
_KEY_ROUTES: Final = frozenset({Route.RESPONSES, Route.RESPONSES_COMPACT, Route.CHAT})
_OAUTH_TAILS: Final = {
    Route.RESPONSES: "/codex/responses",
    Route.WEBSOCKET: "/codex/responses",
    Route.RESPONSES_COMPACT: "/codex/responses/compact",
}
_KEY_TAILS: Final = {
    Route.RESPONSES: "/responses",
    Route.WEBSOCKET: "/responses",
    Route.RESPONSES_COMPACT: "/responses/compact",
    Route.CHAT: "/chat/completions",
}

PASSED_ON: Final = frozenset(
    {
        ("POST", "/codex/responses"),
        ("GET", "/codex/responses"),  # the websocket's upgrade
        ("POST", "/codex/responses/compact"),
        ("POST", "/codex/alpha/search"),
        ("GET", "/codex/models"),
        ("GET", "/wham/usage"),
        ("GET", "/wham/accounts/check"),
        ("GET", "/wham/settings/user"),
        ("GET", "/wham/rate-limit-reset-credits"),
    }
)
"""Methods and paths below ``/backend-api`` that are passed on. Nothing here spends, buys or changes an account."""

_RULES: Final = (
    Rule(Signal.ENTITLEMENT, "usage_not_included", frozenset({403, 429}), ("usage_not_included",)),
    Rule(Signal.TRANSIENT, "identity_edge", words=("identity_edge_internal_error",)),
    Rule(Signal.EGRESS, "region_refused", frozenset({403}), ("unsupported_country_region_territory",)),
    Rule(
        Signal.MODEL,
        "model_not_supported",
        frozenset({400, 404}),
        ("model is not supported when using codex with", "model_not_supported"),
        elsewhere=True,  # a matter of the plan: another account's may include it
        of_model=True,
    ),
)

_LIMIT: Final = Rule(Signal.QUOTA, "usage_limit_reached")
_LIMIT_OF_MODELS: Final = Rule(Signal.QUOTA, "usage_limit_reached", of_model=True)

WINDOW_HEADERS: Final = (b"-used-percent", b"-rate-limit-reached-type", b"x-codex-plan-type")
"""How headers end whose change is news of a window, or of the plan."""

KEPT_HEADERS: Final = (b"x-codex-", b"x-openai-authorization-error", b"x-openai-ide-", b"x-oai-request-id")
"""How headers begin that are kept to be looked at (``seen_headers``), beside those of all providers."""

_USED: Final = re.compile(r"x-([a-z0-9-]{1,48})-(primary|secondary)-used-percent")
_OWN_LIMIT: Final = "codex"
_LONGEST_NUMBER: Final = 9
_UNNAMED: Final = {"primary": 5 * 3600, "secondary": 7 * 86_400}
"""Seconds of a window whose length is not told. Only the plans with two windows leave it out."""


def kind_of(document: Mapping[str, Any]) -> Kind:
    return reading.kind_of(document)


def validate(document: Mapping[str, Any]) -> None:
    if kind_of(document) is Kind.API_KEY:
        checks.key(document)
        return
    checks.tokens(document)
    checks.sendable(document, "account_id", "chatgpt_account_id")


def claims(document: Mapping[str, Any]) -> Claims:
    """Workspace and user, from the file first, then the id token, then the access token."""
    if kind_of(document) is Kind.API_KEY:
        return reading.key_claims(document)
    said = [_auth_claims(document, name) for name in ("id_token", "access_token")]
    profiles = [fields.jwt_claims(fields.text(document, name)) for name in ("id_token", "access_token")]
    sources = reading.Sources()
    organization = sources.first(
        "account_id",
        document.get("account_id"),
        document.get("chatgpt_account_id"),
        *(part.get("chatgpt_account_id") for part in said),
    )
    users = (part.get("chatgpt_user_id") or part.get("user_id") for part in said)
    subject = sources.first("chatgpt_user_id", document.get("chatgpt_user_id"), *users)
    emails = [document.get("email"), *(profile.get("email") for profile in profiles)]
    plans = [
        document.get("plan_type"),
        document.get("chatgpt_plan_type"),
        *(part.get("chatgpt_plan_type") for part in said),
    ]
    return reading.claims(
        document,
        sources,
        organization=organization,
        subject=subject,
        email=sources.first("email", *(email.lower() if isinstance(email, str) else None for email in emails)),
        plan=reading.Sources().first("plan", *plans),  # a plan changes; an older token says the older one
    )


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, kind_of(document))


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    return _KEY_ROUTES if kind is Kind.API_KEY else _OAUTH_ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    if credential.kind is Kind.API_KEY:
        return _prepare_with_key(passed, credential, settings)
    tail = _OAUTH_TAILS.get(passed.route) or _backend_tail(passed)
    url = addresses.below(settings.codex.api_url, tail, passed.query)
    needed = sending.authorization(credential)
    if (account := account_id(credential.document)) is not None:
        needed.append(("chatgpt-account-id", account))
    return sending.passing(passed, credential, url, needed)


def account_id(document: Mapping[str, Any]) -> str | None:
    """The workspace that requests name; ``None`` for a file that does not say."""
    said = fields.text(document, "account_id", "chatgpt_account_id")
    if said is None:
        said = fields.text(_auth_claims(document, "id_token"), "chatgpt_account_id")
    if said is None:
        said = fields.text(_auth_claims(document, "access_token"), "chatgpt_account_id")
    return said


def client_id(settings: Providers) -> str:
    return settings.codex.client_id


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    del now
    if credential.kind is Kind.API_KEY or credential.refresh_token is None:
        return None
    values = {
        "client_id": settings.codex.client_id,
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
        "scope": _SCOPE,
    }
    return refreshing.by_form(addresses.below(settings.codex.auth_url, "/oauth/token"), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    """401 is for good here, whatever its code (the Codex CLI reads it so too)."""
    return refreshing.read(reply, credential.document, now, refusing=frozenset({401}))


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    """A limit that headers alone tell of counts too; one of certain models is those models'."""
    said = failures.take_apart(status, headers, body)
    verdict = failures.read(said, _RULES, now, model)
    is_limit = verdict.code == _LIMIT.code or (verdict.signal is Signal.RATE_LIMIT and _tells_of_limit(said, now))
    if not is_limit:
        return verdict
    rule = _LIMIT if _active_limit(said) == _OWN_LIMIT else _LIMIT_OF_MODELS
    return judged(said, rule, model=model, until=_reached(said, now) or waiting.told(said.error, headers, now))


def read_windows(headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None) -> list[QuotaWindow]:
    """``x-codex-primary-…`` and ``-secondary-…``: the account's windows. Another limit's id instead: its own models'.

    Sources: openai/codex ``codex-api/src/rate_limits.rs``; the panel's response headers.
    """
    del body, model
    return [_window(match.group(1), match.group(2), headers, now) for match in map(_USED.fullmatch, headers) if match]


def read_plan(headers: Mapping[str, str]) -> str | None:
    """``x-codex-plan-type``, spelled as the usage spells it."""
    plan = headers.get("x-codex-plan-type", "").strip().lower()
    return plan if re.fullmatch(r"[a-z0-9_.-]{1,64}", plan) else None


def _window(limit: str, place: str, headers: Mapping[str, str], now: datetime) -> QuotaWindow:
    start = f"x-{limit}-{place}"
    minutes = headers.get(f"{start}-window-minutes", "").strip()
    seconds = int(minutes) * 60 if minutes.isdigit() and len(minutes) < _LONGEST_NUMBER else None
    used = percent(headers.get(f"{start}-used-percent"))
    resets_at, accuracy = _reset(start, headers, now)
    own = limit == _OWN_LIMIT
    is_named = own and headers.get("x-codex-rate-limit-reached-type", "").strip().lower() == place
    return QuotaWindow(
        window=name_of(seconds or _UNNAMED[place]),
        used_percent=used,
        observed_at=now,
        source=Source.HEADER,
        accuracy=accuracy if used is not None else Accuracy.UNKNOWN,
        scope=_scope(limit, headers),
        resets_at=resets_at,
        limit_reached=is_named and (used is None or used >= FULL),
        counts=own,
        seconds=seconds or _UNNAMED[place],
    )


def _scope(limit: str, headers: Mapping[str, str]) -> str | None:
    """``None`` for the account's own limit; another one is known by the name it has, else by its id."""
    return None if limit == _OWN_LIMIT else slug(headers.get(f"x-{limit}-limit-name", "")) or slug(limit)


def _reset(start: str, headers: Mapping[str, str], now: datetime) -> tuple[datetime | None, Accuracy]:
    told = waiting.sane(fields.moment(headers.get(f"{start}-reset-at", "")), now)
    if told is not None:
        return told, Accuracy.EXACT
    after = headers.get(f"{start}-reset-after-seconds", "").strip()
    if after.isdigit() and len(after) < _LONGEST_NUMBER:
        return waiting.sane(now + timedelta(seconds=int(after)), now), Accuracy.DERIVED
    return None, Accuracy.UNKNOWN


def _prepare_with_key(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    tail = _KEY_TAILS.get(passed.route)
    if tail is None:
        raise NotFound("path_refused", path=passed.tail[:200])
    url = addresses.below(credential.base_url or settings.codex.key_url, tail, passed.query)
    return sending.passing(passed, credential, url, sending.authorization(credential))


def _backend_tail(passed: Passed) -> str:
    """The path below ``/backend-api``. A tail without ``/codex`` or ``/wham`` before it is one of codex."""
    tail = passed.tail
    if not tail.startswith(("/codex/", "/wham/")):
        tail = f"/codex{tail}"
    if (passed.method, tail) not in PASSED_ON:
        raise NotFound("path_refused", path=passed.tail[:200])
    return tail


def _auth_claims(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inside = fields.jwt_claims(fields.text(document, name)).get(_AUTH)
    return inside if isinstance(inside, dict) else {}


def _tells_of_limit(said: Said, now: datetime) -> bool:
    """A limit is named as met; or a window is full without credits, and the body has no word of its own."""
    if said.headers.get("x-codex-rate-limit-reached-type", "").strip():
        return True
    has_credits = said.headers.get("x-codex-credits-has-credits", "").strip().lower() == "true"
    has_word = any(isinstance(said.error.get(name), str) for name in ("type", "code"))
    return not has_word and not has_credits and bool(_full(said, now))


def _active_limit(said: Said) -> str:
    """Which limit the answer is about, spelled as in the names of its headers; the account's own unless it says so."""
    return said.headers.get("x-codex-active-limit", "").strip().lower().replace("_", "-") or _OWN_LIMIT


def _full(said: Said, now: datetime) -> list[QuotaWindow]:
    """The full windows of the limit that the answer is about."""
    active = _active_limit(said)
    found = (_window(match[1], match[2], said.headers, now) for match in map(_USED.fullmatch, said.headers) if match)
    return [window for window in found if window.is_full(now) and window.scope == _scope(active, said.headers)]


def _reached(said: Said, now: datetime) -> Until | None:
    """The full window that headers tell of, the longest lasting; its end from the body where that says one."""
    full = _full(said, now)
    last = max(full, key=lambda window: window.ends_at, default=None)
    told = waiting.from_body(said.error, now)
    if told is not None:
        return replace(told, window=last.window if last else None)
    return Until(last.resets_at, last.accuracy, last.window) if last and last.resets_at else None


# ---- signing in (openai/codex ``login/src``: ``server.rs``, ``device_code_auth.rs``) ----

_LOGIN_SCOPE: Final = "openid profile email offline_access"
_REDIRECT: Final = "http://localhost:1455/auth/callback"


def _authorize(settings: Providers, state: str, challenge: str) -> str:
    values = {
        "response_type": "code",
        "client_id": settings.codex.client_id,
        "redirect_uri": _REDIRECT,
        "scope": _LOGIN_SCOPE,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
        "prompt": "login",
        "id_token_add_organizations": "true",
        "codex_cli_simplified_flow": "true",
    }
    return signing_in.page(addresses.below(settings.codex.auth_url, "/oauth/authorize"), values)


def _exchange(settings: Providers, grant: signing_in.Grant) -> Outgoing:
    values = {
        "grant_type": "authorization_code",
        "client_id": settings.codex.client_id,
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return signing_in.form(addresses.below(settings.codex.auth_url, "/oauth/token"), values)


def _begin_device(settings: Providers) -> Outgoing:
    url = addresses.below(settings.codex.auth_url, "/api/accounts/deviceauth/usercode")
    return signing_in.as_json(url, {"client_id": settings.codex.client_id})


def _read_device(reply: Reply, settings: Providers) -> signing_in.DeviceCode:
    return signing_in.read_device(reply, addresses.below(settings.codex.auth_url, "/codex/device"))


def _poll(settings: Providers, code: signing_in.DeviceCode) -> Outgoing:
    url = addresses.below(settings.codex.auth_url, "/api/accounts/deviceauth/token")
    return signing_in.as_json(url, {"device_auth_id": code.device_code, "user_code": code.user_code})


def _read_poll(reply: Reply, now: datetime) -> signing_in.Polled:
    """403 and 404 mean that nobody approved it yet. Then comes a code, with the verifier that redeems it."""
    answer = signing_in.read_object(reply)
    code, verifier = fields.text(answer, "authorization_code"), fields.text(answer, "code_verifier")
    if code is not None and verifier is not None:
        redirect = "/deviceauth/callback"
        return signing_in.Polled(signing_in.Step.GRANTED, grant=signing_in.Grant(code, verifier, "", redirect))
    said = signing_in.error_of(reply)
    if reply.status in (403, 404) and said not in ("access_denied", "expired_token", "slow_down"):
        return signing_in.Polled(signing_in.Step.PENDING)
    return signing_in.read_poll(reply, now)


def _exchange_device(settings: Providers, grant: signing_in.Grant) -> Outgoing:
    """The redirect of a device's code is a page of the provider's own."""
    own = replace(grant, redirect_uri=addresses.below(settings.codex.auth_url, grant.redirect_uri))
    return _exchange(settings, own)


def _read_tokens(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """Other programs look for these two beside the tokens."""
    document = signing_in.read_tokens(reply, now)
    said = claims(document)
    named = {"account_id": said.organization, "email": said.email}
    return {**document, **{name: value for name, value in named.items() if value}}


LOGIN: Final = signing_in.Login(
    browser=signing_in.BrowserLogin(_REDIRECT, _authorize, _exchange),
    read_tokens=_read_tokens,
    device=signing_in.DeviceLogin(_begin_device, _read_device, _poll, _read_poll, _exchange_device),
)
