"""Kimi: coding subscriptions by device sign-in, and keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import NotFound
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, reading, refreshing, sending, signing_in
from authdeck.providers.about import About
from authdeck.routing import Route
from authdeck.settings import Providers
from authdeck.verdict import Verdict

ABOUT: Final = About("Kimi", "Ki", names_users=False)
"""There is no organisation and no profile, so nothing is whole: sub or device names a sign-in at most."""

LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True
WINDOW_HEADERS: Final = reading.NO_HEADERS
KEPT_HEADERS: Final = reading.NO_HEADERS
_ROUTES: Final = frozenset({Route.CHAT, Route.MESSAGES, Route.COUNT_TOKENS})
_TAILS: Final = {
    Route.CHAT: "/v1/chat/completions",
    Route.MESSAGES: "/v1/messages",
    Route.COUNT_TOKENS: "/v1/messages/count_tokens",
}


def kind_of(document: Mapping[str, Any]) -> Kind:
    return reading.kind_of(document)


def validate(document: Mapping[str, Any]) -> None:
    if kind_of(document) is Kind.API_KEY:
        checks.key(document)
        return
    checks.tokens(document)
    checks.sendable(document, "device_id")


def claims(document: Mapping[str, Any]) -> Claims:
    """No e-mail and no profile exist. The token's user, else the device of the sign-in, tells files apart."""
    if kind_of(document) is Kind.API_KEY:
        return reading.key_claims(document)
    inside = fields.jwt_claims(fields.text(document, "access_token"))
    subject = fields.text(inside, "user_id", "sub")
    if subject is None and (device := fields.text(document, "device_id")) is not None:
        subject = f"device:{device}"
    return reading.claims(document, reading.Sources(), subject=subject, email=fields.text(document, "email"))


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, kind_of(document))


def secrets(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return reading.secrets(document)


def routes(kind: Kind) -> frozenset[Route]:
    del kind
    return _ROUTES


def prepare(passed: Passed, credential: Credential, settings: Providers) -> Outgoing:
    """The client's own ``X-Msh-*`` headers pass; only the device id is the sign-in's: the token is bound to it."""
    tail = _TAILS.get(passed.route)
    if tail is None:
        raise NotFound("path_refused", path=passed.tail[:200])
    needed = sending.authorization(credential)
    base = settings.kimi.api_url
    if credential.kind is Kind.API_KEY:
        base = (credential.base_url or base).rstrip("/").removesuffix("/v1")
    elif (device := fields.text(credential.document, "device_id")) is not None:
        needed.append(("x-msh-device-id", device))
    return sending.passing(passed, credential, addresses.below(base, tail, passed.query), needed)


def client_id(settings: Providers) -> str:
    return settings.kimi.client_id


def refresh_request(credential: Credential, settings: Providers, now: datetime) -> Outgoing | None:
    del now
    if credential.kind is Kind.API_KEY or credential.refresh_token is None:
        return None
    values = {
        "client_id": settings.kimi.client_id,
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
    }
    outgoing = refreshing.by_form(addresses.below(settings.kimi.auth_url, "/api/oauth/token"), values, credential)
    if (device := fields.text(credential.document, "device_id")) is not None:
        outgoing.headers.append(("x-msh-device-id", device))
    return outgoing


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    """401 and 403 mean that the refresh token was rejected."""
    return refreshing.read(reply, credential.document, now, refusing=frozenset({401, 403}))


read_windows = reading.no_windows
read_plan = reading.no_plan


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    return failures.read(failures.take_apart(status, headers, body), (), now, model)


# ---- signing in (RFC 8628) ----


def _begin_device(settings: Providers) -> Outgoing:
    values = {"client_id": settings.kimi.client_id}
    return signing_in.form(addresses.below(settings.kimi.auth_url, "/api/oauth/device_authorization"), values)


def _read_device(reply: Reply, settings: Providers) -> signing_in.DeviceCode:
    return signing_in.read_device(reply, addresses.below(settings.kimi.auth_url, "/device"))


def _poll(settings: Providers, code: signing_in.DeviceCode) -> Outgoing:
    values = {
        "grant_type": signing_in.DEVICE_GRANT,
        "device_code": code.device_code,
        "client_id": settings.kimi.client_id,
    }
    return signing_in.form(addresses.below(settings.kimi.auth_url, "/api/oauth/token"), values)


LOGIN: Final = signing_in.Login(device=signing_in.DeviceLogin(_begin_device, _read_device, _poll, signing_in.read_poll))
