"""Snippets are what their languages say they are, and offer only what is served."""

import ast
import shlex
import tomllib

import pytest

from authdeck.protocols import clients
from authdeck.routing import Route

START = "https://deck.example.com/p/team"
ODD = 'mo"del\\ $(x)'


def text(client: str, routes: set[Route], **more: str) -> str:
    [found] = [each.text for each in clients.snippets(START, routes, **more) if each.client == client]
    return found


def test_it_works() -> None:
    assert clients.base("https://deck.example.com/", "team") == START
    assert [each.url for each in clients.endpoints(START, {Route.GENERATE, Route.MESSAGES})] == [
        f"{START}/v1/messages",
        f"{START}/v1beta/models/{{model}}:{{action}}",
    ]


def test_every_route_has_an_address() -> None:
    assert {each.route for each in clients.endpoints(START, Route)} == set(Route)


def test_codex_gets_a_provider_of_its_own() -> None:
    settings, _, shell = text("Codex CLI", {Route.RESPONSES}, model=ODD).partition("# shell\n")
    parsed = tomllib.loads(settings)
    assert parsed["model"] == ODD
    assert parsed["model_providers"]["authdeck"]["env_key"] == "AUTHDECK_CLIENT_KEY"
    assert parsed["model_providers"]["authdeck"]["base_url"] == f"{START}/v1"
    assert shell == "export AUTHDECK_CLIENT_KEY=adk_…"


def test_gemini_takes_any_models_name_as_one_word() -> None:
    last = text("Gemini CLI", {Route.GENERATE}, model="it's; odd").splitlines()[-1]
    assert shlex.split(last) == ["gemini", "-m", "it's; odd"]


@pytest.mark.parametrize("route", [Route.RESPONSES, Route.CHAT, Route.MESSAGES])
@pytest.mark.parametrize("key", [clients.KEY, "adk_FAKE"])
def test_python_is_python(route: Route, key: str) -> None:
    for each in clients.snippets(START, {route}, key=key, model=ODD):
        if each.language == "python":
            ast.parse(each.text)
            assert "AUTHDECK_CLIENT_KEY" in each.text or "adk_FAKE" in each.text
