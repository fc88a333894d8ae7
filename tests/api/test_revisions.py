"""Documents, revisions, merges and the trash, over HTTP."""

import json

import pytest
from httpx2 import AsyncClient

from authdeck.operations.desk import Desk
from fakes.auth_files import codex, take_in
from fakes.documents import seeds


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


async def test_a_number_that_no_revision_can_have_is_refused(ann: AsyncClient, index: str) -> None:
    refused = await ann.get(f"/accounts/{index}/revisions/1/difference", params={"with": 2**63})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request_invalid")


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


async def test_the_document_has_the_settings_that_differ_and_putting_it_back_changes_nothing(
    ann: AsyncClient, index: str
) -> None:
    settings = {
        "note": "mine", "priority": 7, "excluded_models": ["gpt-5-*"], "headers": {"X-Team": "FAKE-team"},
        "proxy_url": "http://ann:pw_FAKE@proxy.example.com:8080",
    }  # fmt: skip
    patched = await ann.patch(f"/accounts/{index}", json=settings, headers={"if-match": "*"})
    assert patched.status_code == 200, patched.text
    await ann.put(f"/accounts/{index}/disablement", json={})
    read = await ann.get(f"/accounts/{index}/document")
    shown = read.json()
    assert (shown["note"], shown["priority"], shown["excluded_models"]) == ("mine", 7, ["gpt-5-*"])
    assert (shown["headers"], shown["disabled"], shown["extra"]) == ({"X-Team": "***"}, True, "kept")
    assert shown["proxy_url"] == "http://***@proxy.example.com:8080"
    assert "FAKE" not in read.text
    assert read.headers["etag"] == '"1"'
    same = await put(ann, index, '"1"')
    assert (same.json()["outcome"], same.json()["revision"]) == ("unchanged", 1)
    opened = (await ann.get(f"/accounts/{index}/document", params={"reveal": True})).json()
    assert (opened["headers"], opened["note"]) == ({"X-Team": "FAKE-team"}, "mine")
    assert opened["proxy_url"] == settings["proxy_url"]


async def test_settings_that_were_shown_do_not_get_into_the_revision(ann: AsyncClient, index: str) -> None:
    await ann.patch(f"/accounts/{index}", json={"note": "mine", "priority": 7}, headers={"if-match": "*"})
    made = (await put(ann, index, '"1"', extra="other")).json()
    assert (made["changed_fields"], made["notes"]) == (["extra"], [])
    stored = (await ann.get(f"/accounts/{index}/revisions/2")).json()["document"]
    assert stored["extra"] == "other"
    assert not stored.keys() & {"note", "priority"}
    made = (await put(ann, index, '"2"', note="in the file")).json()
    assert [note["code"] for note in made["notes"]] == ["settings_not_applied"]
    assert (await ann.get(f"/accounts/{index}")).json()["note"] == "mine"
    assert (await ann.get(f"/accounts/{index}/document")).json()["note"] == "mine"


async def test_where_nothing_differs_the_document_has_the_bytes_that_came(ann: AsyncClient, desk: Desk) -> None:
    taken = 0
    for number, seed in enumerate(seeds("cliproxyapi", "api_key")):
        content = seed.replace(b"rt_FAKE", b"rt_FAKE_%d" % number)
        (row,) = (await take_in(desk, (f"{number}.json", content))).items
        if row.auth_index is None:
            continue  # a private key that is a fake
        taken += 1
        read = await ann.get(f"/accounts/{row.auth_index}/document", params={"reveal": True})
        assert read.content == content, row
        back = await put(ann, str(row.auth_index), '"1"')
        assert back.json()["outcome"] == "unchanged", back.text
    assert taken >= 7


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
