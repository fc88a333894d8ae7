"""A provider that authdeck does not know, whole in this one file: what CONTRIBUTING calls ``example``.

Its server is the simulated Kimi: device sign-ins, tokens that rotate, OpenAI's chat completions.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import fields, settings
from authdeck.account import Kind
from authdeck.credential import Claims, Credential, Tokens
from authdeck.errors import NotFound
from authdeck.exchange import Outgoing, Passed, Refreshed, Reply
from authdeck.providers import addresses, checks, failures, reading, refreshing, sending, signing_in
from authdeck.providers.about import About
from authdeck.routing import Route
from authdeck.verdict import Verdict

ABOUT: Final = About("Example Cloud", "Ex", whole=frozenset({"subject"}), terms="It has none, for it is a fake.")
LEAD: Final = timedelta(minutes=5)
KEEPS_TOKEN: Final = True
WINDOW_HEADERS: Final = reading.NO_HEADERS
KEPT_HEADERS: Final = reading.NO_HEADERS


class Settings(settings.Part):
    api_url: str = "https://api.example.com"
    auth_url: str = "https://auth.example.com"
    client_id: str = "example-client"


kind_of = reading.kind_of
secrets = reading.secrets
read_windows = reading.no_windows
read_plan = reading.no_plan


def validate(document: Mapping[str, Any]) -> None:
    checks.tokens(document)


def claims(document: Mapping[str, Any]) -> Claims:
    inside = fields.jwt_claims(fields.text(document, "access_token"))
    return reading.claims(document, reading.Sources(), subject=fields.text(inside, "user_id", "sub"))


def tokens(document: Mapping[str, Any]) -> Tokens:
    return reading.tokens(document, kind_of(document))


def routes(_kind: Kind) -> frozenset[Route]:
    return frozenset({Route.CHAT})


def prepare(passed: Passed, credential: Credential, given: settings.Providers) -> Outgoing:
    if passed.route is not Route.CHAT:
        raise NotFound("path_refused", path=passed.tail[:200])
    url = addresses.below(given.of(Settings).api_url, "/v1/chat/completions", passed.query)
    return sending.passing(passed, credential, url, sending.authorization(credential))


def client_id(given: settings.Providers) -> str:
    return given.of(Settings).client_id


def refresh_request(credential: Credential, given: settings.Providers, _now: datetime) -> Outgoing | None:
    if credential.refresh_token is None:
        return None
    values = {
        "client_id": client_id(given),
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token.open(),
    }
    return refreshing.by_form(_address(given, "/api/oauth/token"), values, credential)


def read_refresh(reply: Reply, credential: Credential, now: datetime) -> Refreshed:
    return refreshing.read(reply, credential.document, now, refusing=frozenset({401, 403}))


def read_failure(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, model: str | None = None
) -> Verdict:
    return failures.read(failures.take_apart(status, headers, body), (), now, model)


def _address(given: settings.Providers, tail: str) -> str:
    return addresses.below(given.of(Settings).auth_url, tail)


def _begin(given: settings.Providers) -> Outgoing:
    return signing_in.form(_address(given, "/api/oauth/device_authorization"), {"client_id": client_id(given)})


def _read_begin(reply: Reply, given: settings.Providers) -> signing_in.DeviceCode:
    return replace(signing_in.read_device(reply, _address(given, "/device")), interval=1)


def _poll(given: settings.Providers, code: signing_in.DeviceCode) -> Outgoing:
    grant = {"grant_type": signing_in.DEVICE_GRANT, "device_code": code.device_code, "client_id": client_id(given)}
    return signing_in.form(_address(given, "/api/oauth/token"), grant)


LOGIN: Final = signing_in.Login(device=signing_in.DeviceLogin(_begin, _read_begin, _poll, signing_in.read_poll))
