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
from authdeck.providers import addresses, checks, failures, google, reading, refreshing, sending
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict

LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True
WINDOW_HEADERS: Final = reading.NO_HEADERS
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
