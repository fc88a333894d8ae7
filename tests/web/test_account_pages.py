"""An account's page without a browser: its tabs, its forms, and what they refuse."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from authdeck.access import Role
from authdeck.evidence import Source
from authdeck.operations import admin_keys, disable, operators, trash
from authdeck.operations.documents import redacted_document
from authdeck.operations.records import changed
from authdeck.quota import QuotaWindow
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading import accounts, audit
from authdeck.storage.writing import evidence
from fakes.clock import SetClock
from fakes.house import House, build
from fakes.people import VERA
from web.conftest import visiting, weight

ANN = "codex-ann@example.com-plus.json"
EVE = "codex-eve.stone@example.com-plus.json"
TABS = ("overview", "quota", "settings", "models", "document", "history", "diagnostics")


def settings(house: House, name: str = ANN) -> Any:
    return house.desk.directory.get(house.index(name)).account.settings  # type: ignore[union-attr]


async def acts(house: House, name: str = ANN) -> list[str]:
    index = house.index(name)
    return [entry.what for entry in await house.desk.read(lambda c: audit.newest(c, target=index))]


@pytest.mark.parametrize("tab", TABS)
async def test_it_works(ann: Any, house: House, tab: str) -> None:
    answer = await ann.get(f"/auth-files/{house.index(ANN)}?tab={tab}")
    assert answer.status_code == 200
    assert len(re.findall('aria-current="page"', answer.text)) == 2  # in the navigation, and of the tabs
    for secret in ("at_FAKE", "rt_FAKE", house.admin_key, "ann@example.com"):
        assert secret not in re.sub(r"<textarea.*?</textarea>", "", answer.text, flags=re.DOTALL)


@pytest.mark.parametrize("tab", TABS)
async def test_the_drawer_gets_its_inside(ann: Any, house: House, tab: str) -> None:
    path = f"/auth-files/{house.index(ANN)}?tab={tab}"
    text = (await ann.get(path, **{"hx-request": "true", "hx-target": "dialog#drawer"})).text
    assert "<html" not in text
    assert 'class="drawer__head"' in text
    assert "<h1" not in text


async def test_an_unknown_tab_is_the_overview(ann: Any, house: House) -> None:
    assert "It serves" in (await ann.get(f"/auth-files/{house.index(ANN)}?tab=zebra")).text


async def test_a_limit_that_is_only_shown_as_full_stands_in_the_list_and_on_the_page(ann: Any, house: House) -> None:
    index, now = house.index(ANN), house.desk.now()
    full = QuotaWindow("five_hour", 100.0, now, Source.HEADER, resets_at=now + timedelta(hours=1))

    def work(connection: WriteConnection) -> None:
        evidence.replace_windows(connection, {accounts.by_index(connection, index).key: [full]})
        changed(house.desk, connection, "account", index)

    await house.desk.write(work)
    told = "The 5 hours limit is shown as full. The account is asked all the same"
    page = unescape((await ann.get(f"/auth-files/{index}")).text)
    assert "It serves, though something speaks against it" in page
    assert "Not used" not in page
    assert told in page
    assert told in unescape((await ann.get("/auth-files?problem=true")).text)


# Settings


async def test_settings_are_saved_as_far_as_they_changed(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    page = (await ann.get(f"{path}?tab=settings")).text
    version = re.search(r'name="version" value="(\d+)"', page)[1]  # type: ignore[index]
    named = {
        "note": "night",
        "priority": "7",
        "weight": "1",
        "prefix": "",
        "file_name": "codex-an•••@example.com-plus.json",
    }
    answer = await ann.post(f"{path}/settings", version=version, **named)
    assert answer.headers["location"] == f"{path}?tab=settings"
    assert (settings(house).note, settings(house).priority, settings(house).prefix) == ("night", 7, None)
    (entry,) = await house.desk.read(lambda c: audit.newest(c, limit=1, target=house.index(ANN)))
    assert set(entry.after or {}) == {"note", "priority", "prefix"}


async def test_an_edit_is_undone_unless_somebody_edited_since(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    await ann.get(path)
    await ann.post(f"{path}/settings", priority="7", note="")
    page = (await ann.get(f"{path}?tab=settings")).text
    undo = re.search(rf'action="({path}/settings/undo)".*?name="want" value="(\d+)"', page, re.DOTALL)
    assert undo is not None
    await ann.post(undo[1], want=undo[2])
    assert (settings(house).priority, settings(house).note) == (20, "Team pool, Ann")
    assert (await ann.post(undo[1], want=undo[2])).status_code == 412


async def test_every_wrong_field_says_so_and_keeps_what_was_typed(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    await ann.get(f"{path}?tab=settings")
    answer = await ann.post(f"{path}/settings", weight="-1", prefix="a b", note="kept")
    assert answer.status_code == 422
    assert len(re.findall('aria-invalid="true"', answer.text)) == 2
    assert 'value="-1"' in answer.text
    assert 'value="kept"' in answer.text
    assert settings(house).note == "Team pool, Ann"


async def test_a_field_is_checked_when_it_is_left(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}/settings/check"
    await ann.get("/auth-files")
    assert "whole number" in (await ann.post(f"{path}/weight", htmx=True, weight="many")).text
    assert 'aria-invalid="true"' not in (await ann.post(f"{path}/weight", htmx=True, weight="3")).text
    assert (await ann.post(f"{path}/key", htmx=True)).status_code == 404
    assert settings(house).weight == 1


async def test_a_masked_name_can_not_be_saved_half(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    await ann.get(path)
    answer = await ann.post(f"{path}/settings", file_name="codex-an•••@example.org.json")
    assert answer.status_code == 422
    assert "The dots stand for what is masked" in answer.text


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    await ann.get(path)
    answer = await ann.post(f"{path}/settings", version="1", note="mine")
    assert answer.status_code == 412
    assert 'value="mine"' in answer.text
    assert settings(house).note == "Team pool, Ann"


async def test_headers_and_a_proxy_are_set_and_taken_away_unseen(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}"
    await ann.get(path)
    proxy = "http://relay:proxy_FAKE_pw@proxy.example.com:8080"
    await ann.post(f"{path}/settings", header_name="x-team", header_value="value_FAKE", proxy_url=proxy)
    page = (await ann.get(f"{path}?tab=settings")).text
    assert "x-team" in page
    assert "http://proxy.example.com:8080" in page
    assert not any(secret in page for secret in ("value_FAKE", "proxy_FAKE"))
    await ann.post(f"{path}/settings", header_gone="x-team", proxy_gone="yes")
    account = house.desk.directory.get(house.index(ANN)).account  # type: ignore[union-attr]
    assert (account.has_headers, account.proxy_display) == (False, None)


# Models


async def test_a_model_is_left_out_and_taken_back(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}/models"
    await ann.get("/auth-files")
    await ann.post(path, want="exclude", model="gpt-5.5")
    assert settings(house).excluded_models == ("gpt-5.5",)
    await ann.post(path, want="restore", model="gpt-5.5")
    assert settings(house).excluded_models == ()


async def test_a_model_gets_another_name_once(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}/models"
    await ann.get("/auth-files")
    await ann.post(path, want="alias", model="gpt-5.5", alias="fast", only="yes")
    (alias,) = settings(house).model_aliases
    assert (alias.model, alias.alias, alias.keep_original) == ("gpt-5.5", "fast", False)
    assert (await ann.post(path, want="alias", model="gpt-5.4", alias="fast")).status_code == 422
    await ann.post(path, want="unalias", alias="fast")
    assert settings(house).model_aliases == ()


async def test_a_model_asked_for_is_explained(ann: Any, house: House) -> None:
    page = (await ann.get(f"/auth-files/{house.index(ANN)}?tab=models&model=claude-sonnet-5")).text
    assert page.index("claude-sonnet-5") < page.index("gpt-5.5")


# Document


async def test_an_edit_makes_a_revision_and_undo_brings_the_former_back(ann: Any, house: House) -> None:
    index = house.index(ANN)
    await ann.get(f"/auth-files/{index}?tab=document&edit=yes")
    document = (await redacted_document(house.desk, index)).content
    text = str(document | {"organization_name": "Other"}).replace("'", '"')
    await ann.post(f"/auth-files/{index}/document", document=text, revision="2")
    page = (await ann.get(f"/auth-files/{index}?tab=document")).text
    assert "Other" in page
    assert re.search(r'action="/auth-files/\w+/restoration".*?name="want" value="2"', page, re.DOTALL)
    await ann.post(f"/auth-files/{index}/restoration", want="2")
    assert (await redacted_document(house.desk, index)).content["organization_name"] == "Example team"


@pytest.mark.parametrize(("text", "status"), [("{", 422), ('{"type": "codex", "access_token": "***"}', 409)])
async def test_what_is_no_auth_file_comes_back_as_typed(ann: Any, house: House, text: str, status: int) -> None:
    index = house.index(ANN)
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{index}/document", document=text, revision="2")
    assert answer.status_code in (status, 422)
    assert "<textarea" in answer.text


async def test_an_old_page_does_not_overwrite_a_newer_file(ann: Any, house: House) -> None:
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/document", document="{}", revision="1")
    assert answer.status_code in (412, 422)
    assert (await redacted_document(house.desk, house.index(ANN))).revision == 2


async def test_who_just_signed_in_downloads_and_it_is_audited(ann: Any, house: House) -> None:
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/document/download")
    assert "rt_FAKE" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (await acts(house))[0] == "account:document:revealed"


# History, diagnostics, acts


async def test_history_tells_who_did_what(ann: Any, house: House) -> None:
    page = (await ann.get(f"/auth-files/{house.index(ANN)}?tab=history&compare=2")).text
    assert "Revision 2, edited" in page
    assert "bob changed the settings of this account" in page
    assert "+ organization_name: &#34;Example team&#34;" in page
    assert "Disabled by bob" in (await ann.get(f"/auth-files/{house.index(EVE)}?tab=history&show=holds")).text


async def test_a_hold_is_released_by_hand(ann: Any, house: House) -> None:
    index = house.index(EVE)
    await ann.get("/auth-files")
    await ann.post(f"/auth-files/{index}/release", owner="credential", code="refresh_refused")
    assert [hold.code for hold in house.desk.directory.get(index).holds] == ["disabled"]  # type: ignore[union-attr]
    assert (await ann.post(f"/auth-files/{index}/release", owner="nobody", code="x")).status_code == 422


async def test_rules_of_the_requests_own_failures_are_added_and_taken_away(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}/settings"
    rule = {
        "rule_status": "400",
        "rule_action": "stop",
        "rule_match": "too long\r\ncontext_length",
        "rule_match_regexr": "",
    }
    assert (await ann.post(path, **rule)).status_code == 303
    await ann.post(path, rule_status="529", rule_action="continue-and-cooldown", rule_match_regexr="over(load|quota)")
    first, second = settings(house).request_scoped_errors
    assert (first.status, first.match, first.action) == (400, ("too long", "context_length"), "stop")
    assert (second.status, second.match_regexr, second.action) == (529, ("over(load|quota)",), "continue-and-cooldown")
    page = (await ann.get(f"/auth-files/{house.index(ANN)}?tab=settings")).text
    assert "too long · context_length" in page
    await ann.post(path, rule_gone="0")
    assert settings(house).request_scoped_errors == (second,)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"rule_status": "40000", "rule_action": "stop"}, "A rule takes a status from 100 to 599"),
        ({"rule_match": "no status", "rule_action": "stop"}, "A rule takes a status from 100 to 599"),
        ({"rule_status": "400", "rule_action": "explode"}, "A rule takes a status from 100 to 599"),
        ({"rule_status": "400", "rule_action": "stop", "rule_match_regexr": "(?=<look>)"}, "look"),
    ],
)
async def test_a_rule_that_can_not_be_comes_back_as_typed(
    ann: Any, house: House, rule: dict[str, str], said: str
) -> None:
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/settings", **rule)
    assert answer.status_code == 422
    assert said in answer.text
    assert all(f">{text}</textarea>" in answer.text for name, text in rule.items() if name == "rule_match")
    assert settings(house).request_scoped_errors == ()


async def test_locking_can_be_undone(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ANN)}/lock"
    await ann.get("/auth-files")
    await ann.post(path, want="locked")
    assert house.desk.directory.get(house.index(ANN)).account.locked  # type: ignore[union-attr]
    await ann.post(path, want="unlocked")
    assert not house.desk.directory.get(house.index(ANN)).account.locked  # type: ignore[union-attr]


async def test_a_refused_refresh_is_told_where_it_was_asked(ann: Any, house: House) -> None:
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/refresh")
    assert answer.status_code == 409
    assert "Token refresh" in answer.text


async def test_one_request_leads_to_its_row(ann: Any, house: House) -> None:
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/request")
    assert re.fullmatch(r"/monitoring/[0-9a-f]{32}", answer.headers["location"])
    assert (await acts(house))[0] == "account:request:sent"


async def test_deleting_is_undone_from_the_next_page(ann: Any, house: House) -> None:
    index = house.index(ANN)
    await ann.get("/auth-files")
    answer = await ann.post(f"/auth-files/{index}/deletion")
    assert answer.headers["location"] == "/auth-files"
    assert house.desk.directory.get(index) is None
    page = (await ann.get("/auth-files")).text
    assert f'action="/trash/{index}/restoration"' in page
    await ann.post(f"/trash/{index}/restoration", want="restored", next=f"/auth-files/{index}")
    assert house.desk.directory.get(index) is not None


async def test_a_viewer_sees_every_tab_and_no_control(ann: Any, house: House) -> None:
    viewer = await operators.create(house.desk, "vera", Role.VIEWER, VERA)
    key = await admin_keys.create(house.desk, viewer.name, VERA)
    await ann.post("/sign-out")
    await ann.get("/sign-in")
    await ann.post("/sign-in", admin_key=key.key.open())
    path = f"/auth-files/{house.index(ANN)}"
    for tab in TABS:
        page = (await ann.get(f"{path}?tab={tab}")).text
        assert re.findall(rf'<form[^>]*method="post"[^>]*action="{path}', page) == []
    for act in (
        "settings",
        "models",
        "document",
        "document/download",
        "restoration",
        "lock",
        "release",
        "deletion",
        "request",
    ):
        assert (await ann.post(f"{path}/{act}")).status_code == 403, act


async def test_purging_asks_for_the_name(ann: Any, house: House) -> None:
    index = house.index(ANN)
    await trash.delete(house.desk, index, VERA, version=None)
    await ann.get("/trash")
    assert (await ann.post(f"/trash/{index}/purge", name="codex")).status_code == 422
    assert ANN.replace("ann", "an•••") in (await ann.get("/trash")).text
    await ann.post(f"/trash/{index}/purge", name=ANN.replace("ann", "an•••"))
    assert index not in (await ann.get("/trash")).text


async def test_many_are_restored_or_purged_together(ann: Any, house: House) -> None:
    names = [f"codex-{name}@example.com-plus.json" for name in ("ann", "kim", "zoe")]
    for name in names:
        await trash.delete(house.desk, house.index(name), VERA, version=None)
    await ann.get("/trash")
    ordered = await ann.post("/trash/acts", act="restore", account=[house.index(names[0])], next="/trash")
    address = ordered.headers["location"]
    assert "Restore 1 account" in (await ann.get(address)).text
    await ann.post(f"{address.partition('?')[0]}/run", next="/trash")
    assert house.desk.directory.get(house.index(names[0])) is not None
    page = (await ann.get("/trash?search=KIM*plus")).text
    assert house.index("codex-kim@example.com-plus.json") in page
    assert house.index("codex-zoe@example.com-plus.json") not in page

    ordered = await ann.post("/trash/acts", act="purge", all="yes", search="zoe*plus", next="/trash")
    address = ordered.headers["location"].partition("?")[0]
    page = (await ann.get(ordered.headers["location"])).text
    assert "Purge 1 account" in page
    assert "Nothing brings back what is purged" in page
    assert (await ann.post(f"{address}/run", count="3", next="/trash")).status_code == 422
    assert (await ann.post(f"{address}/run", count="1", next="/trash")).status_code == 303
    page = (await ann.get("/trash")).text
    assert "1 account gone for good." in page
    assert house.index("codex-zoe@example.com-plus.json") not in page
    assert house.index("codex-kim@example.com-plus.json") in page


async def test_a_change_of_many_accounts_is_in_the_history_of_each(ann: Any, house: House) -> None:
    index = house.index(ANN)
    await ann.get("/auth-files")
    ordered = await ann.post("/batches", act="priority", priority="3", account=index)
    batch = ordered.headers["location"].partition("?")[0]
    await ann.post(f"{batch}/run")
    page = (await ann.get(f"/auth-files/{index}?tab=history")).text
    assert "admin changed this account together with others" in page
    assert re.search(r'href="/batches/[0-9a-f]{32}"', page)
    assert settings(house).priority == 3


async def test_every_tab_is_light(ann: Any, house: House) -> None:
    for tab in TABS:
        assert await weight(ann.client, f"/auth-files/{house.index(ANN)}?tab={tab}") <= 40_000, tab


@pytest.mark.parametrize(("show", "kinds"), [("", 120), ("holds", 120), ("revisions", 1), ("changes", 0)])
async def test_a_long_history_is_walked_to_its_beginning(ann: Any, house: House, show: str, kinds: int) -> None:
    index = house.index("kimi-leo@example.com.json")
    for number in range(60):
        await disable.disable(house.desk, index, VERA, reason=f"reason {number:02}")
        await disable.enable(house.desk, index, VERA)
    path, seen, pages = f"/auth-files/{index}?tab=history&show={show}", list[str](), 0
    while path:
        page = unescape((await ann.get(path)).text)
        seen += re.findall(r'<li class="log__item".*?</li>', page, re.DOTALL)
        older = re.search(r'href="([^"]*before=\d+)"[^>]*>Older', page)
        path, pages = (older[1] if older else ""), pages + 1
    assert pages == (2 if kinds == 120 else 1)
    assert len(seen) == len(set(seen))
    counts = [sum(f"reason {number:02}" in one for one in seen) for number in range(60)]
    assert counts == [2 if kinds == 120 else 0] * 60
    assert sum('id="revision-1"' in one for one in seen) == (0 if show in ("holds", "changes") else 1)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "0", "9" * 16])
async def test_a_foolish_page_of_history_is_no_error(ann: Any, house: House, before: str) -> None:
    assert (await ann.get(f"/auth-files/{house.index(ANN)}?tab=history&before={before}")).status_code == 200


async def test_a_download_asks_who_signed_in_a_while_ago_for_the_key(tmp_path: Path) -> None:
    clock = SetClock()
    async with build(tmp_path, clock) as house, visiting(house) as ann:
        await ann.sign_in(house)
        path = f"/auth-files/{house.index('claude-key.json')}"
        assert 'name="admin_key"' not in (await ann.get(f"{path}?tab=document")).text
        clock.move(minutes=11)
        assert 'name="admin_key"' in (await ann.get(f"{path}?tab=document")).text
        for given in ({}, {"admin_key": "ad_FAKE_other"}):
            refused = await ann.post(f"{path}/document/download", **given)
            assert refused.status_code in (401, 403)
            assert "sk-ant-FAKE" not in refused.text
        done = await ann.post(f"{path}/document/download", admin_key=house.admin_key)
        assert (done.status_code, "sk-ant-FAKE-key" in done.text) == (200, True)
        acts_there = [entry.what for entry in await house.desk.read(lambda c: audit.newest(c, limit=3))]
        assert acts_there.count("account:document:revealed") == 1
