"""Browser and device sign-ins, from the outside."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from authdeck.simulator import Simulator
from authdeck.simulator.world import CLIENTS
from fakes.wire import Client

VERIFIER = "verifier_FAKE_0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BROWSERS = {
    "codex": ("/codex-auth/oauth/authorize", "/codex-auth/oauth/token"),
    "claude": ("/claude/oauth/authorize", "/claude/v1/oauth/token"),
    "xai": ("/xai-auth/oauth2/authorize", "/xai-auth/oauth2/token"),
}


def address(path, **other):
    """What a sign-in page is asked with."""
    client_id, redirect_uri = CLIENTS[next(name for name, paths in BROWSERS.items() if paths[0] == path)]
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": "st_FAKE",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{path}?{urlencode(asked | other)}"


def grant(provider, code, verifier=VERIFIER, **other):
    client_id, redirect_uri = CLIENTS[provider]
    given = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    given |= {"state": "st_FAKE"} if provider == "claude" else {}
    return {**given, "client_id": client_id, "redirect_uri": redirect_uri, **other}


def sign_in(client, path):
    answer = client.ask("GET", address(path))
    assert answer.status == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)


@pytest.mark.parametrize("provider", BROWSERS)
def test_in_a_browser(simulator, client, provider):
    ann = simulator.account(provider, "ann@example.com")
    before = ann.refresh_token
    simulator.approve(ann)
    authorize, token = BROWSERS[provider]

    back = sign_in(client, authorize)
    given = grant(provider, back["code"][0])
    answer = client.ask("POST", token, given)

    assert back["state"] == ["st_FAKE"]
    assert answer.document["refresh_token"] == ann.refresh_token != before
    assert client.ask("POST", token, given).status in {400, 401}


def test_a_code_is_bound_to_its_challenge(simulator, client):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    authorize, token = BROWSERS["codex"]
    code = sign_in(client, authorize)["code"][0]

    answer = client.ask("POST", token, grant("codex", code, "eve"))

    assert answer.status == 400


@pytest.mark.parametrize("wrong", ["client_id", "redirect_uri"])
def test_a_code_is_bound_to_client_and_redirect(simulator, client, wrong):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    authorize, token = BROWSERS["codex"]
    code = sign_in(client, authorize)["code"][0]

    assert client.ask("POST", token, grant("codex", code, **{wrong: "eve"})).status == 400


@pytest.mark.parametrize("state", ["st_FAKE_of_eve", ""])
def test_claude_wants_the_state_again(simulator, client, state):
    simulator.approve(simulator.account("claude", "ann@example.com"))
    authorize, token = BROWSERS["claude"]
    code = sign_in(client, authorize)["code"][0]

    assert client.ask("POST", token, grant("claude", code, state=state)).status == 400


@pytest.mark.parametrize("wrong", ["client_id", "redirect_uri", "response_type", "code_challenge_method", "state"])
def test_the_page_checks_what_it_is_asked_with(simulator, client, wrong):
    simulator.approve(simulator.account("codex", "ann@example.com"))

    assert client.ask("GET", address(BROWSERS["codex"][0], **{wrong: ""})).status == 400


def test_nobody_there(client):
    assert client.ask("GET", address(BROWSERS["codex"][0])).status == 403


def test_on_a_device(simulator, client):
    ann = simulator.account("codex", "ann@example.com")
    device = client.ask(
        "POST", "/codex-auth/api/accounts/deviceauth/usercode", {"client_id": CLIENTS["codex"][0]}
    ).document
    poll = "/codex-auth/api/accounts/deviceauth/token"
    assert client.ask("POST", poll, device).status == 403

    simulator.approve(ann)
    approved = client.ask("POST", poll, device).document
    redirect = f"{simulator.url}/codex-auth/deviceauth/callback"
    given = grant("codex", approved["authorization_code"], approved["code_verifier"], redirect_uri=redirect)

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
    device = client.ask("POST", start, {"client_id": CLIENTS[provider][0]}).document["device_code"]
    given = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device}
    assert client.ask("POST", token, given).document == {"error": "authorization_pending"}

    assert client.ask("POST", token, given).document == {"error": "slow_down"}
    simulator.approve(ann)

    assert client.ask("POST", token, given).document["access_token"] == ann.access_token
    assert client.ask("POST", start, {"client_id": "eve"}).status == 401


def test_newcomers_are_welcome_in_the_demo(clock):
    with Simulator(clock, newcomers=True).running() as simulator:
        sign_in(Client(simulator), BROWSERS["codex"][0])

        assert [account.identity for account in simulator.world.accounts] == ["newcomer@example.com"]
