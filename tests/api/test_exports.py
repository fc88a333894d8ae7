"""Files out over the API: who may, what the answer says, and that it is never stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from authdeck.access import Actor
from fakes.auth_files import codex
from fakes.people import BOB, VERA

As = Callable[[Actor | None], AsyncClient]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


async def take_in(client: AsyncClient, name: str = "ann.json", content: bytes | None = None, **more: Any) -> list[Any]:
    answer = await client.post("/imports", files=[("file", (name, content or codex()))], **more)
    rows: list[Any] = answer.json()["items"]
    return rows


async def test_it_works(ann: AsyncClient, as_: As) -> None:
    await take_in(ann)
    answer = await as_(BOB).post("/exports", json={"format": "cliproxyapi", "auth_indexes": ["ann.json"]})
    assert (answer.status_code, answer.content) == (200, codex())
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''ann.json"
    entries = (await ann.get("/audit")).json()["items"]
    assert entries[0]["what"] == "account:file:exported"


async def test_a_viewer_may_not(ann: AsyncClient, as_: As) -> None:
    await take_in(ann)
    asked = {"format": "cliproxyapi", "auth_indexes": ["ann.json"]}
    for query in ({}, {"preview": True}):
        assert (await as_(VERA).post("/exports", json=asked, params=query)).status_code == 403


async def test_a_preview_lists_what_is_lost_in_words(ann: AsyncClient) -> None:
    await take_in(ann, content=codex(note="hello"))
    asked = {"format": "codex_cli", "search": {"text": "ann"}}
    answer = await ann.post("/exports", json=asked, params={"preview": True})
    told = answer.json()
    assert (told["items"][0]["lost"], told["items"][0]["stale_after"], told["hand_over"]) == (
        ["note"],
        "rotating",
        True,
    )
    assert "two programs" in told["items"][0]["notes"][0]["sentence"]
    assert answer.headers["cache-control"] == "no-store"
    assert "FAKE" not in answer.text


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"search": {}}, "selection_unclear"),
        ({"search": {"provider": None}}, "selection_filter_empty"),
        ({"search": {"search": "ann", "prefix": ""}}, "selection_filter_empty"),
        ({"search": {"state": ["all"]}}, "selection_unclear"),
        ({"search": {"problem": False}}, "selection_unclear"),
        ({"search": {"provider": "codex"}, "auth_indexes": ["ann.json"]}, "selection_unclear"),
        ({}, "export_empty"),
    ],
)
async def test_everybody_is_meant_only_on_purpose(ann: AsyncClient, asked: dict[str, Any], code: str) -> None:
    await take_in(ann)
    for query in ({}, {"preview": True}):
        answer = await ann.post("/exports", json={"format": "cliproxyapi", **asked}, params=query)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize("search", [{"search": ""}, {"text": ""}, {"plan": "plus"}])
async def test_everybody_or_some_go_out_by_a_search(ann: AsyncClient, search: dict[str, Any]) -> None:
    await take_in(ann)
    answer = await ann.post("/exports", json={"format": "cliproxyapi", "search": search})
    assert (answer.status_code, answer.content) == (200, codex())


async def test_an_archive_goes_out_and_comes_in(ann: AsyncClient) -> None:
    await take_in(ann)
    passphrase = "a FAKE passphrase"
    asked = {"format": "archive", "auth_indexes": ["ann.json"], "passphrase": passphrase}
    made = await ann.post("/exports", json=asked)
    assert made.content.startswith(b"age-encryption.org/v1")
    [row] = await take_in(ann, "all.age", made.content, data={"passphrase": passphrase})
    assert (row["file_name"], row["outcome"]) == ("ann.json", "unchanged")
    [row] = await take_in(ann, "all.age", made.content, data={"passphrase": "another FAKE passphrase"})
    assert row["reason"]["code"] == "age_key_wrong"


async def test_a_format_that_was_named_wrongly(ann: AsyncClient) -> None:
    item = {"file_name": "ann.json", "document": codex().decode(), "source": "codex_cli"}
    [row] = (await ann.post("/imports", json=item)).json()["items"]
    assert "it looks like cliproxyapi" in row["reason"]["sentence"]
    [row] = await take_in(ann, data={"source": "sub2api"})
    assert row["reason"]["code"] == "format_looks_like"


async def test_fields_of_disguise_are_refused_clearly(ann: AsyncClient) -> None:
    await take_in(ann)
    answer = await ann.patch("/accounts/ann.json", json={"cloak_mode": "always"}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "field_not_ours")
