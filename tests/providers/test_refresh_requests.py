"""What is sent to token endpoints, and what has nothing to send."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from authdeck.account import Kind, Provider, SecretSettings
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.providers import PROVIDERS
from authdeck.secret import Secret
from authdeck.settings import Antigravity, Providers, Xai

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lent(provider: Provider, kind: Kind = Kind.OAUTH, **document: Any) -> Credential:
    tokens = PROVIDERS[provider].tokens(document)
    sends = SecretSettings(proxy_url=Secret("socks5://127.0.0.1:1080"))
    return Credential(
        "00000000000000a1", provider, kind, 1, 1, document, tokens.bearer, tokens.refresh_token, sends=sends
    )


def test_codex_sends_a_form() -> None:
    outgoing = PROVIDERS[Provider.CODEX].refresh_request(
        lent(Provider.CODEX, refresh_token="rt_FAKE"), Providers(), NOW
    )
    assert outgoing is not None
    assert outgoing.body is not None
    sent = parse_qs(outgoing.body.decode())
    assert outgoing.url == "https://auth.openai.com/oauth/token"
    assert sent["grant_type"] == ["refresh_token"]
    assert sent["refresh_token"] == ["rt_FAKE"]
    assert outgoing.proxy_url == Secret("socks5://127.0.0.1:1080")
    assert "rt_FAKE" not in repr(outgoing)


def test_claude_sends_json() -> None:
    outgoing = PROVIDERS[Provider.CLAUDE].refresh_request(
        lent(Provider.CLAUDE, refresh_token="rt_FAKE"), Providers(), NOW
    )
    assert outgoing is not None
    assert outgoing.url == "https://platform.claude.com/v1/oauth/token"
    assert json.loads(outgoing.body or b"")["refresh_token"] == "rt_FAKE"
    assert ("content-type", "application/json") in outgoing.headers


def test_kimi_names_the_device_of_the_sign_in() -> None:
    credential = lent(Provider.KIMI, refresh_token="rt_FAKE", device_id="d-1")
    outgoing = PROVIDERS[Provider.KIMI].refresh_request(credential, Providers(), NOW)
    assert outgoing is not None
    assert outgoing.url == "https://auth.kimi.com/api/oauth/token"
    assert ("x-msh-device-id", "d-1") in outgoing.headers


def test_antigravity_without_a_client_secret_says_what_to_set() -> None:
    credential = lent(Provider.ANTIGRAVITY, refresh_token="1//FAKE")
    with pytest.raises(DeckError) as raised:
        PROVIDERS[Provider.ANTIGRAVITY].refresh_request(credential, Providers(), NOW)
    assert raised.value.code == "client_secret_missing"
    assert raised.value.params["setting"] == "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET"


def test_antigravity_uses_the_client_of_the_settings() -> None:
    settings = Providers(antigravity=Antigravity(client_id="client-fake", client_secret=SecretStr("secret-fake")))
    outgoing = PROVIDERS[Provider.ANTIGRAVITY].refresh_request(
        lent(Provider.ANTIGRAVITY, refresh_token="1//FAKE"), settings, NOW
    )
    assert outgoing is not None
    sent = parse_qs((outgoing.body or b"").decode())
    assert (sent["client_id"], sent["client_secret"]) == (["client-fake"], ["secret-fake"])


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        ("https://auth.x.ai/own/token", "https://auth.x.ai/own/token"),
        ("https://auth.x.ai.evil.example/token", "https://auth.x.ai/oauth2/token"),
        ("https://ann:pw@auth.x.ai/token", "https://auth.x.ai/oauth2/token"),
        ("http://auth.x.ai/token", "https://auth.x.ai/oauth2/token"),
        (None, "https://auth.x.ai/oauth2/token"),
    ],
)
def test_xai_asks_the_files_endpoint_only_on_the_configured_origin(endpoint: str | None, asked: str) -> None:
    credential = lent(Provider.XAI, refresh_token="rt_FAKE", token_endpoint=endpoint)
    outgoing = PROVIDERS[Provider.XAI].refresh_request(credential, Providers(), NOW)
    assert outgoing is not None
    assert outgoing.url == asked


def test_settings_move_every_endpoint() -> None:
    settings = Providers(xai=Xai(auth_url="http://127.0.0.1:9/xai/"))
    outgoing = PROVIDERS[Provider.XAI].refresh_request(lent(Provider.XAI, refresh_token="rt_FAKE"), settings, NOW)
    assert outgoing is not None
    assert outgoing.url == "http://127.0.0.1:9/xai/oauth2/token"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_vertex_signs_an_assertion_for_the_configured_endpoint(key: rsa.RSAPrivateKey, form: PrivateFormat) -> None:
    pem = key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    account = {"client_email": "sa@fake.example", "private_key": pem, "token_uri": "https://evil.example/token"}
    document = {"type": "vertex", "project_id": "fake-proj", "service_account": account}
    PROVIDERS[Provider.VERTEX].validate(document)
    credential = lent(Provider.VERTEX, Kind.SERVICE_ACCOUNT, **document)
    outgoing = PROVIDERS[Provider.VERTEX].refresh_request(credential, Providers(), NOW)
    assert outgoing is not None
    assert outgoing.url == "https://oauth2.googleapis.com/token"
    assertion = parse_qs((outgoing.body or b"").decode())["assertion"][0]
    claims = joserfc_jwt.decode(assertion, RSAKey.import_key(pem)).claims
    assert (claims["iss"], claims["aud"]) == ("sa@fake.example", "https://oauth2.googleapis.com/token")
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("provider", list(Provider))
def test_keys_have_nothing_to_refresh(provider: Provider) -> None:
    if provider is Provider.ANTIGRAVITY:
        return  # it has no keys
    credential = lent(provider, Kind.API_KEY, api_key="sk-FAKE")
    assert PROVIDERS[provider].refresh_request(credential, Providers(), NOW) is None


@pytest.mark.parametrize(
    "provider", [Provider.CODEX, Provider.CLAUDE, Provider.ANTIGRAVITY, Provider.KIMI, Provider.XAI]
)
def test_a_sign_in_without_refresh_token_has_nothing_to_refresh(provider: Provider) -> None:
    assert PROVIDERS[provider].refresh_request(lent(provider, access_token="at_FAKE"), Providers(), NOW) is None
