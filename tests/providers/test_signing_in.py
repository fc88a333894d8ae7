"""What each provider's file says about signing in: requests it builds, answers it reads. No network."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.errors import DeckError
from authdeck.exchange import Reply
from authdeck.providers import PROVIDERS, signing_in
from authdeck.providers.signing_in import Grant, Step
from authdeck.settings import Providers

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SETTINGS = Providers.model_validate({"antigravity": {"client_id": "client_FAKE", "client_secret": "secret_FAKE"}})
BROWSERS = [name for name, module in PROVIDERS.items() if module.LOGIN and module.LOGIN.browser]
DEVICES = [name for name, module in PROVIDERS.items() if module.LOGIN and module.LOGIN.device]
PORTS = {Provider.CODEX: 1455, Provider.CLAUDE: 54545, Provider.ANTIGRAVITY: 51121}


def answer(status: int = 200, **document) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def test_these_have_a_login():
    assert {*BROWSERS, *DEVICES} == {"codex", "claude", "antigravity", "kimi", "xai"}


@pytest.mark.parametrize("provider", BROWSERS)
def test_the_page_is_asked_with_state_and_s256(provider):
    login = PROVIDERS[provider].LOGIN.browser
    asked = parse_qs(urlsplit(login.authorize(SETTINGS, "st_FAKE", signing_in.challenge("verifier"))).query)

    assert asked["state"] == ["st_FAKE"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] == ["iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ"]
    assert asked["redirect_uri"] == [login.redirect_uri]
    assert login.port == PORTS[provider]


@pytest.mark.parametrize("provider", BROWSERS)
def test_the_exchange_proves_who_asked_and_hides_it(provider):
    login = PROVIDERS[provider].LOGIN.browser
    sent = login.exchange(SETTINGS, Grant("ac_FAKE", "verifier_FAKE", "st_FAKE", login.redirect_uri))

    assert b"ac_FAKE" in sent.body
    assert b"verifier_FAKE" in sent.body
    assert "FAKE" not in repr(sent)
    assert sent.url.startswith("https://")


@pytest.mark.parametrize("provider", DEVICES)
@pytest.mark.parametrize(
    ("status", "error", "step"),
    [
        (400, "authorization_pending", Step.PENDING),
        (400, "slow_down", Step.SLOW_DOWN),
        (429, "", Step.SLOW_DOWN),
        (503, "", Step.PENDING),
        (400, "access_denied", Step.REFUSED),
        (400, "expired_token", Step.REFUSED),
        (401, "invalid_client", Step.REFUSED),
    ],
)
def test_what_a_poll_is_answered(provider, status, error, step):
    assert PROVIDERS[provider].LOGIN.device.read_poll(answer(status, error=error), NOW).step is step


def test_codex_waits_with_403_and_404_and_ends_with_a_code():
    read = PROVIDERS[Provider.CODEX].LOGIN.device.read_poll
    granted = read(answer(authorization_code="ac_FAKE", code_verifier="verifier_FAKE"), NOW)

    assert read(answer(403), NOW).step is read(answer(404), NOW).step is Step.PENDING
    assert (granted.step, granted.grant.code) == (Step.GRANTED, "ac_FAKE")


def test_a_devices_page_is_https_or_ours():
    given = {"device_code": "dc_FAKE", "user_code": "AB-CD", "interval": "7", "expires_in": 900}
    read = signing_in.read_device(
        answer(**given, verification_uri="javascript:alert(1)"), "https://auth.kimi.com/device"
    )

    assert (read.page, read.direct, read.interval, read.life) == ("https://auth.kimi.com/device", None, 7, 900)


@pytest.mark.parametrize(
    "reply", [answer(), answer(access_token=""), Reply(200, {}, b"<html>"), answer(refresh_token="r")]
)
def test_an_answer_without_an_access_token_is_no_sign_in(reply):
    with pytest.raises(DeckError, match="login_unreadable"):
        signing_in.read_tokens(reply, NOW)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_breaks_a_poll(status, body):
    for provider in DEVICES:
        try:
            PROVIDERS[provider].LOGIN.device.read_poll(Reply(status, {}, body), NOW)
        except DeckError as error:
            assert error.code in ("login_unreadable", "login_refused")  # noqa: PT017 - either outcome is right


def test_antigravity_names_both_settings():
    assert [name.rpartition("__")[2] for name in PROVIDERS[Provider.ANTIGRAVITY].LOGIN.missing(Providers())] == [
        "CLIENT_ID",
        "CLIENT_SECRET",
    ]
