"""Quota windows, evidence and the release of holds, over the API."""

import json

import pytest_asyncio
from httpx2 import AsyncClient

from api.conftest import As
from authdeck.operations.desk import Desk
from authdeck.operations.observe import Failed, Observer
from authdeck.providers import PROVIDERS
from fakes.auth_files import codex, take_in
from fakes.people import BOB, VERA

HEADERS = {
    "x-codex-primary-used-percent": "100",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1795442400",
    "x-codex-review-primary-used-percent": "12",
    "x-codex-review-primary-window-minutes": "10080",
}
WINDOW = {"auth_index", "window", "scope", "used_percent", "resets_at", "source", "accuracy", "observed_at"}


async def refuse(desk: Desk, auth_index: str, status: int, body: dict, headers: dict[str, str]) -> None:
    entry = desk.directory.get(auth_index)
    assert entry is not None
    content = json.dumps(body).encode()
    verdict = PROVIDERS[entry.account.provider].read_failure(status, headers, content, desk.now(), "gpt-5")
    observer = Observer(desk)
    observer.failed(Failed(entry.account, entry.account.generation, verdict, headers, content, "a" * 32))
    await observer.flush()


@pytest_asyncio.fixture
async def index(desk: Desk) -> str:
    report = await take_in(desk, ("ann.json", codex()))
    auth_index = str(report.items[0].auth_index)
    await refuse(desk, auth_index, 429, {"error": {"type": "usage_limit_reached"}}, HEADERS)
    return auth_index


async def test_it_works(ann: AsyncClient, index: str) -> None:
    answer = (await ann.get("/quota", params={"auth_index": index})).json()
    assert answer["total"] == 2
    five_hour, weekly = answer["items"]
    assert five_hour.keys() >= WINDOW
    assert (five_hour["window"], five_hour["used_percent"], five_hour["is_full"]) == ("five_hour", 100, True)
    assert (five_hour["source"], five_hour["accuracy"]) == ("header", "exact")
    assert five_hour["resets_at"] == "2026-11-23T14:00:00Z"
    assert five_hour["observed_at"] == "2026-11-23T12:00:00Z"
    assert (weekly["window"], weekly["scope"], weekly["resets_at"]) == ("weekly", "codex_review", None)


async def test_all_accounts_page_by_page(ann: AsyncClient, desk: Desk, index: str) -> None:
    bob = (await take_in(desk, ("bob.json", codex("bob@example.com", "acc-fake-2", "user-fake-2")))).items[0]
    await refuse(desk, str(bob.auth_index), 429, {"error": {"type": "usage_limit_reached"}}, HEADERS)
    first = (await ann.get("/quota", params={"page_size": 1})).json()
    second = (await ann.get("/quota", params={"page_size": 1, "cursor": first["next"]})).json()
    named = [item["auth_index"] for page in (first, second) for item in page["items"]]
    assert set(named) == {index, bob.auth_index}
    assert second["next"] is None
    assert (await ann.get("/quota", params={"cursor": "x"})).json()["error"]["code"] == "cursor_invalid"


async def test_a_cooldown_says_who_saw_what_until_when(ann: AsyncClient, index: str) -> None:
    account = (await ann.get(f"/accounts/{index}")).json()
    assert account["health"] == "exhausted"
    reason = next(reason for reason in account["reasons"] if reason["owner"] == "cooldown")
    assert (reason["source"], reason["window"], reason["until"]) == ("response", "five_hour", "2026-11-23T14:00:00Z")
    (row,) = (await ann.get(f"/accounts/{index}/evidence")).json()["items"]
    assert (row["id"], row["code"], row["count"]) == (reason["evidence"], "usage_limit_reached", 1)
    assert (row["signal"], row["status"], row["sentence"]) == ("quota", 429, "The account's usage limit is reached.")


async def test_a_person_releases_it(ann: AsyncClient, as_: As, index: str) -> None:
    path = f"/accounts/{index}/holds/cooldown/usage_limit_reached"
    for _ in range(2):
        answer = await as_(BOB).delete(path)
        assert answer.status_code == 200
    assert "cooldown" not in {reason["owner"] for reason in answer.json()["reasons"]}
    await ann.put("/terms/codex/acknowledgement", json={})
    (listed,) = (await ann.get("/accounts", params={"problem": "true", "codex_status": "five_hour_limited"})).json()[
        "items"
    ]
    (explained,) = (await ann.post("/routing/explanation", json={"route": "responses"})).json()["items"]
    assert (listed["health"], explained["used"]) == ("exhausted", True)
    assert listed["reasons"] == explained["reasons"] == (await ann.get(f"/accounts/{index}/reasons")).json()["items"]
    assert [(reason["code"], reason["stops"]) for reason in listed["reasons"]] == [("limit_shown_full", False)]
    (entry,) = [row for row in (await ann.get("/audit")).json()["items"] if row["what"] == "account:hold:released"]
    assert entry["after"] == {"owner": "cooldown", "code": "usage_limit_reached"}
    assert (await as_(VERA).post(f"{path}/restoration")).status_code == 403
    back = await as_(BOB).post(f"{path}/restoration")
    assert back.status_code == 200
    assert "cooldown" in {reason["owner"] for reason in back.json()["reasons"]}


async def test_a_hold_that_never_was_is_not_found(as_: As, index: str) -> None:
    answer = await as_(BOB).delete(f"/accounts/{index}/holds/cooldown/never")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "hold_not_found")


async def test_a_viewer_may_not_release(as_: As, index: str) -> None:
    answer = await as_(VERA).delete(f"/accounts/{index}/holds/cooldown/usage_limit_reached")
    assert answer.status_code == 403


async def test_the_link_to_the_provider_is_for_operators(ann: AsyncClient, as_: As, desk: Desk, index: str) -> None:
    gemini = await take_in(desk, ("g.json", b'{"type": "gemini", "api_key": "AIzaFAKE00000000000000000000000000000"}'))
    auth_index = str(gemini.items[0].auth_index)
    link = "https://accounts.google.com/signin/continue?FAKE"
    details = [{"reason": "VALIDATION_REQUIRED", "metadata": {"validation_link": link}}]
    await refuse(desk, auth_index, 403, {"error": {"message": "Verify your account", "details": details}}, {})
    path = f"/accounts/{auth_index}/evidence"
    assert (await ann.get(path)).json()["items"][0]["link"] == link
    assert (await as_(VERA).get(path)).json()["items"][0]["link"] is None
    assert (await ann.get(f"/accounts/{auth_index}")).json()["health"] == "needs_review"
    assert index


async def test_state_is_rebuilt(ann: AsyncClient, index: str) -> None:
    answer = (await ann.post("/checkup/state")).json()
    assert answer == {"items": [], "next": None, "total": 0, "facets": {}}
    assert index


async def test_headers_seen_are_told_with_their_age_and_request(ann: AsyncClient, index: str) -> None:
    answer = (await ann.get(f"/accounts/{index}/seen-headers")).json()
    assert answer["total"] == len(HEADERS)
    assert {"name": "x-codex-review-primary-used-percent", "value": "12", "observed_at": "2026-11-23T12:00:00Z",
            "request_id": "a" * 32} in answer["items"]  # fmt: skip
    assert (await ann.get("/accounts/nobody/seen-headers")).status_code == 404


async def test_credits_that_an_answer_told_stand_in_the_quota_report(ann: AsyncClient, desk: Desk, index: str) -> None:
    assert (await ann.get(f"/accounts/{index}/quota")).json()["extras"]["credits"] is None
    told = {"x-codex-credits-has-credits": "True", "x-codex-credits-balance": "25.5", "x-codex-active-limit": "codex"}
    await refuse(desk, index, 429, {"error": {"type": "usage_limit_reached"}}, HEADERS | told)
    extras = (await ann.get(f"/accounts/{index}/quota")).json()["extras"]
    assert (extras["credits"]["granted"], extras["credits"]["balance"]) == (True, 25.5)
    assert extras["ages"] == {"credits": {"observed_at": "2026-11-23T12:00:00Z", "source": "header"}}
    (said,) = extras["said"]
    assert (said["code"], said["label"], said["text"]) == ("active_limit", "Limit that counts", "codex")
    assert (said["header"], said["request_id"]) == ("x-codex-active-limit", "a" * 32)
