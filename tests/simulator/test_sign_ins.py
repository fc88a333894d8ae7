"""Browser and device sign-ins, from the outside."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from authdeck.simulator import Simulator
from fakes.wire import Client

VERIFIER = "verifier_FAKE_0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BROWSERS = {
    "codex": ("/codex-auth/oauth/authorize", "/codex-auth/oauth/token"),
    "claude": ("/claude/oauth/authorize", "/claude/v1/oauth/token"),
    "xai": ("/xai-auth/oauth2/authorize", "/xai-auth/oauth2/token"),
}


def sign_in(client, path):
    query = f"redirect_uri=http://localhost:1455/callback&state=st_FAKE&code_challenge={CHALLENGE}"
    answer = client.ask("GET", f"{path}?{query}")
    assert answer.status == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)


@pytest.mark.parametrize("provider", BROWSERS)
def test_in_a_browser(simulator, client, provider):
    ann = simulator.account(provider, "ann@example.com")
    before = ann.refresh_token
    simulator.approve(ann)
    authorize, token = BROWSERS[provider]

    back = sign_in(client, authorize)
    given = {"grant_type": "authorization_code", "code": back["code"][0], "code_verifier": VERIFIER}
    answer = client.ask("POST", token, given)

    assert back["state"] == ["st_FAKE"]
    assert answer.document["refresh_token"] == ann.refresh_token != before
    assert client.ask("POST", token, given).status in {400, 401}


def test_a_code_is_bound_to_its_challenge(simulator, client):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    authorize, token = BROWSERS["codex"]
    code = sign_in(client, authorize)["code"][0]

    answer = client.ask("POST", token, {"grant_type": "authorization_code", "code": code, "code_verifier": "eve"})

    assert answer.status == 400


def test_nobody_there(client):
    assert client.ask("GET", BROWSERS["codex"][0]).status == 403


def test_on_a_device(simulator, client):
    ann = simulator.account("codex", "ann@example.com")
    device = client.ask("POST", "/codex-auth/api/accounts/deviceauth/usercode", {"client_id": "FAKE"}).document
    poll = "/codex-auth/api/accounts/deviceauth/token"
    assert client.ask("POST", poll, device).status == 403

    simulator.approve(ann)
    approved = client.ask("POST", poll, device).document
    given = {
        "grant_type": "authorization_code",
        "code": approved["authorization_code"],
        "code_verifier": approved["code_verifier"],
    }

    assert client.ask("POST", "/codex-auth/oauth/token", given).document["access_token"] == ann.access_token


@pytest.mark.parametrize(
    ("provider", "start", "token"),
    [
        ("kimi", "/kimi-auth/api/oauth/device_authorization", "/kimi-auth/api/oauth/token"),
        ("xai", "/xai-auth/oauth2/device/code", "/xai-auth/oauth2/token"),
    ],
)
def test_on_a_device_by_the_standard(simulator, client, provider, start, token):
    ann = simulator.account(provider, "ann@example.com")
    device = client.ask("POST", start, {}).document["device_code"]
    given = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device}
    assert client.ask("POST", token, given).document == {"error": "authorization_pending"}

    simulator.approve(ann)

    assert client.ask("POST", token, given).document["access_token"] == ann.access_token


def test_newcomers_are_welcome_in_the_demo(clock):
    with Simulator(clock, newcomers=True).running() as simulator:
        sign_in(Client(simulator), BROWSERS["codex"][0])

        assert [account.identity for account in simulator.world.accounts] == ["newcomer@example.com"]
