"""Batches over the API: answers, pages, statuses, and who may."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from authdeck.access import Actor
from authdeck.account_fields import FIELDS
from authdeck.api.batches import Change
from authdeck.change import KNOWN
from authdeck.operations.desk import Desk
from fakes.auth_files import codex
from fakes.clock import SetClock
from fakes.crowd import crowd
from fakes.people import BOB, VERA

As = Callable[[Actor | None], AsyncClient]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the operations are tested on both."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


async def post(client: AsyncClient, change: dict[str, Any], selection: Any = None, **more: Any) -> Any:
    return await client.post("/batches", json={"selection": selection or {"search": ""}, "change": change}, **more)


async def test_it_works(desk: Desk, as_: As, clock: SetClock) -> None:
    indexes = await crowd(desk, 3)
    clock.move(seconds=1)
    answer = await post(as_(BOB), {"priority": 5, "note": None}, {"auth_indexes": indexes[:2]})
    batch = answer.json()
    assert (answer.status_code, batch["status"], batch["actor"], batch["preview"]) == (200, "completed", "bob", False)
    assert batch["counts"] == {"total": 2, "left": 0, "done": 2, "unchanged": 0, "skipped": 0, "failed": 0}
    assert batch["items"][0]["before"] == {"priority": 0}
    assert (await as_(VERA).get(f"/accounts/{indexes[0]}")).json()["priority"] == 5
    clock.move(seconds=1)
    undone = (await as_(BOB).post(f"/batches/{batch['id']}/undo")).json()
    assert (undone["kind"], undone["undo_of"], undone["counts"]["done"]) == ("undo", batch["id"], 2)
    assert (await as_(VERA).get(f"/accounts/{indexes[0]}")).json()["priority"] == 0
    listed = (await as_(VERA).get("/batches")).json()
    assert [one["kind"] for one in listed["items"]] == ["undo", "change", "import"]


async def test_filters_of_the_list_select(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 3)
    assert (await post(ann, {"note": "x"}, {"search": "p1@", "provider": "codex"})).json()["counts"]["total"] == 1
    answer = await post(ann, {"note": "x"}, {"search": "p1@", "colour": "red"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "filter_unknown")


@pytest.mark.parametrize(
    ("selection", "code"),
    [
        ({"provider": None}, "selection_filter_empty"),
        ({"provider": ""}, "selection_filter_empty"),
        ({"search": None}, "selection_filter_empty"),
        ({"search": None, "provider": "codex"}, "selection_filter_empty"),
        ({"search": "ann", "plan": ""}, "selection_filter_empty"),
        ({"state": ["all"]}, "selection_unclear"),
        ({"problem": "false"}, "selection_unclear"),
        ({"sort": "name"}, "selection_no_filter"),
        ({"page_size": 50}, "selection_no_filter"),
        ({"cursor": "abc"}, "selection_no_filter"),
        ({"search": "", "sort": "name"}, "selection_no_filter"),
        ({"trash": True}, "selection_unclear"),
        ({"trash": True, "search": None}, "selection_unclear"),
        ({"trash": True, "search": " "}, "selection_unclear"),
    ],
)
async def test_everybody_is_meant_only_on_purpose(
    desk: Desk, ann: AsyncClient, selection: dict[str, Any], code: str
) -> None:
    (index,) = await crowd(desk, 1)
    for path, body in (
        ("/batches", {"selection": selection, "change": {"delete": True}}),
        ("/quota/queries", {"selection": selection}),
    ):
        refused = (await ann.post(path, json=body)).json()["error"]
        assert refused["code"] == code
        assert ('Every account is {"search": ""}.' in refused["message"].replace("every", "Every")) == (
            code != "selection_no_filter"
        )
    assert (await ann.get(f"/accounts/{index}")).status_code == 200


@pytest.mark.parametrize("selection", [{"search": ""}, {"search": "", "provider": "all"}, {"search": "*"}])
async def test_everybody_is_said_by_an_empty_search(desk: Desk, ann: AsyncClient, selection: dict[str, Any]) -> None:
    await crowd(desk, 3)
    assert (await post(ann, {"priority": 3}, selection)).json()["counts"]["total"] == 3


async def test_names_are_taken_beside_filters_that_are_not_given(desk: Desk, ann: AsyncClient) -> None:
    """As clients send them that write down every field."""
    (index, _) = await crowd(desk, 2)
    named = {"auth_indexes": [index], "search": None, "trash": False}
    assert (await post(ann, {"priority": 3}, named)).json()["counts"]["total"] == 1


async def test_secrets_are_shown_masked(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 1)
    answer = await post(ann, {"headers": {"X-Team": "t_FAKE"}, "proxy_url": "http://u:pw_FAKE@10.0.0.1:8"})
    assert "FAKE" not in answer.text
    assert answer.json()["items"][0]["after"] == {"headers": {"X-Team": "***"}, "proxy_url": "http://10.0.0.1:8"}
    assert answer.json()["change"] == {"headers": {"X-Team": "***"}, "proxy_url": "***"}


async def test_a_preview_is_done_once(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 2)
    preview = (await post(ann, {"weight": 3}, params={"preview": True})).json()
    assert (preview["status"], preview["preview"], preview["items"][0]["after"]) == ("previewed", True, {"weight": 3})
    done = await ann.post("/batches", json={"preview": preview["id"]})
    assert (done.status_code, done.json()["preview_of"]) == (200, preview["id"])
    again = await ann.post("/batches", json={"preview": preview["id"]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "batch_preview_used")


async def test_many_go_on_in_the_background(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 1_001)
    answer = await post(ann, {"disable": {"reason": "moving"}})
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    batch_id = answer.json()["id"]
    while (batch := (await ann.get(f"/batches/{batch_id}", params={"page_size": 400})).json())["status"] == "running":
        pass
    assert batch["counts"]["done"] == 1_001
    rows = batch["items"]
    while batch["next"]:
        page = {"page_size": 400, "cursor": batch["next"]}
        batch = (await ann.get(f"/batches/{batch_id}", params=page)).json()
        rows += batch["items"]
    assert [row["row"] for row in rows] == list(range(1_001))
    assert (await ann.get(f"/batches/{batch_id}", params={"outcome": "failed"})).json()["items"] == []


async def test_what_is_in_the_trash_by_then_is_not_in_the_file(desk: Desk, ann: AsyncClient) -> None:
    _, gone = await crowd(desk, 2)
    batch = (await post(ann, {"export": {"format": "cliproxyapi"}})).json()
    assert (await ann.delete(f"/accounts/{gone}", headers={"If-Match": "*"})).is_success
    answer = await ann.get(f"/batches/{batch['id']}/content")
    assert answer.json()["refresh_token"] == "rt_FAKE_acc-fake-0_user-fake-0"


async def test_an_export_is_fetched_afterwards(desk: Desk, ann: AsyncClient) -> None:
    (index,) = await crowd(desk, 1)
    batch = (await post(ann, {"export": {"format": "cliproxyapi", "hand_over": True}})).json()
    assert batch["items"][0]["after"]["refresh_by"] == "other"
    answer = await ann.get(f"/batches/{batch['id']}/content")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["refresh_token"] == "rt_FAKE_acc-fake-0_user-fake-0"
    assert (await ann.get("/audit")).json()["items"][0]["what"] == "account:file:exported"
    await ann.post(f"/batches/{batch['id']}/undo")
    account = (await ann.get(f"/accounts/{index}")).json()
    assert (account["refresh_by"], account["enabled"]) == ("authdeck", True)


async def test_the_same_key_is_answered_with_the_same_batch(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 1)
    answers = [await post(ann, {"note": "x"}, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await post(ann, {"note": "y"}, headers={"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "selection_unclear"),
        ({"selection": {}, "change": {"note": "x"}}, "selection_unclear"),
        ({"selection": {"auth_indexes": [], "search": ""}, "change": {"note": "x"}}, "selection_unclear"),
        ({"selection": {"auth_indexes": []}, "change": {"note": "x"}}, "selection_empty"),
        ({"selection": {"search": ""}}, "change_empty"),
        ({"selection": {"search": ""}, "change": {}}, "change_empty"),
        ({"preview": "0" * 32, "change": {}}, "batch_preview_alone"),
        ({"preview": "0" * 32}, "batch_not_found"),
    ],
)
async def test_what_is_unclear_is_refused(ann: AsyncClient, body: dict[str, Any], code: str) -> None:
    answer = await ann.post("/batches", json=body)
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


async def test_a_merge_keeps_its_own_way_back(desk: Desk, ann: AsyncClient) -> None:
    await crowd(desk, 1)
    parts = [("file", (name, codex("ann@example.com", "", "", refresh_token="rt_FAKE_1"))) for name in ("a.json",)]
    await ann.post("/imports", files=parts)
    (imported, *_) = (await ann.get("/batches", params={"kind": "import"})).json()["items"]
    assert imported["counts"]["new"] == 1
    answer = await ann.post(f"/batches/{imported['id']}/undo")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "batch_not_undoable")


def test_the_description_shows_all_that_a_batch_can_change() -> None:
    assert set(Change.model_fields) == set(KNOWN) >= set(FIELDS)


@pytest.mark.parametrize(
    "change",
    [
        b'{"note": "\\ud800"}',
        b'{"headers": {"X-Team": "\\udfff"}}',
        b'{"disable": {"reason": "\\ud800"}}',
        b'{"\\ud800": true}',
        b'{"note": NaN}',
    ],
)
async def test_half_a_character_is_no_json(ann: AsyncClient, change: bytes) -> None:
    body = b'{"selection": {"search": ""}, "change": ' + change + b"}"
    answer = await ann.post("/batches", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] in {"json_invalid", "request_invalid"}


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-23:59", "2030-01-01T00:00:00", "soon", 7])
async def test_an_end_that_no_clock_shows_is_refused(desk: Desk, ann: AsyncClient, until: Any) -> None:
    await crowd(desk, 1)
    answer = await post(ann, {"disable": {"until": until}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "change_invalid")


async def test_the_last_moment_there_is_can_be_stored_and_read(desk: Desk, ann: AsyncClient) -> None:
    (index,) = await crowd(desk, 1)
    until = {"until": "9999-12-31T23:59:59-23:59"}
    assert (await ann.put(f"/accounts/{index}/disablement", json=until)).status_code == 200
    (reason, *_) = (await ann.get(f"/accounts/{index}")).json()["reasons"]
    assert reason["until"].startswith("9999-12-31T23:59:59")
