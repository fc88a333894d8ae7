"""``/candidates`` and ``/incidents``: rows, counts, answers, and changes of accounts that answer rows."""

from httpx2 import AsyncClient

from authdeck.operations.desk import Desk
from fakes.auth_files import codex, take_in
from fakes.people import BOB, VERA
from fakes.questions import CLOSED, UNCLEAR, ask, break_down


async def people(desk: Desk, *names: str) -> dict[str, str]:
    files = [(f"{who}.json", codex(f"{who}@example.com", f"acc-fake-{who}", f"user-fake-{who}")) for who in names]
    rows = (await take_in(desk, *files)).items
    return {who: str(row.auth_index) for who, row in zip(names, rows, strict=True)}


async def test_it_works(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann", "bob")
    key = await ask(desk, found["ann"], hits=14)
    await ask(desk, found["bob"], UNCLEAR, link="https://example.com/verify")
    answer = (await ann.get("/candidates")).json()
    assert (answer["total"], answer["next"]) == (2, None)
    assert answer["facets"]["action"] == {"reauth": 1, "review": 1}
    first = answer["items"][0]
    assert (first["id"], first["auth_index"], first["hits"]) == (key, found["ann"], 14)
    assert first["sentence"] == "The provider revoked this sign-in."
    assert len(first["request_id"]) == 32
    assert first["links"] == {
        "account": f"/auth-files/{found['ann']}",
        "request": f"/monitoring/{first['request_id']}",
        "sign_in": f"/oauth-login?account={found['ann']}",
    }
    assert answer["items"][1]["link"] == "https://example.com/verify"


async def test_pages_follow_each_other(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann", "bob", "mia")
    keys = {await ask(desk, index) for index in found.values()}
    first = (await ann.get("/candidates", params={"page_size": 2})).json()
    second = (await ann.get("/candidates", params={"page_size": 2, "cursor": first["next"]})).json()
    assert {item["id"] for item in first["items"] + second["items"]} == keys
    assert second["next"] is None
    wrong = await ann.get("/candidates", params={"cursor": "x"})
    assert wrong.json()["error"]["code"] == "cursor_invalid"


async def test_rows_rest_close_and_open_again(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann")
    key = await ask(desk, found["ann"])
    preview = await ann.post("/candidates/ignore", params={"preview": True}, json={"ids": [key]})
    assert (preview.json()["status"], preview.json()["counts"]["done"]) == ("previewed", 1)
    assert (await ann.get(f"/candidates/{key}")).json()["status"] == "pending"
    ignored = (await ann.post("/candidates/ignore", json={"ids": [key]})).json()
    assert (ignored["counts"]["done"], ignored["items"][0]["after"]["queues"]["token_revoked"]["status"]) == (
        1, "ignored",
    )  # fmt: skip
    row = (await ann.get(f"/candidates/{key}")).json()
    assert (row["status"], row["resolution"], row["closed_by"], row["ignored_until"]) == (
        "ignored", "person", "ann", None,
    )  # fmt: skip
    assert row["links"]["change"] == f"/batches/{ignored['id']}"
    await ann.post(f"/batches/{ignored['id']}/undo")
    assert (await ann.get(f"/candidates/{key}")).json()["status"] == "pending"
    await ann.post("/candidates/ignore", json={"ids": [key], "until": "2099-01-01T00:00:00Z"})
    again = await ann.post("/candidates/reopen", json={"ids": [key]})
    assert again.json()["counts"]["done"] == 1
    closed = await ann.post("/candidates/resolve", json={"filters": {"reason": "token_revoked"}})
    assert closed.json()["counts"]["done"] == 1
    row = (await ann.get(f"/candidates/{key}")).json()
    assert row["resolution_sentence"] == "Marked as done by ann."
    audit = (await ann.get("/audit")).json()["items"]
    assert {"queue:rows:ignored", "queue:rows:asked_again", "queue:rows:resolved"} <= {each["what"] for each in audit}


async def test_a_change_is_previewed_done_and_undone(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann", "bob")
    keys = [await ask(desk, found["ann"], CLOSED), await ask(desk, found["bob"])]
    wish = {"ids": keys, "act": "disable", "reason": "closed by its owner"}
    preview = (await ann.post("/candidates/batch", params={"preview": True}, json=wish)).json()
    assert (preview["status"], preview["counts"]["done"]) == ("previewed", 2)
    assert (await ann.get(f"/accounts/{found['ann']}")).json()["enabled"]
    done = (await ann.post("/batches", json={"preview": preview["id"]})).json()
    assert not (await ann.get(f"/accounts/{found['ann']}")).json()["enabled"]
    assert (await ann.get(f"/candidates/{keys[0]}")).json()["batch"] == done["id"]
    await ann.post(f"/batches/{done['id']}/undo")
    assert (await ann.get("/candidates")).json()["total"] == 2


async def test_a_moment_without_a_zone_or_in_the_past_is_refused(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann")
    key = await ask(desk, found["ann"])
    for until, code in (("2099-01-01T00:00:00", "change_invalid"), ("2020-01-01T00:00:00Z", "ignored_until_past")):
        answer = await ann.post("/candidates/ignore", json={"ids": [key], "until": until})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_all_open_rows_are_said_by_an_empty_search(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann", "bob")
    keys = [await ask(desk, found["ann"]), await ask(desk, found["bob"])]
    ignored = await ann.post("/candidates/ignore", json={"ids": keys[:1]})
    assert ignored.json()["counts"]["done"] == 1
    closed = await ann.post("/candidates/resolve", json={"filters": {"search": ""}})
    assert [row["outcome"] for row in closed.json()["items"]] == ["done"]


async def test_rows_are_named_one_way(ann: AsyncClient) -> None:
    for body in ({}, {"ids": [1], "filters": {}}):
        answer = await ann.post("/candidates/resolve", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "queue_selection_unclear")
    for filters in ({}, {"provider": None}, {"reason": ""}, {"search": " "}, {"search": "", "status": []}):
        answer = await ann.post("/candidates/resolve", json={"filters": filters})
        code = "selection_filter_empty" if filters else "queue_selection_unclear"
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    answer = await ann.post("/candidates/resolve", json={"ids": [], "filters": {}})
    assert answer.json()["error"]["code"] == "queue_selection_unclear"
    assert (await ann.get("/candidates/404")).json()["error"]["code"] == "candidate_not_found"


async def test_who_only_looks_sees_no_link_and_answers_nothing(as_, desk: Desk) -> None:
    found = await people(desk, "ann")
    key = await ask(desk, found["ann"], UNCLEAR, link="https://example.com/verify?state=FAKE")
    assert (await as_(VERA).get(f"/candidates/{key}")).json()["link"] is None
    assert (await as_(BOB).get(f"/candidates/{key}")).json()["link"] is not None
    assert (await as_(VERA).post("/candidates/resolve", json={"ids": [key]})).status_code == 403


async def test_incidents_are_listed_and_closed(ann: AsyncClient, desk: Desk) -> None:
    opened = await break_down(desk)
    (row,) = (await ann.get("/incidents", params={"open": True})).json()["items"]
    assert (row["id"], row["sentence"], row["count"]) == (opened.key, "codex has an outage", 48)
    closed = (await ann.post(f"/incidents/{opened.key}/close")).json()
    assert closed["closed_by"] == "ann"
    assert (await ann.get("/incidents", params={"open": True})).json()["total"] == 0
    assert (await ann.get("/incidents")).json()["total"] == 1


async def test_the_metrics_count_what_is_open(ann: AsyncClient, desk: Desk) -> None:
    found = await people(desk, "ann")
    await ask(desk, found["ann"])
    await break_down(desk)
    told = (await ann.get("http://localhost/metrics")).text
    assert 'authdeck_queue_open{action="reauth"} 1.0' in told
    assert "authdeck_incidents_open 1.0" in told
