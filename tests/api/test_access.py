"""Client keys, terms, upstreams, operators, sign-in links, audit and check-up."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import update

from api.conftest import As
from authdeck.clock import SystemClock
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.desk import Desk
from authdeck.storage.tables import audit, revisions
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB, VERA


async def test_a_client_key_is_shown_once_and_works_at_once(ann: AsyncClient, desk: Desk) -> None:
    keys = ClientKeys(desk)
    await keys.start()
    answer = await ann.post("/client-keys", json={"name": "Ann's laptop", "scope": {"models": ["gpt-*"]}})
    made = answer.json()
    assert (answer.status_code, made["name"]) == (201, "Ann's laptop")
    found = keys.find(made["key"])
    assert found is not None
    assert found.id == made["id"]
    listed = (await ann.get("/client-keys")).json()["items"]
    assert [(key["id"], key["scope"]["models"]) for key in listed] == [(made["id"], ["gpt-*"])]
    assert made["key"] not in str(listed)


async def test_a_revoked_client_key_works_no_more(ann: AsyncClient, desk: Desk) -> None:
    keys = ClientKeys(desk)
    await keys.start()
    made = (await ann.post("/client-keys", json={"name": "old"})).json()
    assert (await ann.delete(f"/client-keys/{made['id']}")).status_code == 204
    assert keys.find(made["key"]) is None
    assert (await ann.get("/client-keys")).json()["items"][0]["revoked_at"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": 5}, {"name": "a" * 101}, {"name": "a\nb"}, {"name": "a", "surprise": 1},
        {"name": "a", "scope": {"colours": []}}, {"name": "a", "scope": {"models": "gpt"}},
        {"name": "a", "expires_at": "soon"}, {"name": "a", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "a", "rate_limit": 0},
    ],
)  # fmt: skip
async def test_a_bad_client_key_is_refused(ann: AsyncClient, body: dict[str, object]) -> None:
    answer = await ann.post("/client-keys", json=body)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["message"]
    assert (await ann.get("/client-keys")).json()["items"] == []


async def test_acknowledged_terms_take_the_reason_away(ann: AsyncClient, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    answer = await ann.put("/terms/codex/acknowledgement", json={})
    assert (answer.json()["acknowledged"], answer.json()["acknowledged_by"]) == (True, "ann")
    assert (await ann.get("/accounts/ann.json/reasons")).json()["items"] == []
    withdrawn = await ann.delete("/terms/codex/acknowledgement")
    assert withdrawn.json()["acknowledged"] is False
    assert len((await ann.get("/accounts/ann.json/reasons")).json()["items"]) == 1


async def test_terms_say_their_text_and_only_an_admin_acknowledges(as_: As) -> None:
    listed = (await as_(VERA).get("/terms")).json()["items"]
    assert {terms["provider"] for terms in listed} == {"codex", "claude", "antigravity", "kimi", "xai"}
    assert all(len(terms["text"]) > 40 for terms in listed)
    assert (await as_(BOB).put("/terms/codex/acknowledgement", json={})).status_code == 403
    unknown = await as_(ANN).put("/terms/gemini/acknowledgement", json={})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "terms_not_needed")


async def test_an_approved_origin_is_listed_until_it_is_withdrawn(ann: AsyncClient) -> None:
    made = await ann.post("/upstreams", json={"url": "https://API.example.com/v1"})
    assert (made.status_code, made.json()["origin"]) == (201, "https://api.example.com")
    assert (await ann.get("/upstreams")).json()["total"] == 1
    assert (await ann.delete("/upstreams", params={"origin": "https://api.example.com"})).status_code == 204
    again = await ann.delete("/upstreams", params={"origin": "https://api.example.com"})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "upstream_not_found")


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "https://user:pw_FAKE@example.com"])
async def test_what_is_no_address_is_not_approved(ann: AsyncClient, url: str) -> None:
    answer = await ann.post("/upstreams", json={"url": url})
    assert answer.status_code in {400, 422}
    assert "pw_FAKE" not in answer.text


async def test_an_operators_key_works_until_it_is_revoked(as_: As) -> None:
    await as_(ANN).post("/operators", json={"name": "eve", "role": "viewer"})
    made = (await as_(ANN).post("/operators/eve/keys")).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    assert (await as_(None).get("/accounts", headers=headers)).status_code == 200
    wrong = await as_(ANN).delete(f"/operators/bob/keys/{made['id']}")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "admin_key_not_found")
    assert (await as_(ANN).delete(f"/operators/eve/keys/{made['id']}")).status_code == 204
    assert (await as_(None).get("/accounts", headers=headers)).status_code == 401
    eve = next(one for one in (await as_(ANN).get("/operators")).json()["items"] if one["name"] == "eve")
    assert (eve["role"], eve["keys"][0]["revoked_at"] is not None) == ("viewer", True)


async def test_a_disabled_operator_gets_in_no_more(as_: As) -> None:
    assert (await as_(ANN).put("/operators/bob/disablement")).status_code == 204
    assert (await as_(BOB).get("/accounts")).status_code == 401
    await as_(ANN).delete("/operators/bob/disablement")
    assert (await as_(BOB).get("/accounts")).status_code == 200


async def test_a_sign_in_link_leads_to_the_console(ann: AsyncClient) -> None:
    link = (await ann.post("/sign-in-links", json={"operator": "vera"})).json()
    assert link["operator"] == "vera"
    assert link["url"].startswith("http://127.0.0.1:8417/sign-in/link/")
    assert link["expires_at"] == "2026-11-23T12:10:00Z"


async def test_the_audit_says_who_did_what_newest_first(as_: As, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    await as_(BOB).put("/accounts/ann.json/disablement", json={"reason": "too slow"})
    (newest, *_) = (await as_(ANN).get("/audit")).json()["items"]
    [placed] = newest["after"]["holds"].values()
    assert (newest["actor"], newest["what"], placed["note"]) == ("bob", "account:disablement:placed", "too slow")


CHECKS = {
    "home", "disk", "schema", "key", "terms", "database", "clock", "auth_files", "secrets", "refresh", "audit",
    "monitoring",
}  # fmt: skip


async def test_a_check_up_of_a_sound_home_finds_nothing(ann: AsyncClient, desk: Desk, clock: SetClock) -> None:
    await take_in(desk, ("ann.json", codex()))
    clock.move(seconds=(SystemClock().now() - clock.now()).total_seconds())
    found = (await ann.get("/checkup")).json()["items"]
    assert [finding for finding in found if not finding["fine"]] == []
    assert {finding["check"] for finding in found} == CHECKS
    assert [finding["code"] for finding in found if finding["level"] == "note"] == ["checkup_key_not_exported"]


async def test_a_check_up_names_what_is_wrong(ann: AsyncClient, desk: Desk, clock: SetClock) -> None:
    clock.move(seconds=(SystemClock().now() - clock.now()).total_seconds())
    report = await take_in(desk, ("ann.json", codex()))
    (desk.settings.home / "copy.db").write_text("x")
    (desk.settings.home / "copy.db").chmod(0o644)
    await desk.write(lambda connection: connection.execute(update(revisions).values(sealed=b"\x01damaged")))
    await desk.write(lambda connection: connection.execute(update(audit).values(actor="eve").where(audit.c.seq == 2)))
    bad = {
        finding["code"]: finding["sentence"]
        for finding in (await ann.get("/checkup")).json()["items"]
        if not finding["fine"]
    }
    assert set(bad) == {"checkup_home_exposed", "checkup_unreadable", "checkup_audit_broken"}
    assert str(report.items[0].auth_index) in bad["checkup_unreadable"]
    assert "entry 2" in bad["checkup_audit_broken"]


async def test_a_revoked_client_key_works_again_for_a_day(as_: As, clock: SetClock) -> None:
    made = (await as_(BOB).post("/client-keys", json={"name": "old"})).json()
    await as_(BOB).delete(f"/client-keys/{made['id']}")
    assert (await as_(VERA).post(f"/client-keys/{made['id']}/restoration")).status_code == 403
    back = await as_(BOB).post(f"/client-keys/{made['id']}/restoration")
    assert (back.status_code, back.json()["revoked_at"]) == (200, None)
    await as_(BOB).delete(f"/client-keys/{made['id']}")
    clock.move(days=1)
    late = await as_(BOB).post(f"/client-keys/{made['id']}/restoration")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "client_key_revoked_for_good")
