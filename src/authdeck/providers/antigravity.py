"""Antigravity: Google sign-ins on the Code Assist backend."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import DeckError, NotFound
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, google, reading, refreshing, sending, signing_in
from authdeck.providers.about import About
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict

ABOUT: Final = About("Antigravity", "Ag", rotates=False)
"""The project bears the quota; where no id_token is kept, the Google e-mail stands for the user."""

LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True
WINDOW_HEADERS: Final = reading.NO_HEADERS
KEPT_HEADERS: Final = (b"x-cloudaicompanion-trace-id",)
_ROUTES: Final = frozenset({Route.CODE_ASSIST})
_GENERATING: Final = frozenset({"generateContent", "streamGenerateContent"})

_BODY: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def kind_of(document: Mapping[str, Any]) -> Kind:
    del document
    return Kind.OAUTH


def validate(document: Mapping[str, Any]) -> None:
    checks.tokens(document)


def claims(document: Mapping[str, Any]) -> Claims:
    """The project, and the Google user: its ``sub`` where an id token is kept, else its e-mail in lower case."""
    sources = reading.Sources()
    inside = fields.jwt_claims(fields.text(document, "id_token"))
    emails = (document.get("email"), inside.get("email"))
    email = sources.first("email", *(value.lower() if isinstance(value, str) else None for value in emails))
    return reading.claims(
        document,
        sources,
        organization=fields.text(document, "project_id"),
        subject=fields.text(document, "sub") or fields.text(inside, "sub") or email,
        email=email,
    )


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, Kind.OAUTH)


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    del kind
    return _ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    """The same action, with the account's project in the body: another's would be refused or, worse, charged."""
    if passed.route is not Route.CODE_ASSIST:
        raise NotFound("path_refused", path=passed.tail[:200])
    action = addresses.action(passed.tail)
    url = addresses.with_query(f"{addresses.base(settings.antigravity.api_url)}/v1internal:{action}", passed.query)
    project = fields.text(credential.document, "project_id")
    body = _with_project(passed.body, project, is_needed=action in _GENERATING) if project else None
    return sending.passing(passed, credential, url, sending.authorization(credential), body)


def client_id(settings: Providers) -> str:
    return settings.antigravity.client_id or ""


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    """Google refreshes only with the client's secret, and we ship none: ``client_secret_missing`` says what to set."""
    del now
    if credential.refresh_token is None:
        return None
    client_id, client_secret = settings.antigravity.client_id, settings.antigravity.client_secret
    if not client_id or client_secret is None:
        raise DeckError(
            "client_secret_missing", provider="antigravity", setting="AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET"
        )
    values = {
        "client_id": client_id,
        "client_secret": client_secret.get_secret_value(),
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
    }
    return refreshing.by_form(addresses.base(settings.antigravity.token_url), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    return refreshing.read(reply, credential.document, now)


read_windows = reading.no_windows
read_plan = reading.no_plan


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    return failures.read(failures.take_apart(status, headers, body), google.RULES, now, model)


def _with_project(body: bytes, project: str, *, is_needed: bool) -> bytes | None:
    """The body with this project; every other value byte for byte. ``None``: leave the body as it is."""
    try:
        values = _BODY.decode(body)
    except msgspec.DecodeError:
        return None
    if not is_needed and "project" not in values:
        return None
    values["project"] = msgspec.Raw(msgspec.json.encode(project))
    return msgspec.json.encode(values)


# ---- signing in ----

_REDIRECT: Final = "http://localhost:51121/oauth-callback"
_SCOPES: Final = ("cloud-platform", "userinfo.email", "userinfo.profile", "cclog", "experimentsandconfigs")
_NEEDED: Final = ("CLIENT_ID", "CLIENT_SECRET")
_ABOUT: Final = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
_TIER: Final = "onboarding_tier"
_FREE: Final = "free-tier"
_ONBOARDING_TURNS: Final = 5


def _authorize(settings: Providers, state: str, challenge: str) -> str:
    """Google takes PKCE from every client; offline access and consent are what bring a refresh token."""
    values = {
        "response_type": "code",
        "client_id": settings.antigravity.client_id or "",
        "redirect_uri": _REDIRECT,
        "scope": " ".join(f"https://www.googleapis.com/auth/{name}" for name in _SCOPES),
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
    }
    return signing_in.page(settings.antigravity.authorize_url, values)


def _exchange(settings: Providers, grant: signing_in.Grant) -> Outgoing:
    secret = settings.antigravity.client_secret
    values = {
        "grant_type": "authorization_code",
        "client_id": settings.antigravity.client_id or "",
        "client_secret": secret.get_secret_value() if secret is not None else "",
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return signing_in.form(addresses.base(settings.antigravity.token_url), values)


def _ask_user(document: Mapping[str, Any], settings: Providers) -> Outgoing:
    url, _, query = settings.antigravity.userinfo_url.partition("?")
    return signing_in.with_token("GET", addresses.with_query(addresses.base(url), query), document)


def _read_user(reply: Reply) -> Mapping[str, Any]:
    email = fields.text(signing_in.read_object(reply), "email")
    return {"email": email} if email is not None else {}


def _ask_project(document: Mapping[str, Any], settings: Providers) -> Outgoing:
    return _ask_assist(document, settings, "loadCodeAssist", {"metadata": _ABOUT})


def _read_project(reply: Reply) -> Mapping[str, Any]:
    """The project; for a user who has none yet, the tier that Code Assist would begin with."""
    answer = signing_in.read_object(reply)
    if not answer:
        return {}
    return _project_of(answer) or {_TIER: _first_tier(answer)}


def _first_tier(answer: Mapping[str, Any]) -> str:
    given = answer.get("allowedTiers")
    offered = given if isinstance(given, list) else []
    tiers = [tier for tier in offered if isinstance(tier, dict) and fields.text(tier, "id")]
    usual = [tier for tier in tiers if tier.get("isDefault") is True]
    return next((str(tier["id"]) for tier in (*usual, *tiers)), _FREE)


def _ask_onboarding(document: Mapping[str, Any], settings: Providers) -> Outgoing | None:
    """Begin with Code Assist, as its own client does at a user's first sign-in; asked again, it says how far it is."""
    tier = document.get(_TIER)
    if tier is None or document.get("project_id"):
        return None
    return _ask_assist(document, settings, "onboardUser", {"tierId": tier, "metadata": _ABOUT})


def _read_onboarding(reply: Reply) -> Mapping[str, Any]:
    """A long-running operation: ``{done, response: {cloudaicompanionProject}}``. A refusal is not asked again."""
    answer = signing_in.read_object(reply)
    if not answer:
        return {_TIER: None}
    response = answer.get("response")
    return _project_of(response) if answer.get("done") is True and isinstance(response, dict) else {}


def _ask_assist(document: Mapping[str, Any], settings: Providers, action: str, body: Mapping[str, Any]) -> Outgoing:
    url = f"{addresses.base(settings.antigravity.api_url)}/v1internal:{action}"
    return signing_in.with_token("POST", url, document, body)


def _project_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    said = answer.get("cloudaicompanionProject")
    project = said if isinstance(said, str) else fields.text(said, "id") if isinstance(said, dict) else None
    return {"project_id": project} if project else {}


def _missing(settings: Providers) -> tuple[str, ...]:
    given = (settings.antigravity.client_id, settings.antigravity.client_secret)
    needed = zip(_NEEDED, given, strict=True)
    return tuple(f"AUTHDECK_PROVIDERS__ANTIGRAVITY__{name}" for name, value in needed if not value)


LOGIN: Final = signing_in.Login(
    browser=signing_in.BrowserLogin(_REDIRECT, _authorize, _exchange),
    lookups=(
        signing_in.Lookup(_ask_user, _read_user),
        signing_in.Lookup(_ask_project, _read_project),
        signing_in.Lookup(_ask_onboarding, _read_onboarding, _ONBOARDING_TURNS),
    ),
    passing=frozenset({_TIER}),
    missing=_missing,
)
