"""Vertex AI: Google service accounts, and Vertex API keys."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import DeckError, NotFound
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, google, reading, refreshing, sending
from authdeck.providers.about import About
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

ABOUT: Final = About("Vertex", "Vx", rotates=False)
"""A service account's e-mail is unique to Google, its quota is the project's."""

LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = False
"""The key makes a new token at any time, so tokens are not worth a revision: they live in memory."""
LOGIN: Final = None
WINDOW_HEADERS: Final = reading.NO_HEADERS
KEPT_HEADERS: Final = reading.NO_HEADERS

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = timedelta(hours=1)
_LOCATION: Final = "us-central1"
_LOCATIONS: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_ROUTES: Final = frozenset({Route.GENERATE})


def kind_of(document: Mapping[str, Any]) -> Kind:
    has_account = isinstance(document.get("service_account"), dict)
    return Kind.API_KEY if fields.text(document, "api_key") and not has_account else Kind.SERVICE_ACCOUNT


def validate(document: Mapping[str, Any]) -> None:
    """The private key is read once here: a broken one is refused at import, not at the first request."""
    _location(document)
    if kind_of(document) is Kind.API_KEY:
        checks.key(document)
        return
    account = document.get("service_account")
    if not isinstance(account, dict):
        raise DeckError("field_missing", field="service_account", fields=["service_account"])
    checks.one_of(account, "client_email")
    checks.one_of(account, "private_key")
    if _project(document) is None:
        raise DeckError("field_missing", field="project_id", fields=["project_id", "project"])
    _signing_key(account)


def claims(document: Mapping[str, Any]) -> Claims:
    if kind_of(document) is Kind.API_KEY:
        return reading.key_claims(document)
    sources = reading.Sources()
    email = sources.first("email", _account(document).get("client_email"), document.get("email"))
    project = _project(document)
    said = reading.claims(document, sources, organization=project, subject=email, email=email)
    return Claims(
        organization=project,
        subject=email,
        email=email,
        label=said.label,
        project_id=project,
        models=said.models,
        contradictions=said.contradictions,
    )


def tokens(document: Mapping[str, Any]) -> Tokens:
    """A service account's bearer is there once a refresh's changes are laid over the document."""
    return reading.tokens(document, kind_of(document))


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    key = fields.text(_account(document), "private_key")
    found = (("private_key", key), ("api_key", fields.text(document, "api_key")))
    return tuple((kind, text) for kind, text in found if text)


def routes(kind: Kind) -> frozenset[Route]:
    del kind
    return _ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    """The client's ``/v1beta/models/{m}:{action}`` on the account's project and region; a key needs neither."""
    if passed.route is not Route.GENERATE:
        raise NotFound("path_refused", path=passed.tail[:200])
    model = f"/publishers/google/models/{addresses.segment(passed.model)}:{addresses.action(passed.tail)}"
    if credential.kind is Kind.API_KEY:
        base = addresses.base(credential.base_url or _api_url(settings, "global")).removesuffix("/v1")
        url = addresses.with_query(f"{base}/v1{model}", passed.query)
        return sending.passing(passed, credential, url, [("x-goog-api-key", sending.bearer(credential))])
    location = _location(credential.document)
    project = addresses.segment(_project(credential.document))
    base = addresses.base(_api_url(settings, location))
    url = addresses.with_query(f"{base}/v1/projects/{project}/locations/{location}{model}", passed.query)
    return sending.passing(passed, credential, url, sending.authorization(credential))


def client_id(settings: Providers) -> str:
    del settings
    return ""


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    """A signed assertion for the token endpoint of the settings; the file's own ``token_uri`` is not asked."""
    if credential.kind is Kind.API_KEY:
        return None
    account = _account(credential.document)
    issued = int(now.timestamp())
    header = {"alg": "RS256", "typ": "JWT"}
    if (key_id := fields.text(account, "private_key_id")) is not None:
        header["kid"] = key_id
    assertion = {
        "iss": fields.text(account, "client_email"),
        "scope": _SCOPE,
        "aud": settings.vertex.token_url,
        "iat": issued,
        "exp": issued + int(_LIFETIME.total_seconds()),
    }
    values = {"grant_type": _GRANT, "assertion": _signed(header, assertion, _signing_key(account))}
    return refreshing.by_form(addresses.base(settings.vertex.token_url), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    return refreshing.read(reply, credential.document, now)


read_windows = reading.no_windows
read_plan = reading.no_plan


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    return failures.read(failures.take_apart(status, headers, body), google.RULES, now, model)


def _signed(header: Mapping[str, str], claims: Mapping[str, Any], key: "RSAKey") -> str:
    from joserfc import jwt  # noqa: PLC0415 - as below

    return jwt.encode(dict(header), dict(claims), key)


def _signing_key(account: Mapping[str, Any]) -> "RSAKey":
    """PKCS#8 and PKCS#1 alike. The key's text goes into no error."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - 30 ms of every start, for the few who have such an account
    from joserfc.jwk import RSAKey  # noqa: PLC0415

    try:
        key = RSAKey.import_key(fields.text(account, "private_key") or "")
        if not key.is_private:
            raise DeckError("field_invalid", field="private_key", problem="not_a_private_key")
    except (ValueError, TypeError, JoseError):
        raise DeckError("field_invalid", field="private_key", problem="not_a_private_key") from None
    return key


def _account(document: Mapping[str, Any]) -> Mapping[str, Any]:
    account = document.get("service_account")
    return account if isinstance(account, dict) else {}


def _project(document: Mapping[str, Any]) -> str | None:
    return fields.text(document, "project_id", "project") or fields.text(_account(document), "project_id")


def _location(document: Mapping[str, Any]) -> str:
    """It becomes part of a host name, so it is checked each time."""
    location = fields.text(document, "location") or _LOCATION
    if not _LOCATIONS.fullmatch(location):
        raise DeckError("field_invalid", field="location", problem="not_a_location")
    return location


def _api_url(settings: Providers, location: str) -> str:
    if location == "global":
        return settings.vertex.api_url.replace("{location}-", "").replace("{location}", location)
    return settings.vertex.api_url.replace("{location}", location)
