"""Documents, revisions, merges and the trash, over HTTP."""

import json

import pytest
from httpx2 import AsyncClient

from authdeck.operations.desk import Desk
from fakes.auth_files import codex, take_in


@pytest.fixture
async def index(desk: Desk) -> str:
    return str((await take_in(desk, ("ann.json", codex(extra="kept")))).items[0].auth_index)


async def put(ann: AsyncClient, index: str, revision: str | None, **changes: object):
    document = (await ann.get(f"/accounts/{index}/document")).json() | changes
    headers = {} if revision is None else {"if-match": revision}
    return await ann.put(f"/accounts/{index}/document", content=json.dumps(document), headers=headers)


async def test_it_works(ann: AsyncClient, index: str) -> None:
    read = await ann.get(f"/accounts/{index}/document")
    made = await put(ann, index, read.headers["etag"], extra="other")
    assert (made.status_code, made.headers["etag"]) == (200, '"2"')
    assert (made.json()["outcome"], made.json()["changed_fields"]) == ("updated", ["extra"])
    shown = (await ann.get(f"/accounts/{index}/revisions/2")).json()
    assert (shown["why"], shown["document"]["extra"], shown["document"]["refresh_token"]) == ("edited", "other", "***")
    found = (await ann.get(f"/accounts/{index}/revisions/2/difference", params={"with": 1})).json()["items"]
    assert {"field": "extra", "change": "changed", "secret": False, "before": "kept", "after": "other"} in found
    back = (await ann.post(f"/accounts/{index}/revisions/1/restoration")).json()
    assert (back["outcome"], back["revision"]) == ("updated", 3)
    assert "FAKE" not in made.text + json.dumps(shown) + json.dumps(found)


@pytest.mark.parametrize(
    ("revision", "changes", "status", "code"),
    [
        (None, {}, 428, "version_required"),
        ('"7"', {"extra": "x"}, 412, "revision_stale"),
        ("*", {"session_token": "***"}, 422, "hidden_value_unknown"),
        ("*", {"account_id": "acc-eve"}, 409, "identity_differs"),
    ],
)
async def test_refusals(
    ann: AsyncClient, index: str, revision: str | None, changes: dict[str, str], status: int, code: str
) -> None:
    answer = await put(ann, index, revision, **changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_merge_unmerge_split_and_purge(ann: AsyncClient, desk: Desk, index: str) -> None:
    bare = json.dumps({"type": "codex", "email": "ann@example.com", "access_token": "a", "refresh_token": "rt_FAKE_b"})
    other = str((await take_in(desk, ("bare.json", bare.encode()))).items[0].auth_index)
    (near,) = (await ann.get(f"/accounts/{other}/near")).json()["items"]
    assert (near["auth_index"], near["why"], near["can_merge"]) == (index, ["same_email"], True)
    merged = (await ann.post(f"/accounts/{other}/merge", json={"into": index})).json()
    assert merged["account"]["auth_index"] == index
    assert other in merged["account"]["aliases"]
    assert (await ann.get(f"/accounts/{other}")).json()["auth_index"] == index
    apart = await ann.post(f"/accounts/{index}/unmerge", json={"merged": other})
    assert apart.status_code == 200
    assert (await ann.get(f"/accounts/{other}")).json()["auth_index"] == other
    assert (await ann.get(f"/accounts/{other}/dependents")).json()["requests"] == 0
    refused = await ann.post(f"/accounts/{other}/split", json={"revision": 1})
    assert refused.json()["error"]["code"] == "split_leaves_nothing"
    assert (await ann.delete(f"/trash/{other}")).json()["error"]["code"] == "not_in_trash"
    await ann.delete(f"/accounts/{other}", headers={"if-match": "*"})
    (trashed,) = (await ann.get("/trash")).json()["items"]
    assert trashed["dependents"]["aliases"] == []
    assert (await ann.delete(f"/trash/{other}")).status_code == 204
    assert (await ann.delete(f"/trash/{other}")).status_code == 404
    assert (await ann.get("/trash")).json()["total"] == 0
