"""Requests never leave the configured origin, whatever clients, files and account headers say."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Kind, Provider, SecretSettings
from authdeck.credential import Credential, Draft
from authdeck.errors import DeckError
from authdeck.exchange import Passed
from authdeck.providers import PROVIDERS, complete
from authdeck.providers.addresses import configured_origins, origin
from authdeck.routing import Route
from authdeck.secret import Secret
from authdeck.settings import Providers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENT = {
    "project_id": "fake-proj",
    "access_token": "at_FAKE",
    "api_key": "sk-FAKE",
    "location": "global",
    "base_url": "https://llm.example.com/v1",
}
HOSTS = {
    Provider.CODEX: {"chatgpt.com", "llm.example.com"},
    Provider.CLAUDE: {"api.anthropic.com", "llm.example.com"},
    Provider.VERTEX: {"aiplatform.googleapis.com", "llm.example.com"},
    Provider.ANTIGRAVITY: {"daily-cloudcode-pa.googleapis.com"},
    Provider.GEMINI: {"generativelanguage.googleapis.com", "llm.example.com"},
    Provider.KIMI: {"api.kimi.com", "llm.example.com"},
    Provider.XAI: {"cli-chat-proxy.grok.com", "api.x.ai", "llm.example.com"},
    Provider.OPENAI_COMPATIBLE: {"llm.example.com"},
}


def lent(provider: Provider, kind: Kind, headers: dict[str, Secret] | None = None) -> Credential:
    base_url = DOCUMENT["base_url"] if kind is Kind.API_KEY else None
    sends = SecretSettings(headers=headers or {})
    return Credential("a1", provider, kind, 1, 1, DOCUMENT, Secret("at_FAKE"), base_url=base_url, sends=sends)


def passed(route: Route, tail: str = "", query: str = "", model: str | None = None, **more: Any) -> Passed:
    return Passed("POST", route, tail, query, more.get("headers", []), b"{}", model)


@given(
    provider=st.sampled_from(list(Provider)),
    kind=st.sampled_from([Kind.OAUTH, Kind.API_KEY]),
    route=st.sampled_from(list(Route)),
    tail=st.text(max_size=30)
    | st.sampled_from([":generateContent", "/codex/responses", "@evil.example/", "//evil.example"]),
    query=st.text(max_size=30),
    model=st.none() | st.text(max_size=30) | st.sampled_from(["..", "../..", "m@evil.example", "m?x", "m#x"]),
)
def test_the_host_is_always_the_configured_one(
    provider: Provider, kind: Kind, route: Route, tail: str, query: str, model: str | None
) -> None:
    try:
        outgoing = PROVIDERS[provider].prepare(passed(route, tail, query, model), lent(provider, kind), Providers())
    except DeckError as error:
        assert error.code in {"path_refused", "field_invalid"}  # noqa: PT017
        return
    parts = urlsplit(outgoing.url)
    assert (parts.scheme, parts.hostname in HOSTS[provider]) == ("https", True)
    assert outgoing.url.isascii()
    assert not any(character in outgoing.url for character in " \r\n\t#")
    assert "/../" not in parts.path


def test_a_model_of_dots_stays_one_segment() -> None:
    url = (
        PROVIDERS[Provider.GEMINI]
        .prepare(
            passed(Route.GENERATE, ":generateContent", model=".."), lent(Provider.GEMINI, Kind.API_KEY), Providers()
        )
        .url
    )
    assert url == "https://llm.example.com/v1/v1beta/models/..:generateContent"


def test_account_headers_win_over_the_clients() -> None:
    credential = lent(Provider.CODEX, Kind.OAUTH, {"X-Team": Secret("a"), "Originator": Secret("ours")})
    request = passed(Route.RESPONSES, headers=[("originator", "client"), ("x-other", "b")])
    headers = dict(PROVIDERS[Provider.CODEX].prepare(request, credential, Providers()).headers)
    assert (headers["x-team"], headers["originator"], headers["x-other"]) == ("a", "ours", "b")


@pytest.mark.parametrize(
    "name", ["Authorization", "host", "Cookie", "content-length", "Transfer-Encoding", "chatgpt-account-id"]
)
def test_account_headers_never_carry_the_credential_or_frame_the_request(name: str) -> None:
    credential = lent(Provider.CODEX, Kind.OAUTH, {name: Secret("canary")})
    headers = PROVIDERS[Provider.CODEX].prepare(passed(Route.RESPONSES), credential, Providers()).headers
    assert "canary" not in [value for _, value in headers]


@pytest.mark.parametrize("value", ["$authorization", "a\r\nb: c"])
def test_account_headers_with_odd_values_are_left_out(value: str) -> None:
    credential = lent(Provider.CODEX, Kind.OAUTH, {"x-team": Secret(value)})
    headers = dict(PROVIDERS[Provider.CODEX].prepare(passed(Route.RESPONSES), credential, Providers()).headers)
    assert "x-team" not in headers


@pytest.mark.parametrize("provider", list(Provider))
def test_every_provider_serves_something_for_each_of_its_kinds(provider: Provider) -> None:
    kinds = [Kind.OAUTH, Kind.API_KEY]
    assert all(PROVIDERS[provider].routes(kind) <= frozenset(Route) for kind in kinds)
    assert any(PROVIDERS[provider].routes(kind) for kind in kinds)


def test_foreign_urls_of_a_sign_in_are_noted() -> None:
    document = {"type": "xai", "access_token": "at_FAKE", "base_url": "https://evil.example/v1", "sub": "x-1"}
    document["token_endpoint"] = "https://auth.x.ai/token"
    draft = Draft(Provider.XAI, Kind.OAUTH, "a.json", "cliproxyapi", b"", document)
    completed = complete(draft, Providers())
    assert completed.notes == (("url_ignored", {"field": "base_url", "origin": "https://evil.example"}),)
    assert completed.claims.subject == "x-1"


def test_a_keys_own_address_is_no_foreign_url() -> None:
    document = {"type": "claude", "api_key": "sk-FAKE", "base_url": "https://llm.example.com"}
    draft = Draft(Provider.CLAUDE, Kind.API_KEY, "a.json", "api_key", b"", document)
    assert complete(draft, Providers()).notes == ()


def test_origins_are_compared_in_one_spelling() -> None:
    assert origin("HTTPS://API.x.ai:443/v1") == "https://api.x.ai"
    assert origin("https://[::1]:8080/x") == "https://[::1]:8080"
    assert origin("file:///etc/passwd") is None
    assert "https://aiplatform.googleapis.com" in set(configured_origins(Providers()))
