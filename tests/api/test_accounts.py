from datetime import timedelta

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from authdeck.clock import rfc3339
from authdeck.evidence import Source
from authdeck.hold import Hold, Owner
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed
from authdeck.quota import QuotaWindow
from authdeck.search import CodexStatus
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import evidence, holds
from fakes.auth_files import codex, take_in
from fakes.clock import SetClock
from fakes.people import ANN, BOB, VERA

SHAPE = {
    "auth_index", "aliases", "file_name", "provider", "kind", "label", "email", "plan", "project_id", "note",
    "priority", "weight", "prefix", "enabled", "locked", "health", "reasons", "last_request_at", "created_at",
    "updated_at", "version",
}  # fmt: skip


@pytest.fixture
async def index(desk: Desk) -> str:
    report = await take_in(desk, ("ann.json", codex()))
    return str(report.items[0].auth_index)


async def test_it_works(ann: AsyncClient, index: str) -> None:
    answer = await ann.get(f"/accounts/{index}")
    account = answer.json()
    assert answer.status_code == 200
    assert account.keys() >= SHAPE
    assert account["file_name"] == "ann.json"
    assert account["provider"] == "codex"
    assert account["enabled"] is True
    assert account["created_at"] == "2026-11-23T12:00:00Z"
    assert answer.headers["etag"] == f'"{account["version"]}"'


async def test_rules_for_errors_of_requests_are_shown_and_checked(ann: AsyncClient, index: str) -> None:
    rules = [{"status": 400, "match": ["policy"], "match-regexr": ["(?i)over.*load"], "action": "continue"}]
    changed = await ann.patch(f"/accounts/{index}", json={"request_scoped_errors": rules}, headers={"if-match": "*"})
    shown = [{"status": 400, "match": ["policy"], "match_regexr": ["(?i)over.*load"], "action": "continue"}]
    assert (await ann.get(f"/accounts/{index}")).json()["request_scoped_errors"] == shown, changed.text
    given = {"request_scoped_errors": [{**rules[0], "match-regexr": ["(?=x)"]}]}
    refused = await ann.patch(f"/accounts/{index}", json=given, headers={"if-match": "*"})
    assert refused.status_code == 422
    assert "RE2" in refused.json()["error"]["message"]


async def test_every_reason_has_a_sentence_and_a_way_out(ann: AsyncClient, index: str) -> None:
    answer = await ann.get(f"/accounts/{index}/reasons")
    (reason,) = answer.json()["items"]
    assert (reason["owner"], reason["code"], reason["clear"]) == (
        "terms",
        "terms_not_acknowledged",
        "acknowledge_terms",
    )
    assert reason["sentence"].endswith(".")
    assert reason.keys() >= {"since", "until", "scope", "evidence"}


async def test_a_list_has_total_facets_and_a_next_page(ann: AsyncClient, desk: Desk) -> None:
    files = [(f"codex-{n}.json", codex(organization=f"acc-{n}", user=f"user-{n}")) for n in range(5)]
    await take_in(desk, *files)
    first = (await ann.get("/accounts", params={"page_size": 2, "sort": "name"})).json()
    assert [account["file_name"] for account in first["items"]] == ["codex-0.json", "codex-1.json"]
    assert first["total"] == 5
    assert first["facets"]["provider"] == {"codex": 5}
    second = (await ann.get("/accounts", params={"page_size": 2, "sort": "name", "cursor": first["next"]})).json()
    assert [account["file_name"] for account in second["items"]] == ["codex-2.json", "codex-3.json"]


async def test_search_and_filters_narrow_the_list(ann: AsyncClient, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()), ("eve.json", codex("eve@example.org", "acc-eve", "user-eve")))
    found = (await ann.get("/accounts", params={"search": "eve@*"})).json()
    assert [account["email"] for account in found["items"]] == ["eve@example.org"]
    assert (await ann.get("/accounts", params={"provider": "claude"})).json()["total"] == 0
    assert (await ann.get("/accounts", params={"state": ["unknown", "disabled"]})).json()["total"] == 2
    assert (await ann.get("/accounts", params={"problem": True})).json()["total"] == 0


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"sort": "colour"}, "sort_unknown"),
        ({"cursor": "yesterday"}, "cursor_invalid"),
        ({"page_size": 0}, "request_invalid"),
        ({"provider": "acme"}, "filter_invalid"),
        ({"codex_status": "hot"}, "filter_invalid"),
    ],
)
async def test_a_list_asked_wrongly_says_what_is_wrong(ann: AsyncClient, params: dict[str, str], code: str) -> None:
    answer = await ann.get("/accounts", params=params)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("status", CodexStatus)
async def test_every_codex_status_finds_who_has_it(ann: AsyncClient, desk: Desk, status: CodexStatus) -> None:
    files = [(f"{name}.json", codex(organization=f"acc-{name}", user=f"user-{name}")) for name in ("has", "lacks")]
    has, _ = (await take_in(desk, *files)).items
    entry, now = desk.directory.get(str(has.auth_index)), desk.now()
    assert entry is not None
    ends = now + timedelta(hours=2)
    limits = {
        CodexStatus.FIVE_HOUR_LIMITED: "five_hour", CodexStatus.WEEKLY_LIMITED: "weekly",
        CodexStatus.MONTHLY_LIMITED: "monthly",
    }  # fmt: skip
    held = {
        CodexStatus.REAUTH: [Hold(Owner.CREDENTIAL, "refresh_refused", now)],
        CodexStatus.QUOTA_LIMITED: [Hold(Owner.COOLDOWN, "usage_limit_reached", now, ends, detail={"signal": "quota"})],
        CodexStatus.DISABLED_WITH_RESET: [
            Hold(Owner.OPERATOR, "disabled", now), Hold(Owner.COOLDOWN, "slow_down", now, ends),
        ],
    }.get(status, [])  # fmt: skip

    def work(connection: WriteConnection) -> None:
        for hold in held:
            holds.place(connection, entry.account.key, hold)
        if status in limits:
            full = QuotaWindow(limits[status], 100.0, now, Source.HEADER, resets_at=ends)
            evidence.replace_windows(connection, {entry.account.key: [full]})
        changed(desk, connection, "account", entry.account.auth_index)

    await desk.write(work)
    for said in (status.value, status.value.replace("_", "-").upper()):
        found = (await ann.get("/accounts", params={"codex_status": said})).json()
        assert [account["file_name"] for account in found["items"]] == ["has.json"]
    also = {CodexStatus.QUOTA_LIMITED} if status in limits else set()
    assert found["facets"]["codex_status"] == {each.value: 1 for each in {status} | also}


async def test_an_edit_moves_the_version_and_what_is_absent_stays(ann: AsyncClient, index: str) -> None:
    changes = {"note": "Ann's own", "priority": 7}
    answer = await ann.patch(f"/accounts/{index}", json=changes, headers={"if-match": '"1"'})
    assert answer.status_code == 200
    assert (answer.json()["note"], answer.json()["priority"], answer.json()["version"]) == ("Ann's own", 7, 2)
    assert answer.headers["etag"] == '"2"'
    again = await ann.patch(f"/accounts/{index}", json={"note": None}, headers={"if-match": "*"})
    assert (again.json()["note"], again.json()["priority"]) == ("", 7)


async def test_an_edit_without_if_match_is_refused(ann: AsyncClient, index: str) -> None:
    answer = await ann.patch(f"/accounts/{index}", json={"note": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (428, "version_required")


async def test_an_edit_of_what_was_read_before_somebody_elses_is_refused(ann: AsyncClient, index: str) -> None:
    await ann.patch(f"/accounts/{index}", json={"note": "first"}, headers={"if-match": '"1"'})
    answer = await ann.patch(f"/accounts/{index}", json={"note": "second"}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "version_stale")
    assert (await ann.get(f"/accounts/{index}")).json()["note"] == "first"


@pytest.mark.parametrize("tag", ["one", '"-1"', '"' + "9" * 30 + '"', 'W/"1"'])
async def test_an_if_match_that_is_no_version_is_refused(ann: AsyncClient, index: str, tag: str) -> None:
    answer = await ann.patch(f"/accounts/{index}", json={"note": "x"}, headers={"if-match": tag})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "if_match_invalid")


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": "high"}, {"weight": -1}, {"weight": 1.5}, {"note": 5}, {"colour": "red"}, {"prefix": "a/b"},
        {"file_name": "../../etc/passwd.json"}, {"file_name": "a\x00.json"}, {"headers": {"authorization": "x"}},
        {"websockets": "perhaps"}, {"auth_index": "0" * 16}, {"enabled": False},
    ],
)  # fmt: skip
async def test_a_bad_value_names_its_field_and_nothing_is_stored(
    ann: AsyncClient, index: str, changes: dict[str, object]
) -> None:
    before = (await ann.get(f"/accounts/{index}")).json()
    answer = await ann.patch(f"/accounts/{index}", json={"note": "half", **changes}, headers={"if-match": "*"})
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["message"]
    assert (await ann.get(f"/accounts/{index}")).json() == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"note": "\xff"}'])
async def test_a_body_that_is_no_json_object_is_refused(ann: AsyncClient, index: str, body: bytes) -> None:
    headers = {"if-match": "*", "content-type": "application/json"}
    answer = await ann.patch(f"/accounts/{index}", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] in {"json_invalid", "request_invalid"}


async def test_a_renamed_account_is_found_by_its_old_name(ann: AsyncClient, index: str) -> None:
    await ann.patch(f"/accounts/{index}", json={"file_name": "new.json"}, headers={"if-match": "*"})
    answer = await ann.get("/accounts/ann.json")
    assert answer.json()["auth_index"] == index
    assert "ann.json" in answer.json()["aliases"]


async def test_a_name_of_several_accounts_is_ambiguous(ann: AsyncClient, desk: Desk, index: str) -> None:
    second = (await take_in(desk, ("bob.json", codex("bob@example.com", "acc-bob", "user-bob")))).items[0].auth_index
    for name in ("ann.json", "bob.json"):
        await ann.patch(f"/accounts/{name}", json={"file_name": "shared.json"}, headers={"if-match": "*"})
        await ann.patch("/accounts/shared.json", json={"file_name": f"new-{name}"}, headers={"if-match": "*"})
    answer = await ann.get("/accounts/shared.json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "alias_ambiguous")
    assert set(answer.json()["error"]["details"]["candidates"]) == {index, second}


async def test_an_unknown_account_is_not_found(ann: AsyncClient) -> None:
    answer = await ann.get("/accounts/0123456789abcdef")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "account_not_found")


async def test_a_disablement_holds_until_it_is_taken_away(ann: AsyncClient, index: str, clock: SetClock) -> None:
    until = rfc3339(clock.now() + timedelta(hours=1))
    answer = await ann.put(f"/accounts/{index}/disablement", json={"reason": "Ann is away", "until": until})
    assert (answer.json()["enabled"], answer.json()["health"]) == (False, "disabled")
    reason = next(reason for reason in answer.json()["reasons"] if reason["owner"] == "operator")
    assert (reason["until"], reason["clear"]) == (until, "enable")
    assert "Ann is away" in reason["sentence"]
    assert answer.json()["version"] == 1
    back = await ann.delete(f"/accounts/{index}/disablement")
    assert back.json()["enabled"] is True
    assert (await ann.delete(f"/accounts/{index}/disablement")).status_code == 200


async def test_a_disablement_needs_no_body_and_takes_no_past_end(ann: AsyncClient, index: str) -> None:
    assert (await ann.put(f"/accounts/{index}/disablement")).json()["enabled"] is False
    answer = await ann.put(f"/accounts/{index}/disablement", json={"until": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, "until")


async def test_a_lock_is_set_and_taken_away(ann: AsyncClient, index: str) -> None:
    assert (await ann.put(f"/accounts/{index}/lock")).json()["locked"] is True
    assert (await ann.put(f"/accounts/{index}/lock")).json()["locked"] is True
    assert (await ann.delete(f"/accounts/{index}/lock")).json()["locked"] is False


async def test_a_deleted_account_lies_in_the_trash_and_comes_back_whole(ann: AsyncClient, index: str) -> None:
    before = (await ann.get(f"/accounts/{index}")).json()
    assert (await ann.delete(f"/accounts/{index}")).status_code == 428
    assert (await ann.delete(f"/accounts/{index}", headers={"if-match": '"9"'})).status_code == 412
    assert (await ann.delete(f"/accounts/{index}", headers={"if-match": '"1"'})).status_code == 204
    assert (await ann.get(f"/accounts/{index}")).status_code == 404
    (trashed,) = (await ann.get("/trash")).json()["items"]
    assert (trashed["auth_index"], trashed["trashed_by"]) == (index, "ann")
    assert trashed["purge_at"] == "2026-12-23T12:00:00Z"
    for words, found in {trashed["file_name"][2:9].upper(): 1, f"{index[:4]}*": 1, "nobody": 0}.items():
        assert (await ann.get("/trash", params={"search": words})).json()["total"] == found, words
    back = (await ann.post(f"/trash/{index}/restoration")).json()
    assert (back["auth_index"], back["file_name"]) == (before["auth_index"], before["file_name"])
    assert (await ann.get("/trash")).json()["items"] == []


async def test_revisions_are_listed_newest_first(ann: AsyncClient, desk: Desk, index: str) -> None:
    newer = codex(refresh_token="rt_FAKE_newer", last_refresh="2026-11-23T10:00:00Z")
    await take_in(desk, ("ann.json", newer))
    found = (await ann.get(f"/accounts/{index}/revisions")).json()
    assert [(revision["number"], revision["current"]) for revision in found["items"]] == [(2, True), (1, False)]
    assert found["items"][0]["why"] == "imported"


async def test_the_document_comes_redacted_with_its_revision(ann: AsyncClient, index: str) -> None:
    answer = await ann.get(f"/accounts/{index}/document")
    assert answer.json()["refresh_token"] == "***"
    assert answer.json()["email"] == "ann@example.com"
    assert "rt_FAKE" not in answer.text
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"


async def test_a_revealed_document_has_its_bytes_and_is_audited(as_: As, index: str) -> None:
    refused = await as_(VERA).get(f"/accounts/{index}/document", params={"reveal": True})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_too_low")
    answer = await as_(BOB).get(f"/accounts/{index}/document", params={"reveal": True})
    assert answer.content == codex()
    (entry, *_) = (await as_(ANN).get("/audit", params={"target": index})).json()["items"]
    assert (entry["what"], entry["actor"]) == ("account:document:revealed", "bob")


async def test_a_refresh_says_how_it_ended(ann: AsyncClient, index: str) -> None:
    answer = await ann.post(f"/accounts/{index}/refresh")
    assert (answer.json()["outcome"], answer.json()["account"]["auth_index"]) == ("failed", index)
