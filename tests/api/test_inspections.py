"""``/inspections`` and ``/schedules``: who may, what is refused, and how answers look."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from authdeck.operations.desk import Desk
from fakes.auth_files import codex, take_in
from fakes.people import BOB, VERA


async def ended(client: AsyncClient, run: str) -> dict[str, Any]:
    """The run when it is over, by its own events."""
    answer = await client.get(f"/inspections/{run}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    found: dict[str, Any] = (await client.get(f"/inspections/{run}")).json()
    return found


@pytest.fixture
def key_file() -> tuple[str, bytes]:
    """An account that no provider has to be asked about."""
    return "gemini.json", b'{"type": "gemini", "api_key": "AIzaFAKE_ann", "email": "ann@example.com"}'


async def test_it_works(ann: AsyncClient, desk: Desk, key_file: tuple[str, bytes]) -> None:
    await take_in(desk, key_file)
    begun = await ann.post("/inspections", json={"provider": "gemini"})
    assert begun.status_code == 202
    run = await ended(ann, begun.json()["id"])
    assert (run["status"], run["done"], run["counts"], run["dry_run"]) == ("completed", 1, {"keep": 1}, False)
    assert run["policy"] == {
        "may": [], "refresh": False, "threshold": 100, "workers": 4, "timeout": 60, "retries": 0
    }  # fmt: skip
    page = (await ann.get(f"/inspections/{run['id']}/results")).json()
    (row,) = page["items"]
    assert (row["action"], row["reason"]["code"], row["outcome"]) == ("keep", "quota_not_offered", None)
    assert page["total"] == 1
    assert (await ann.get("/inspections")).json()["items"][0]["id"] == run["id"]
    latest = (await ann.get(f"/accounts/{row['auth_index']}/inspection")).json()
    assert latest["result"]["reason"] == row["reason"]


async def test_runs_about_the_same_are_compared(ann: AsyncClient, desk: Desk, key_file: tuple[str, bytes]) -> None:
    await take_in(desk, key_file)
    first = await ended(ann, (await ann.post("/inspections", json={})).json()["id"])
    assert (await ann.get(f"/inspections/{first['id']}/comparison")).status_code == 404
    desk.clock.move(minutes=1)  # type: ignore[attr-defined]
    second = await ended(ann, (await ann.post("/inspections", json={})).json()["id"])
    told = (await ann.get(f"/inspections/{second['id']}/comparison")).json()
    assert told == {
        "inspection": second["id"],
        "compared_to": first["id"],
        "items": [{"before": "keep", "now": "keep", "count": 1}],
    }


async def test_exports(ann: AsyncClient, desk: Desk) -> None:
    await take_in(desk, ("=cmd.json", b'{"type": "gemini", "api_key": "AIzaFAKE_ann"}'))
    run = await ended(ann, (await ann.post("/inspections", json={})).json()["id"])
    lines = (await ann.get(f"/inspections/{run['id']}/export")).text.splitlines()
    assert len(lines) == 1
    text = (await ann.get(f"/inspections/{run['id']}/export", params={"format": "csv"})).text
    assert "'=cmd.json" in text
    assert "FAKE" not in text + lines[0]


async def test_who_may(as_: As, desk: Desk, key_file: tuple[str, bytes]) -> None:
    await take_in(desk, key_file)
    assert (await as_(VERA).post("/inspections", json={})).status_code == 403
    assert (await as_(VERA).post("/schedules", json={})).status_code == 403
    run = await ended(as_(VERA), (await as_(BOB).post("/inspections", json={})).json()["id"])
    assert run["actor"] == BOB.name
    assert (await as_(VERA).post(f"/inspections/{run['id']}/cancel")).status_code == 403
    assert (await as_(None).get("/inspections")).status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"provider": "kimi"}, "selection_empty"),
        ({"provider": "nobody"}, "filter_invalid"),
        ({"auth_indexes": ["nobody"]}, "account_not_found"),
        ({"auth_indexes": ["a"], "search": "b"}, "selection_unclear"),
        ({"provider": None}, "selection_filter_empty"),
        ({"kind": ""}, "selection_filter_empty"),
        ({"state": ["all"]}, "selection_unclear"),
        ({"page_size": 50, "sample": 1}, "selection_no_filter"),
    ],
)
async def test_what_is_refused(ann: AsyncClient, body: dict[str, Any], code: str) -> None:
    answer = await ann.post("/inspections", json=body)
    assert answer.json()["error"]["code"] == code


async def test_suggestions_that_need_a_look_at_each(ann: AsyncClient, desk: Desk, key_file: tuple[str, bytes]) -> None:
    await take_in(desk, key_file)
    run = await ended(ann, (await ann.post("/inspections", json={})).json()["id"])
    path = f"/inspections/{run['id']}/actions"
    assert (await ann.post(path, json={"action": "reauth"})).json()["error"]["code"] == "inspection_action_alone"
    assert (await ann.post(path, json={"action": "delete"})).json()["error"]["code"] == "selection_empty"


async def test_schedules(ann: AsyncClient) -> None:
    asked = {"name": "Night", "timing": {"times": ["03:00"], "zone": "Europe/Berlin"}, "policy": {"may": ["enable"]}}
    made = await ann.post("/schedules", json=asked)
    assert made.status_code == 201
    found = made.json()
    assert (found["enabled"], found["policy"]["may"], found["created_by"]) == (True, ["enable"], "ann")
    path = f"/schedules/{found['id']}"
    changed = (await ann.patch(path, json={"timing": {"every": 30}})).json()
    assert (changed["timing"], changed["name"]) == ({"every": 30}, "Night")
    assert (await ann.patch(path, json={"enabled": False})).json()["next_at"] is None
    assert [each["id"] for each in (await ann.get("/schedules")).json()["items"]] == [found["id"]]
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).json()["error"]["code"] == "schedule_not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"timing": {"every": 60}}, "schedule_invalid"),
        ({"name": "x"}, "schedule_invalid"),
        ({"name": "x", "timing": {"every": 1}}, "timing_invalid"),
        ({"name": "x", "timing": {"times": ["03:00"], "zone": "Nowhere"}}, "timing_invalid"),
    ],
)
async def test_what_is_no_schedule(ann: AsyncClient, body: dict[str, Any], code: str) -> None:
    answer = await ann.post("/schedules", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_an_account_that_was_not_inspected(ann: AsyncClient, desk: Desk) -> None:
    report = await take_in(desk, ("ann.json", codex()))
    answer = await ann.get(f"/accounts/{report.items[0].auth_index}/inspection")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "account_not_inspected")


async def test_the_same_call_with_the_same_key_begins_one_run(
    ann: AsyncClient, desk: Desk, key_file: tuple[str, bytes]
) -> None:
    await take_in(desk, key_file)
    asked = {"policy": {"threshold": 90}}
    begun = [await ann.post("/inspections", json=asked, headers={"Idempotency-Key": "i-1"}) for _ in range(2)]
    assert [answer.status_code for answer in begun] == [202, 202]
    assert begun[0].json()["id"] == begun[1].json()["id"]
    assert len((await ann.get("/inspections")).json()["items"]) == 1
    other = await ann.post("/inspections", json={}, headers={"Idempotency-Key": "i-1"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
