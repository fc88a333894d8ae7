"""The list and changes of many accounts without a browser: what a plain form does."""

import io
import re
import zipfile
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pyrage
import pytest

from authdeck import ids
from authdeck.access import Role
from authdeck.hold import Owner
from authdeck.operations import admin_keys, operators
from authdeck.storage.database import WriteConnection
from authdeck.storage.reading.batches import packed
from authdeck.storage.writing import batches
from authdeck.storage.writing.batches import NewBatch
from fakes.clock import SetClock
from fakes.house import PEOPLE, House, build
from fakes.people import VERA
from web.conftest import visiting

ZOE, KIM = "codex-zoe@example.com-plus.json", "codex-kim@example.com-plus.json"


def rows(text: str) -> int:
    return len(re.findall("data-row>", text))


async def previewed(ann: Any, **fields: Any) -> tuple[str, str]:
    """The preview's address and page."""
    answer = await ann.post("/batches", **fields)
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    return address.partition("?")[0], (await ann.get(address)).text


def operators_holds(house: House, name: str) -> list[str]:
    entry = house.desk.directory.get(house.index(name))
    assert entry is not None
    return [hold.note for hold in entry.holds if hold.owner is Owner.OPERATOR]


async def test_a_preview_changes_nothing_and_doing_it_does(ann: Any, house: House) -> None:
    picked = [house.index(ZOE), house.index(KIM)]
    address, page = await previewed(ann, act="disable", reason="audit", account=picked, next="/auth-files?plan=plus")
    assert "Disable 2 accounts" in page
    assert "2 accounts that serve now would stop" in page
    assert operators_holds(house, ZOE) == []
    done = await ann.post(f"{address}/run", next="/auth-files?plan=plus")
    assert done.headers["location"] == "/auth-files?plan=plus"
    assert operators_holds(house, ZOE) == operators_holds(house, KIM) == ["audit"]
    page = (await ann.get("/auth-files")).text
    assert "2 accounts disabled." in page
    undo = re.search(r'action="(/batches/[0-9a-f]+/undo)"', page)
    assert undo is not None
    await ann.post(undo[1], next="/auth-files")
    assert operators_holds(house, ZOE) == operators_holds(house, KIM) == []
    assert "Undone: 2 accounts as before." in (await ann.get("/auth-files")).text


async def test_all_that_match_is_the_search(ann: Any, house: House) -> None:
    _, page = await previewed(ann, act="lock", all="yes", next="/auth-files?provider=codex&state=unknown")
    names = [f"codex-{name}@example.com-plus.json" for name in PEOPLE]
    unknown = [name for name in names if house.index(name) in page]
    assert f"Lock {len(unknown)} accounts" in page
    assert house.index("gemini-evaluation.json") not in page


async def test_a_setting_without_its_value_is_asked_for_first(ann: Any, house: House) -> None:
    answer = await ann.post("/batches", act="priority", account=[house.index(ZOE)], next="/auth-files")
    assert (answer.status_code, 'name="priority"' in answer.text) == (200, True)
    answer = await ann.post("/batches", act="priority", shown="priority", priority="lots", account=[house.index(ZOE)])
    assert answer.status_code == 422
    assert "whole number" in answer.text
    _, page = await previewed(ann, act="priority", priority="7", account=[house.index(ZOE)])
    assert "Set the priority of 1 account" in page


async def test_a_proxy_is_never_shown_again(ann: Any, house: House) -> None:
    secret = "http://user:pw_FAKE@proxy.example:8080"
    address, page = await previewed(ann, act="proxy_url", proxy_url=secret, account=[house.index(ZOE)])
    assert "pw_FAKE" not in page
    await ann.post(f"{address}/run", next="/batches")
    listed = (await ann.get("/batches")).text
    batch = re.search(r'href="(/batches/[0-9a-f]+)"', listed)
    assert batch is not None
    assert "pw_FAKE" not in (await ann.get(batch[1])).text
    refused = await ann.post(
        "/batches", act="proxy_url", shown="proxy_url", proxy_url="ftp_FAKE://x", account=[house.index(ZOE)]
    )
    assert (refused.status_code, "ftp_FAKE" in refused.text) == (422, False)


async def test_a_preview_is_done_once(ann: Any, house: House) -> None:
    address, _ = await previewed(ann, act="lock", account=[house.index(ZOE)])
    await ann.post(f"{address}/run")
    assert (await ann.post(f"{address}/run")).status_code == 409


async def test_a_long_one_is_seen_from_everywhere_and_stopped(ann: Any, house: House) -> None:
    """One that another process carries on: 40 of 4,312 rows are through."""
    desk, id_ = house.desk, ids.new_id()
    new = NewBatch(id_, "change", "bob", {"search": "team"}, {"priority": 5}, desk.now(), total=4312)

    def work(connection: WriteConnection) -> None:
        batches.add(connection, replace(new, accounts=packed([house.index(ZOE)] * 4312)))
        done = {"account": None, "before": None, "after": None, "sealed": None, "reason": None, "differs": None}
        rows = [{"row": n, "subject": f"p{n}.json", "outcome": "done", **done} for n in range(40)]
        batches.add_items(connection, id_, rows, cursor=40)

    await desk.write(work)
    assert "bob is changing 4,312 accounts: 40 done." in (await ann.get("/auth-files")).text
    page = (await ann.get(f"/batches/{id_}")).text
    assert 'max="4312" value="40"' in page
    assert 'http-equiv="refresh"' in page  # without scripts, the browser looks again by itself
    assert f'action="/batches/{id_}/undo"' not in page
    assert 'max="4312" value="40"' in (await ann.get("/batches")).text
    await ann.post(f"/batches/{id_}/cancel")
    page = (await ann.get(f"/batches/{id_}")).text
    assert "Stopped by a person" in page
    assert "4,272 rows were not done." in page
    assert "4,272 rows were not done." in (await ann.get("/batches")).text
    assert f'action="/batches/{id_}/undo"' in page
    assert "is changing" not in (await ann.get("/auth-files")).text


async def test_one_accounts_own_acts_leave_ticks_alone(ann: Any, house: House) -> None:
    answer = await ann.post(f"/batches?only={house.index(ZOE)}", act="delete", account=[house.index(KIM)])
    page = (await ann.get(answer.headers["location"])).text
    assert "Delete 1 account" in page
    assert (house.index(ZOE) in page, house.index(KIM) in page) == (True, False)


@pytest.mark.parametrize("fields", [{}, {"act": "explode"}, {"act": "lock"}])
async def test_a_form_that_says_nothing_is_refused(ann: Any, fields: dict[str, str]) -> None:
    assert (await ann.post("/batches", **fields)).status_code == 422


async def test_an_export_is_fetched_by_a_button_and_not_kept_on_the_way(ann: Any, house: House) -> None:
    index = house.index("claude-key.json")
    address, _ = await previewed(ann, act="export", format="cliproxyapi", account=[index])
    done = await ann.post(f"{address}/run")
    batch = done.headers["location"].partition("?")[0]
    assert "It carries credentials" in (await ann.get(batch)).text
    assert (await ann.get(f"{batch}/content")).status_code in (404, 405)
    answer = await ann.post(f"{batch}/content")
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    assert b"sk-ant-FAKE-key" in answer.content or answer.content[:2] == b"PK"


async def test_an_archive_of_many_is_for_its_recipients(ann: Any) -> None:
    form = await ann.post("/batches", act="export", shown="export", format="archive", all="yes", next="/auth-files")
    assert (form.status_code, "Give recipients or a passphrase" in form.text) == (422, True)
    me = pyrage.x25519.Identity.generate()
    asked = {"format": "archive", "recipients": f"# mine\n{me.to_public()}\n", "all": "yes", "next": "/auth-files"}
    address, _ = await previewed(ann, act="export", **asked)
    batch = (await ann.post(f"{address}/run")).headers["location"].partition("?")[0]
    content = (await ann.post(f"{batch}/content")).content
    assert zipfile.ZipFile(io.BytesIO(pyrage.decrypt(content, [me]))).namelist()[0] == "manifest.json"


async def test_an_export_asks_who_signed_in_a_while_ago_for_the_key(tmp_path: Path) -> None:
    clock = SetClock()
    async with build(tmp_path, clock) as house, visiting(house) as ann:
        await ann.sign_in(house)
        address, _ = await previewed(ann, act="export", format="cliproxyapi", account=[house.index("claude-key.json")])
        batch = (await ann.post(f"{address}/run")).headers["location"].partition("?")[0]
        clock.move(minutes=11)
        assert 'name="admin_key"' in (await ann.get(batch)).text
        refused = await ann.post(f"{batch}/content")
        assert refused.status_code == 403
        assert "sk-ant-FAKE" not in refused.text
        assert (
            "attachment"
            in (await ann.post(f"{batch}/content", admin_key=house.admin_key)).headers["content-disposition"]
        )


async def test_a_row_is_locked_at_once_and_says_so(ann: Any, house: House) -> None:
    path = f"/auth-files/{house.index(ZOE)}/lock"
    row = (await ann.post(path, htmx=True, want="locked", next="/auth-files?q=zoe")).text
    assert f'id="row-{house.index(ZOE)}"' in row
    assert "is locked" in row
    assert 'value="unlocked"' in row
    plain = await ann.post(path, want="unlocked", next="/auth-files?q=zoe")
    assert (plain.status_code, plain.headers["location"]) == (303, "/auth-files?q=zoe")


async def test_a_view_is_kept_shown_and_removed(ann: Any) -> None:
    answer = await ann.post("/auth-files/views", name="Zebra", next="/auth-files?search=night&mode=cards", shared="yes")
    assert answer.headers["location"] == "/auth-files?search=night&mode=cards"
    page = (await ann.get("/auth-files?search=night&mode=compact")).text
    view = re.search(r'<a href="/auth-files\?search=night&amp;mode=cards" aria-current="true"[^>]*>Zebra', page)
    assert view is not None
    removal = re.search(r'action="(/auth-files/views/\d+/removal)"', page)
    assert removal is not None
    await ann.post(removal[1])
    assert ">Zebra" not in (await ann.get("/auth-files")).text


async def test_finding_goes_straight_to_the_account_that_is_named(ann: Any, house: House) -> None:
    answer = await ann.get(f"/find?search={ZOE}")
    assert answer.headers["location"] == f"/auth-files/{house.index(ZOE)}"
    assert (await ann.get("/find?search=zo")).headers["location"] == "/auth-files?search=zo"
    found = await ann.get("/find?search=codex-", **{"hx-request": "true"})
    assert found.text.count("command__hit") == 8
    assert "All 10 that match" in found.text


async def test_chips_take_one_filter_away(ann: Any) -> None:
    page = unescape((await ann.get("/auth-files?plan=plus&state=disabled&search=example")).text)
    chips = re.findall(r'class="chip__x" href="([^"]+)"', page)
    assert chips == ["/auth-files?search=example&plan=plus", "/auth-files?search=example&state=disabled"]


async def test_pages_are_walked_by_links(ann: Any) -> None:
    page = (await ann.get("/auth-files?page_size=50")).text
    assert "1–14 of 14" in page
    assert rows(page) == 14


async def test_sorting_turns_round(ann: Any) -> None:
    page = unescape((await ann.get("/auth-files?sort=name")).text)
    assert 'aria-sort="ascending"><a class="table__sort" href="/auth-files?sort=-name"' in page
    assert 'aria-sort="descending"' in (await ann.get("/auth-files?sort=-name")).text


async def test_a_viewer_changes_nothing(ann: Any, house: House) -> None:
    viewer = await operators.create(house.desk, "vera", Role.VIEWER, VERA)
    key = await admin_keys.create(house.desk, viewer.name, VERA)
    await ann.post("/sign-out")
    await ann.get("/sign-in")
    await ann.post("/sign-in", admin_key=key.key.open())
    page = (await ann.get("/auth-files")).text
    assert "data-pick" not in page.replace("data-pick-", "")
    assert 'id="batch"' not in page
    assert (await ann.post("/batches", act="lock", account=[house.index(ZOE)])).status_code == 403
    assert (await ann.get("/batches")).status_code == 403


async def test_times_are_of_the_zone_chosen(ann: Any) -> None:
    await ann.post("/preferences", zone="Pacific/Kiritimati", next="/preferences")
    assert "Pacific/Kiritimati" in (await ann.get("/auth-files")).text
    await ann.post("/preferences", zone="Mars/Olympus", next="/preferences")
    assert "Pacific/Kiritimati" in (await ann.get("/auth-files")).text
    await ann.post("/preferences", zone="", next="/preferences")
    assert "Pacific/Kiritimati" not in (await ann.get("/auth-files")).text


async def test_the_list_is_shown_without_request_figures(ann: Any, tmp_path: Path) -> None:
    for file in tmp_path.glob("monitoring.db*"):
        file.write_bytes(b"\xff" * file.stat().st_size)
    page = await ann.get("/auth-files")
    assert (page.status_code, rows(page.text)) == (200, 14)
    assert "The request log did not answer" in page.text


async def test_headers_are_typed_in_a_form_previewed_and_never_shown(ann: Any, house: House) -> None:
    picked = [house.index(ZOE), house.index(KIM)]
    form = await ann.post("/batches", act="headers", account=picked, next="/auth-files")
    assert '<textarea class="input input--mono" name="headers"' in form.text
    wrong = await ann.post("/batches", act="headers", shown="headers", headers="t_FAKE", account=picked)
    assert (wrong.status_code, "t_FAKE" in wrong.text) == (422, False)
    assert "Line 1 is no header" in wrong.text
    address, page = await previewed(ann, act="headers", shown="headers", headers="X-Team: t_FAKE", account=picked)
    assert "Set headers of 2 accounts" in page
    assert "Header X-Team" in page
    assert "t_FAKE" not in page
    await ann.post(f"{address}/run")
    entries = [house.desk.directory.get(index) for index in picked]
    assert [entry is not None and entry.account.has_headers for entry in entries] == [True, True]


async def test_left_out_models_show_what_they_replace(ann: Any, house: House) -> None:
    address, _ = await previewed(ann, act="excluded_models", excluded_models="o1", account=[house.index(ZOE)])
    await ann.post(f"{address}/run")
    _, page = await previewed(ann, act="excluded_models", shown="excluded_models", account=[house.index(ZOE)])
    assert re.search(r'Left-out models</span>\s*<span class="second">o1</span>', page)


@pytest.mark.parametrize(("locale", "begins"), [("en", "A problem is a current reason"), ("zh-CN", "问题是指")])
async def test_what_a_problem_is_stands_where_problems_are_chosen(ann: Any, locale: str, begins: str) -> None:
    ann.client.cookies.set("authdeck_locale", locale)
    plain = (await ann.get("/auth-files")).text
    assert re.search(r'name="problem" value="true" aria-describedby="problem-is">', plain)
    assert re.search(rf'id="problem-is">{begins}', plain)
    assert plain.count(begins) == 1
    assert f'class="chip" title="{begins}' in (await ann.get("/auth-files?problem=true")).text
    assert f'class="chip" title="{begins}' not in (await ann.get("/auth-files?disabled=true")).text
    nobody = (await ann.get("/auth-files?problem=true&search=nobody")).text
    assert f'<p class="second">{begins}' in nobody
