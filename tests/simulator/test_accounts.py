"""Credentials are really checked, and refresh tokens really rotate."""

from datetime import timedelta

import pytest

from authdeck.simulator.tokens import claims_of

CODEX_TOKEN = "/codex-auth/oauth/token"
ROTATING = {
    "codex": (CODEX_TOKEN, 401),
    "claude": ("/claude/v1/oauth/token", 400),
    "kimi": ("/kimi-auth/api/oauth/token", 401),
    "xai": ("/xai-auth/oauth2/token", 400),
}


def test_it_works(simulator, client):
    ann = simulator.account("codex", "ann@example.com")

    assert client.codex(ann).status == 200
    (seen,) = simulator.seen("responses")
    assert seen.account is ann
    assert seen.asked.headers["chatgpt-account-id"] == ann.organization


@pytest.mark.parametrize("provider", ROTATING)
def test_a_refresh_rotates(simulator, client, provider):
    ann = simulator.account(provider, "ann@example.com")
    path, _ = ROTATING[provider]
    old_refresh, old_access = ann.refresh_token, ann.access_token

    answer = client.refresh(path, old_refresh).document

    assert answer["refresh_token"] == ann.refresh_token != old_refresh
    assert answer["access_token"] == ann.access_token != old_access
    assert answer["expires_in"] > 0


@pytest.mark.parametrize("provider", ROTATING)
def test_a_used_refresh_token_revokes_its_family(simulator, client, provider):
    ann = simulator.account(provider, "ann@example.com")
    path, refused = ROTATING[provider]
    used = ann.refresh_token
    newest = client.refresh(path, used).document["refresh_token"]

    again = client.refresh(path, used)
    after = client.refresh(path, newest)

    assert again.status == after.status == refused
    assert b"refresh_token_reused" in again.body
    assert b"refresh_token_invalidated" in after.body


def test_a_revoked_family_takes_its_access_tokens_along(simulator, client):
    ann = simulator.account("codex", "ann@example.com")
    used = ann.refresh_token
    client.refresh(CODEX_TOKEN, used)
    client.refresh(CODEX_TOKEN, used)

    answer = client.codex(ann)

    assert (answer.status, answer.document["error"]["code"]) == (401, "token_revoked")


def test_signing_in_again_starts_a_family_of_its_own(simulator, client):
    ann = simulator.account("codex", "ann@example.com")
    simulator.revoke(ann)
    assert client.codex(ann).status == 401

    simulator.sign_in(ann)

    assert client.codex(ann).status == 200


def test_codex_takes_a_form_too_and_names_the_person(simulator, client):
    ann = simulator.account("codex", "ann@example.com", plan="pro")
    form = f"grant_type=refresh_token&refresh_token={ann.refresh_token}".encode()

    answer = client.ask("POST", CODEX_TOKEN, form, content_type="application/x-www-form-urlencoded")

    claims = claims_of(answer.document["id_token"])
    assert claims["email"] == "ann@example.com"
    assert claims["https://api.openai.com/auth"] == {
        "chatgpt_account_id": ann.organization,
        "chatgpt_plan_type": "pro",
        "chatgpt_user_id": ann.subject,
    }


def test_an_id_token_has_three_parts(simulator):
    parts = simulator.account("codex", "ann@example.com").id_token.split(".")

    assert len(parts) == 3
    assert all(parts)


def test_google_does_not_rotate(simulator, client):
    ann = simulator.account("antigravity", "ann@example.com")
    secret = simulator.settings()["AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET"]
    identifier = simulator.settings()["AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_ID"]
    given = {"grant_type": "refresh_token", "refresh_token": ann.refresh_token, "client_id": identifier}

    first, second = (client.ask("POST", "/google/token", {**given, "client_secret": secret}) for _ in range(2))
    stranger = client.ask("POST", "/google/token", {**given, "client_secret": "wrong"})

    assert "refresh_token" not in first.document
    assert second.status == 200
    assert stranger.document["error"] == "invalid_client"


def test_time_ends_an_access_token(simulator, client, clock):
    ann = simulator.account("codex", "ann@example.com", expires_in=timedelta(minutes=5))
    assert client.codex(ann).status == 200

    clock.move(minutes=5)

    assert client.codex(ann).document["error"]["code"] == "token_expired"


def test_earlier_access_tokens_live_on_until_their_end(simulator, client):
    ann = simulator.account("codex", "ann@example.com")
    headers = {"authorization": f"Bearer {ann.access_token}", "chatgpt-account-id": ann.organization}
    client.refresh(CODEX_TOKEN, ann.refresh_token)

    assert client.ask("GET", "/backend-api/wham/usage", **headers).status == 200

    simulator.expire(ann)
    assert client.ask("GET", "/backend-api/wham/usage", **headers).status == 401


def test_an_unknown_token_is_refused(client):
    answer = client.ask("GET", "/backend-api/wham/usage", authorization="Bearer at_FAKE", chatgpt_account_id="x")

    assert (answer.status, answer.document["error"]["code"]) == (401, "token_invalidated")


def test_a_token_of_another_provider_is_refused(simulator, client):
    eve = simulator.account("xai", "eve@example.com")

    assert client.codex(eve).status == 401


@pytest.mark.parametrize("headers", [{}, {"chatgpt_account_id": "bobs-workspace"}])
def test_codex_needs_the_right_workspace(simulator, client, headers):
    ann = simulator.account("codex", "ann@example.com")

    answer = client.ask("GET", "/backend-api/wham/usage", authorization=f"Bearer {ann.access_token}", **headers)

    assert answer.status == 400


def test_claude_sign_ins_need_the_oauth_beta(simulator, client):
    ann = simulator.account("claude", "ann@example.com")
    headers = {"authorization": f"Bearer {ann.access_token}", "anthropic_version": "2023-06-01"}
    document = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": []}

    without = client.ask("POST", "/claude/v1/messages", document, **headers)
    beta = {"anthropic_beta": "claude-code-20250219,oauth-2025-04-20"}

    assert (without.status, without.document["error"]["type"]) == (401, "authentication_error")
    assert client.ask("POST", "/claude/v1/messages", document, **headers, **beta).status == 200


def test_claude_needs_a_version(simulator, client):
    ann = simulator.account("claude", "ann@example.com", kind="api_key")

    assert client.ask("POST", "/claude/v1/messages", {}, x_api_key=ann.api_key).status == 400


@pytest.mark.parametrize("header", ["x_api_key", "authorization"])
def test_claude_takes_a_key_in_either_header(simulator, client, header):
    ann = simulator.account("claude", "ann@example.com", kind="api_key")
    value = ann.api_key if header == "x_api_key" else f"Bearer {ann.api_key}"

    assert client.ask("GET", "/claude/v1/models", anthropic_version="2023-06-01", **{header: value}).status == 200


def test_gemini_refuses_an_unknown_key_with_400(client):
    answer = client.ask("GET", "/gemini/v1beta/models", x_goog_api_key="AIzaFAKE")

    assert (answer.status, answer.document["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_two_organisations_of_one_person_differ(simulator):
    home = simulator.account("claude", "ann@example.com", organization="home")
    work = simulator.account("claude", "ann@example.com", organization="work")

    assert home.subject == work.subject
    assert home.access_token != work.access_token
