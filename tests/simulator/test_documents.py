"""Auth files as CLIProxyAPI writes them, and the demo's set of them."""

import json
from datetime import timedelta

import pytest

from authdeck.simulator.demo import ONE_REQUEST, PERSONAS, TRAFFIC, demo_files
from fakes.wire import Client


def test_codex(simulator):
    ann = simulator.account("codex", "ann@example.com", plan="plus", organization="acc-fake-1")

    name, content = simulator.auth_file(ann, note="Ann", priority=3)

    document = json.loads(content)
    assert name == "codex-01628f48-ann@example.com-plus.json"
    assert document["refresh_token"] == ann.refresh_token
    assert document["account_id"] == "acc-fake-1"
    assert (document["note"], document["priority"]) == ("Ann", 3)


@pytest.mark.parametrize("provider", ["codex", "claude", "antigravity", "kimi", "xai"])
def test_an_expired_token_says_so(simulator, provider):
    ann = simulator.account(provider, "ann@example.com", expires_in=timedelta(hours=-1))

    document = json.loads(simulator.auth_file(ann)[1])

    assert document["expired"] == "2026-11-23T11:00:00Z"
    assert document["last_refresh"] < document["expired"]


def test_names_do_not_clash(simulator):
    files = [name for name, _ in demo_files(simulator)]

    assert len(set(files)) == len(files) == len(PERSONAS)


def test_every_secret_of_the_demo_says_that_it_is_fake(simulator):
    for _, content in demo_files(simulator):
        document = json.loads(content)
        for field in ("access_token", "refresh_token", "api_key"):
            text = document.get(field, "FAKE")
            assert "FAKE" in text or text.endswith("c2lnbmF0dXJlIEZBS0U")


def test_the_settings_cover_every_provider(simulator):
    names = {name.split("__")[1] for name in simulator.settings()}

    assert names == {"CODEX", "CLAUDE", "VERTEX", "ANTIGRAVITY", "GEMINI", "KIMI", "XAI"}


def test_the_demo_has_an_account_for_each_request(simulator):
    demo_files(simulator)
    client = Client(simulator)
    bob = next(a for a in simulator.world.accounts if (a.provider, a.name) == ("codex", "bob"))

    assert client.codex(bob, model=ONE_REQUEST.document["model"]).status == 200
    assert all(json.loads(request.body) for request in TRAFFIC)
