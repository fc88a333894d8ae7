"""What documents say: kind, claims and where they come from, tokens and their end, and what validation refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authdeck.account import Kind, Provider
from authdeck.errors import DeckError
from authdeck.providers import PROVIDERS
from fakes.auth_files import jwt

AUTH = "https://api.openai.com/auth"


def codex(**fields: Any) -> dict[str, Any]:
    return {"type": "codex", "access_token": "at_FAKE", "refresh_token": "rt_FAKE", **fields}


def test_it_works() -> None:
    inside = {"chatgpt_account_id": "acc-1", "chatgpt_user_id": "user-1", "chatgpt_plan_type": "Plus"}
    claims = PROVIDERS[Provider.CODEX].claims(codex(id_token=jwt({"email": "Ann@Example.com", AUTH: inside})))
    assert (claims.organization, claims.subject, claims.email, claims.plan) == (
        "acc-1",
        "user-1",
        "ann@example.com",
        "plus",
    )
    assert claims.contradictions == ()


def test_the_file_wins_over_the_token_and_the_difference_shows() -> None:
    inside = {"chatgpt_account_id": "acc-token", "chatgpt_user_id": "user-1"}
    claims = PROVIDERS[Provider.CODEX].claims(codex(account_id="acc-file", id_token=jwt({AUTH: inside})))
    assert claims.organization == "acc-file"
    assert claims.contradictions == ("account_id",)


def test_the_id_token_wins_over_the_access_token() -> None:
    tokens = {
        "id_token": jwt({AUTH: {"chatgpt_account_id": "acc-id"}}),
        "access_token": jwt({AUTH: {"chatgpt_account_id": "acc-access", "chatgpt_user_id": "user-access"}}),
    }
    claims = PROVIDERS[Provider.CODEX].claims(codex(**tokens))
    assert (claims.organization, claims.subject) == ("acc-id", "user-access")


def test_a_segment_that_is_too_long_claims_nothing() -> None:
    claims = PROVIDERS[Provider.CODEX].claims(codex(id_token=jwt({AUTH: {"chatgpt_account_id": "a" * 16_384}})))
    assert claims.organization is None


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a..c", "....", "a." + "e30" + ".c", "a.ÿÿÿ.c", None, 5, ["x"]])
def test_tokens_that_are_no_jwt_claim_nothing(token: Any) -> None:
    assert PROVIDERS[Provider.CODEX].claims(codex(id_token=token)).organization is None


def test_claude_names_organisation_and_account() -> None:
    document = {"type": "claude", "access_token": "at_FAKE", "organization_uuid": "org-1", "account_uuid": "acc-1"}
    claims = PROVIDERS[Provider.CLAUDE].claims(document)
    assert (claims.organization, claims.subject) == ("org-1", "acc-1")


def test_antigravity_prefers_sub_over_email() -> None:
    document = {"email": "Ann@Example.com", "project_id": "proj-1", "access_token": "at_FAKE"}
    read = PROVIDERS[Provider.ANTIGRAVITY].claims
    assert (read(document).organization, read(document).subject) == ("proj-1", "ann@example.com")
    assert read({**document, "id_token": jwt({"sub": "g-1"})}).subject == "g-1"


def test_kimi_falls_back_to_the_device() -> None:
    read = PROVIDERS[Provider.KIMI].claims
    assert read({"access_token": "at_FAKE", "device_id": "d-1"}).subject == "device:d-1"
    assert read({"access_token": jwt({"user_id": "u-1"}), "device_id": "d-1"}).subject == "u-1"


def test_xai_is_its_sub() -> None:
    claims = PROVIDERS[Provider.XAI].claims({"access_token": "at_FAKE", "id_token": jwt({"sub": "x-1"})})
    assert (claims.organization, claims.subject) == (None, "x-1")


@pytest.mark.parametrize(
    "written",
    [
        {"expired": "2026-12-01T10:00:00Z"},
        {"expire": "2026-12-01T11:00:00+01:00"},
        {"expires_at": "2026-12-01 10:00:00"},
        {"expiresAt": "2026-12-01 10:00"},
        {"expiry": 1796119200},
        {"expires": 1796119200000},
        {"expired": "1796119200"},
        {"expired": "nonsense", "expires": "2026-12-01T10:00:00Z"},
        {"token": {"expires_at": 1796119200}},
        {"Token": {"expiry": "2026-12-01T10:00:00Z"}},
        {"timestamp": 1796115600000, "expires_in": 3600},
    ],
)
def test_every_spelling_of_the_expiry(written: dict[str, Any]) -> None:
    tokens = PROVIDERS[Provider.ANTIGRAVITY].tokens({"access_token": "at_FAKE", **written})
    assert tokens.expires_at == datetime(2026, 12, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", [True, -5, 0, "", "soon", [], 10**30, "9" * 400, float("inf"), "0001-01-01T00:00:00+14:00"]
)
def test_an_expiry_that_is_none_is_unknown(written: Any) -> None:
    assert PROVIDERS[Provider.CODEX].tokens(codex(expired=written)).expires_at is None


def test_the_earliest_end_counts() -> None:
    access = jwt({"exp": 1796115600, "iat": 1796112000})
    tokens = PROVIDERS[Provider.CODEX].tokens(codex(access_token=access, expired="2026-12-01T10:00:00Z"))
    assert tokens.expires_at == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert tokens.issued_at == datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_secrets_come_strongest_first() -> None:
    assert PROVIDERS[Provider.CODEX].secrets(codex(session_token="st_FAKE")) == (
        ("refresh_token", "rt_FAKE"),
        ("access_token", "at_FAKE"),
        ("session_token", "st_FAKE"),
    )


def test_an_api_key_beside_tokens_is_still_a_sign_in() -> None:
    assert PROVIDERS[Provider.CODEX].kind_of(codex(api_key="sk-FAKE")) is Kind.OAUTH
    assert PROVIDERS[Provider.CODEX].kind_of({"api_key": "sk-FAKE"}) is Kind.API_KEY
    assert PROVIDERS[Provider.CODEX].kind_of(codex(api_key="sk-FAKE", auth_kind="api_key")) is Kind.API_KEY


REFUSED: list[tuple[Provider, dict[str, Any], str, str]] = [
    (Provider.CODEX, {}, "field_missing", "access_token"),
    (Provider.CODEX, {"access_token": 5}, "field_invalid", "access_token"),
    (Provider.CODEX, {"access_token": "two words"}, "field_invalid", "access_token"),
    (Provider.CODEX, {"access_token": "x\r\nhost: evil"}, "field_invalid", "access_token"),
    (Provider.CODEX, {"refresh_token": "rt_FAKE", "account_id": "a\nb"}, "field_invalid", "account_id"),
    (Provider.CLAUDE, {"access_token": " "}, "field_missing", "access_token"),
    (Provider.GEMINI, {"type": "gemini"}, "field_missing", "api_key"),
    (Provider.GEMINI, {"api_key": ["AIzaFAKE"]}, "field_invalid", "api_key"),
    (Provider.OPENAI_COMPATIBLE, {"api_key": "sk-FAKE"}, "field_missing", "base_url"),
    (Provider.OPENAI_COMPATIBLE, {"api_key": "sk-FAKE", "base_url": "ftp://x"}, "field_invalid", "base_url"),
    (
        Provider.OPENAI_COMPATIBLE,
        {"api_key": "sk-FAKE", "base_url": "https://a:b@x.example"},
        "field_invalid",
        "base_url",
    ),
    (
        Provider.OPENAI_COMPATIBLE,
        {"api_key": "sk-FAKE", "base_url": "https://x.example/?a=b"},
        "field_invalid",
        "base_url",
    ),
    (
        Provider.OPENAI_COMPATIBLE,
        {"api_key": "sk-FAKE", "base_url": "https://x.example/../y"},
        "field_invalid",
        "base_url",
    ),
    (
        Provider.OPENAI_COMPATIBLE,
        {"api_key": "sk-FAKE", "base_url": "https://x.example:port"},
        "field_invalid",
        "base_url",
    ),
    (Provider.VERTEX, {"project_id": "p"}, "field_missing", "service_account"),
    (Provider.VERTEX, {"service_account": {"client_email": "a@b"}}, "field_missing", "private_key"),
    (
        Provider.VERTEX,
        {"project_id": "p", "service_account": {"client_email": "a@b", "private_key": "no key"}},
        "field_invalid",
        "private_key",
    ),
    (Provider.VERTEX, {"api_key": "AIzaFAKE", "location": "x.evil.example/"}, "field_invalid", "location"),
]


@pytest.mark.parametrize(("provider", "document", "code", "field"), REFUSED)
def test_validation_names_what_is_wrong(provider: Provider, document: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(DeckError) as raised:
        PROVIDERS[provider].validate(document)
    assert (raised.value.code, raised.value.params["field"]) == (code, field)
    assert "FAKE" not in str(raised.value)
