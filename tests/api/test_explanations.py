"""Why an account is, or is not, used: over HTTP."""

from pathlib import Path

import pytest
from httpx2 import AsyncClient

from authdeck import server
from authdeck.operations import edit_accounts
from authdeck.operations.desk import Desk
from authdeck.operations.explain_routing import explain_account
from authdeck.settings import load
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.laid import lay
from fakes.people import ANN


@pytest.fixture
async def index(desk: Desk) -> str:
    report = await take_in(desk, ("ann.json", codex()))
    return str(report.items[0].auth_index)


async def test_it_works(ann: AsyncClient, index: str) -> None:
    answer = await ann.post("/routing/explanation", json={"route": "responses", "model": "gpt-5"})
    found = answer.json()
    assert (found["route"], found["model"], found["total"], found["refused"]) == ("responses", "gpt-5", 1, None)
    (item,) = found["items"]
    assert (item["auth_index"], item["used"], item["tier"]) == (index, False, 1)
    assert [(reason["owner"], reason["code"]) for reason in item["reasons"]] == [("terms", "terms_not_acknowledged")]
    await ann.put("/terms/codex/acknowledgement", json={})
    (item,) = (await ann.post("/routing/explanation", json={"path": "/v1/responses"})).json()["items"]
    assert (item["used"], item["tier"], item["turn"], item["reasons"]) == (True, 1, 1, [])


async def test_one_account_by_name_and_accounts_by_search(ann: AsyncClient, desk: Desk, index: str) -> None:
    await take_in(desk, ("bob.json", codex("bob@example.com", "acc-fake-2", "user-fake-2")))
    named = {"route": "messages", "auth_index": index}
    (item,) = (await ann.post("/routing/explanation", json=named)).json()["items"]
    assert [reason["code"] for reason in item["reasons"]] == ["route_not_served", "terms_not_acknowledged"]
    assert item["reasons"][0]["clear_sentence"]
    searched = {"route": "responses", "accounts": {"search": "bob", "page_size": 1}}
    assert (await ann.post("/routing/explanation", json=searched)).json()["total"] == 1


async def test_one_account_is_no_search_for_its_name(ann: AsyncClient, desk: Desk, index: str) -> None:
    note = codex("bob@example.com", "acc-fake-2", "user-fake-2", note=f"was {index}, then ann.json")
    await take_in(desk, ("bob.json", note))
    for name in (index, "ann.json"):
        found = (await ann.post("/routing/explanation", json={"route": "responses", "auth_index": name})).json()
        assert ([item["auth_index"] for item in found["items"]], found["total"], found["next"]) == ([index], 1, None)


async def test_a_client_key_that_may_not_ask_this(ann: AsyncClient, index: str) -> None:
    made = await ann.post("/client-keys", json={"name": "night", "scope": {"models": ["gpt-4*"]}})
    body = {"route": "responses", "model": "gpt-5", "client_key": made.json()["name"], "auth_index": index}
    assert (await ann.post("/routing/explanation", json=body)).json()["refused"]["code"] == "client_key_not_allowed"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "route_needed"),
        ({"path": "/v1/models"}, 422, "route_needed"),
        ({"path": "/nowhere"}, 404, "route_unknown"),
        ({"route": "responses", "client_key": "nobody"}, 404, "client_key_not_found"),
        ({"route": "responses", "auth_index": "nobody"}, 404, "account_not_found"),
        ({"route": "responses", "accounts": {"sort": "colour"}}, 400, "sort_unknown"),
    ],
)
async def test_a_question_that_can_not_be_read(
    ann: AsyncClient, body: dict[str, object], status: int, code: str
) -> None:
    answer = await ann.post("/routing/explanation", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_the_reasons_of_an_account_for_a_request(ann: AsyncClient, index: str) -> None:
    general = (await ann.get(f"/accounts/{index}/reasons")).json()
    assert [reason["code"] for reason in general["items"]] == ["terms_not_acknowledged"]
    asked = (await ann.get(f"/accounts/{index}/reasons", params={"route": "messages"})).json()
    assert [reason["owner"] for reason in asked["items"]] == ["route", "terms"]


async def test_a_list_tells_a_token_that_another_program_let_run_out(
    ann: AsyncClient, desk: Desk, clock: SetClock, index: str
) -> None:
    await ann.put("/terms/codex/acknowledgement", json={})
    await edit_accounts.edit(desk, index, ANN, {"refresh_by": "other"}, version=None)
    clock.move(days=400)
    (listed,) = (await ann.get("/accounts")).json()["items"]
    assert [(reason["owner"], reason["code"]) for reason in listed["reasons"]] == [("token", "token_expired")]
    assert listed["reasons"] == (await ann.get(f"/accounts/{index}/reasons")).json()["items"]
    assert listed["reasons"] == (await ann.get(f"/accounts/{index}")).json()["reasons"]


async def test_where_accounts_are_picked_by_weight_a_list_tells_a_weight_of_nothing(
    tmp_path: Path, clock: SetClock
) -> None:
    built = await server.build(load({}, home=lay(tmp_path), routing={"strategy": "weighted"}), clock)
    await built.start()
    try:
        index = str((await take_in(built.desk, ("ann.json", codex()))).items[0].auth_index)
        await edit_accounts.edit(built.desk, index, ANN, {"weight": 0}, version=None)
        (entry,) = built.desk.directory.entries()
        listed = built.desk.directory.reasons(entry, built.desk.now())
        assert [reason.code for reason in listed] == ["terms_not_acknowledged", "weight_zero"]
        assert explain_account(built.desk, built.pool, entry) == listed
    finally:
        await built.stop()
