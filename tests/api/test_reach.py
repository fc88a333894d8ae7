"""What clients can ask of an account, where, and which models it serves."""

from pathlib import Path

import pytest
from httpx2 import AsyncClient

from authdeck.gate import hosts
from authdeck.settings import Settings
from fakes.auth_files import codex

CLAUDE = b'{"type": "claude", "access_token": "at_FAKE", "refresh_token": "rt_FAKE_claude", "account_uuid": "a"}'


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


async def take_in(client: AsyncClient, **settings: object) -> None:
    files = [("file", ("ann.json", codex(**settings))), ("file", ("eve.json", CLAUDE))]
    await client.post("/imports", files=files)


async def test_it_works(ann: AsyncClient) -> None:
    await take_in(ann, prefix="team")
    found = (await ann.get("/accounts/ann.json/endpoints")).json()
    assert (found["base"], found["prefix"], found["note"]) == ("http://localhost/p/team", "team", None)
    assert [endpoint["url"] for endpoint in found["endpoints"]] == [
        "http://localhost/p/team/v1/responses",
        "http://localhost/p/team/v1/responses/compact",
        "http://localhost/p/team/backend-api/codex/responses",
    ]
    assert [snippet["client"] for snippet in found["snippets"]] == ["Codex CLI", "Python (openai)", "curl"]
    assert 'base_url = "http://localhost/p/team/v1"' in found["snippets"][0]["text"]
    assert "FAKE" not in str(found)


async def test_without_a_prefix_it_says_that_others_answer_too(ann: AsyncClient) -> None:
    await take_in(ann)
    found = (await ann.get("/accounts/eve.json/endpoints")).json()
    assert found["note"]["code"] == "reach_shared"
    assert [snippet["client"] for snippet in found["snippets"]] == ["Claude Code", "Python (anthropic)", "curl"]
    assert "export ANTHROPIC_BASE_URL=http://localhost\n" in found["snippets"][0]["text"]


async def test_a_prefix_that_fits_no_address_goes_before_the_model(ann: AsyncClient) -> None:
    await take_in(ann, prefix="team a")
    found = (await ann.get("/accounts/ann.json/endpoints")).json()
    assert (found["base"], found["note"]["code"]) == ("http://localhost", "reach_by_model")
    assert found["model"].startswith("team a/gpt-")


async def test_a_prefix_is_found_or_not(ann: AsyncClient) -> None:
    await take_in(ann, prefix="team")
    assert (await ann.get("/prefixes/team/endpoints")).json()["base"] == "http://localhost/p/team"
    assert (await ann.get("/prefixes/other/endpoints")).json()["error"]["code"] == "prefix_not_found"


async def test_models_say_why(ann: AsyncClient) -> None:
    aliases = [{"name": "gpt-5.5", "alias": "fast", "fork": False}]
    await take_in(ann, excluded_models=["gpt-5.4*"], model_aliases=aliases)
    found = (await ann.get("/accounts/ann.json/models", params={"model": "mystery"})).json()
    told = {item["id"]: (item["support"], item["why"]["code"]) for item in found["items"]}
    assert told["gpt-5.4"] == ("no", "model_excluded_account")
    assert told["fast"] == ("yes", "model_alias")
    assert told["gpt-5.5"] == ("no", "model_renamed")
    assert told["gpt-5.6-sol"] == ("yes", "model_of_plan")
    assert told["mystery"] == ("unknown", "model_unknown")
    [excluded] = [item for item in found["items"] if item["id"] == "gpt-5.4"]
    assert (excluded["excluded_by"], excluded["excluded_where"]) == ("gpt-5.4*", "account")


def test_the_public_address_goes_before_the_one_that_the_request_came_by(tmp_path: Path) -> None:
    here = Settings(home=tmp_path)
    settings = here.model_copy(update={"public_url": "https://keys.example/"})
    scope = {"type": "http", "headers": [(b"host", b"10.0.0.7:8417")]}
    assert hosts.address(scope, settings) == "https://keys.example"
    assert hosts.address(scope, here) == "http://10.0.0.7:8417"
