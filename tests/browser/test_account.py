"""Jobs a person does with one account: find out why it is not used and clear it, restore a revision, import, delete."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Deck, accessibility
from fakes.browser import shown_as, sign_in

ANN = "codex-ann@example.com-plus.json"
EVE = "codex-eve.stone@example.com-plus.json"
ZOE = "codex-zoe@example.com-plus.json"
KIM = "codex-kim@example.com-plus.json"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def opened(page: Page, name: str) -> None:
    """The account's drawer, opened from the list as a person does."""
    page.goto(f"/auth-files?q={name.partition('@')[0].partition('-')[2]}")
    page.locator("[data-rows] a[data-open]").click()
    expect(page.locator("#drawer")).to_be_visible()


def test_why_an_account_is_not_used_and_clearing_it(page: Page, deck: Deck) -> None:
    index = deck.house.index(EVE)
    opened(page, "codex-eve@")
    drawer = page.locator("#drawer")
    expect(page).to_have_url(re.compile(f"/auth-files/{index}$"))
    expect(drawer.get_by_role("heading", name="Not used: 2 reasons")).to_be_visible()
    reason = drawer.locator(".reason", has_text="refused to renew")
    expect(reason.locator("dd").first).to_have_text("credential")
    expect(reason).to_contain_text("the account")
    reason.get_by_role("button", name="Release").click()
    expect(drawer.get_by_role("heading", name="Not used: 1 reason")).to_be_visible()
    expect(drawer.locator("[data-toast]")).to_contain_text("released")
    page.keyboard.press("e")
    expect(drawer.get_by_role("heading", name="It serves")).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(page).to_have_url(re.compile(r"/auth-files\?q=eve"))
    expect(page.locator(f"#row-{index}")).not_to_contain_text("Disabled")


def test_the_drawer_walks_the_list_and_its_tabs_by_keys(page: Page) -> None:
    page.goto("/auth-files?sort=name&provider=codex")
    links = page.locator("[data-rows] a[data-open]")
    first, second = (links.nth(at).get_attribute("href") for at in (0, 1))
    links.first.click()
    expect(page.locator("#drawer .verdict")).to_be_visible()
    page.keyboard.press("3")
    expect(page).to_have_url(re.compile(rf"{first}\?tab=settings$"))
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(rf"{second}\?tab=settings$"))
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(rf"{first}\?tab=settings$"))
    page.go_back()
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(links.first).to_be_visible()
    page.wait_for_load_state("networkidle")  # one that is under way would end what comes next
    page.go_forward()
    expect(page.locator("h1")).to_contain_text("codex-")


def test_a_field_says_what_is_wrong_when_it_is_left(page: Page) -> None:
    opened(page, ZOE)
    page.locator("#drawer .account-tabs").get_by_role("link", name="Settings").click()
    drawer = page.locator("#drawer")
    weight = drawer.get_by_label("Weight")
    weight.fill("-1")
    weight.press("Tab")
    expect(page.locator("#field-weight .field__error")).to_contain_text("whole number from 0")
    drawer.get_by_label("Weight").fill("3")
    drawer.get_by_label("Note").fill("by hand")
    drawer.get_by_role("button", name="Save changes").click()
    expect(drawer.locator("[data-toast]")).to_contain_text("Note, Weight saved")
    expect(drawer.get_by_label("Weight")).to_have_value("3")


def test_a_revision_is_compared_restored_and_that_undone(page: Page, deck: Deck) -> None:
    index = deck.house.index(ANN)
    page.goto(f"/auth-files/{index}?tab=history")
    page.get_by_role("link", name="Difference to revision 1").click()
    expect(page.get_by_role("region", name="Difference")).to_contain_text("organization_name")
    first = page.locator("#revision-1")
    first.locator("summary").click()
    first.get_by_role("button", name="Restore revision 1").click()
    expect(page.locator("[data-toast]")).to_contain_text("revision 3 now")
    expect(page.locator("#revision-3")).to_contain_text("current")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#revision-4")).to_contain_text("current")


def test_the_document_is_edited_as_json(page: Page, deck: Deck) -> None:
    page.goto(f"/auth-files/{deck.house.index(KIM)}?tab=document")
    page.get_by_role("link", name="Edit as JSON").click()
    field = page.get_by_label("Auth file")
    before = field.input_value()
    field.fill(before[:-1])
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.get_by_role("alert")).to_contain_text("JSON")
    document = {**json.loads(before), "organization_name": "Kim & Co"}
    page.get_by_label("Auth file").fill(json.dumps(document))
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.locator("pre")).to_contain_text("Kim & Co")


def test_a_mixed_folder_with_conflicts_is_imported(page: Page, deck: Deck, tmp_path: Path) -> None:
    folder = tmp_path / "auths"
    (folder / "more").mkdir(parents=True)
    (folder / "claude-folder.json").write_text('{"type": "claude", "api_key": "sk-ant-FAKE-folder"}')
    (folder / "more" / "gemini-key.json").write_text(
        '{"type": "gemini", "api_key": "AIzaFAKE000000000000000000folder"}'
    )
    taken = {"type": "codex", "email": "x@example.com", "access_token": "at_FAKE_9", "account_id": "other"}
    (folder / ANN).write_text(json.dumps(taken))
    (folder / "broken.json").write_text("{")
    (folder / "README.md").write_text("not an auth file")
    before = len(deck.house.desk.directory)
    page.goto("/import")
    page.locator("input[name=folder]").set_input_files(folder)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Check before importing")).to_be_visible()
    expect(page.locator(".import-list tbody tr:not(.group-row)")).to_have_count(4)
    expect(page.locator("main")).not_to_contain_text("keep_both")
    assert len(deck.house.desk.directory) == before
    page.get_by_label(re.compile("Add it as an account of its own")).check()
    page.get_by_role("button", name="Import 2 accounts").click()
    expect(page.get_by_role("heading", name="3 accounts written")).to_be_visible()
    assert len(deck.house.desk.directory) == before + 3
    assert accessibility(page) == []
    page.locator("tr", has_text="claude-folder.json").get_by_role("button", name="Send one low-cost request").click()
    expect(page).to_have_url(re.compile(r"/monitoring/[0-9a-f]{32}$"))


def test_a_folder_and_a_zip_are_dropped(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "dropped"
    (folder / "more").mkdir(parents=True)
    key = '{"type": "gemini", "api_key": "AIzaFAKE0000000000000000000dropped%s"}'
    (folder / "gemini-one.json").write_text(key % 1)
    (folder / "more" / "gemini-two.json").write_text(key % 2)
    (folder / "more" / "notes.txt").write_text("not an auth file")
    with ZipFile(tmp_path / "some.zip", "w") as zipped:
        zipped.writestr("gemini-three.json", key % 3)
    for dropped, names, count in (
        (folder, ("gemini-one.json", "gemini-two.json"), 2),
        (tmp_path / "some.zip", ("some.zip",), 1),
    ):
        page.goto("/import")
        drop(page, dropped)
        for name in names:
            expect(page.locator("[data-names]")).to_contain_text(name)
        expect(page.locator("[data-names]")).not_to_contain_text("notes.txt")
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_role("button", name=f"Import {count} account")).to_be_visible()


def drop(page: Page, path: Path) -> None:
    """As a person does, with what the system's file manager holds: scripts can't make a folder to drop."""
    box = page.locator("[data-drop]").bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        browser.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def test_a_models_id_is_copied(page: Page, deck: Deck) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/auth-files/{deck.house.index(ANN)}?tab=models")
    page.get_by_role("button", name=re.compile(r"gpt-5\.5$")).first.click()
    expect(page.locator("[role=status]", has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == "gpt-5.5"
    page.goto("/auth-files?q=codex-ann")
    page.locator(f"#row-{deck.house.index(ANN)} .copy").click()
    expect(page.locator("[role=status]", has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == deck.house.index(ANN)


def test_pasted_text_is_read_as_another_form(page: Page) -> None:
    page.goto("/import")
    page.get_by_label("Document").fill('{"type": "claude", "api_key": "sk-ant-FAKE-again"}')
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Import 1 account")).to_be_visible()
    page.get_by_label("Pasted text read as").select_option("sub2api")
    page.get_by_role("button", name="Read again").click()
    expect(page.get_by_role("button", name="Import 0 accounts")).to_be_visible()


def test_an_account_goes_to_the_trash_and_comes_back(page: Page, deck: Deck) -> None:
    index = deck.house.index(ZOE)
    page.goto(f"/auth-files/{index}")
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Move to the trash").click()
    expect(page.locator("[data-toast]")).to_contain_text("is in the trash")
    page.goto("/trash")
    row = page.locator("tr", has_text="codex-zo•••@")
    row.locator("summary").click()
    row.get_by_label("Name").fill("something else")
    row.get_by_role("button", name="Purge for good").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was purged")
    page.locator("tr", has_text="codex-zo•••@").get_by_role("button", name="Restore").click()
    expect(page.locator("[data-toast]")).to_contain_text("is back, whole")
    assert deck.house.desk.directory.get(index) is not None


def test_a_limited_key_says_what_it_may_reach(page: Page) -> None:
    page.goto("/client-keys")
    page.get_by_label("Name").fill("night-builds")
    page.get_by_text("Limit what it may do").click()
    page.get_by_label("Requests a minute").fill("12")
    page.get_by_label("Models", exact=True).fill("gpt-5*")
    page.get_by_label("Codex", exact=True).check()
    page.get_by_role("button", name="Create key").click()
    row = page.locator("tr", has_text="night-builds")
    expect(row).to_contain_text("gpt-5*")
    expect(row).to_contain_text("12 a minute")


def test_the_audit_is_filtered_and_leads_to_the_undoing(page: Page) -> None:
    page.goto("/audit")
    page.get_by_label("Who").select_option("bob")
    expect(page).to_have_url(re.compile("actor=bob"))
    entry = page.locator(".log__item", has_text="changed the settings of")
    expect(entry.first).to_contain_text("Note")
    entry.first.get_by_role("link", name="Change it back").click()
    expect(page.get_by_label("Note")).to_have_value("Team pool, Ann")


PLACES = (
    "/auth-files/{}", "/auth-files/{}?tab=quota", "/auth-files/{}?tab=settings", "/auth-files/{}?tab=models",
    "/auth-files/{}?tab=document&edit=yes", "/auth-files/{}?tab=history&compare=2", "/auth-files/{}?tab=diagnostics",
    "/export?account={}&form=archive", "/import", "/trash", "/client-keys", "/audit", "/settings/terms",
    "/settings/upstreams", "/settings/retention", "/settings/automation",
)  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("en", "dark", 390), ("zh-CN", "light", 390), ("zh-CN", "dark", 1280)]
)
def test_every_page_fits_and_passes_axe(browser: Browser, deck: Deck, locale: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        base_url=deck.url, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 844}
    )
    page = context.new_page()
    sign_in(context, deck.house.admin_key)
    for place in PLACES:
        page.goto(place.format(deck.house.index(ANN)))
        assert page.evaluate(SIDEWAYS) <= 0, place
        assert accessibility(page) == [], place
    context.close()


def test_it_all_works_without_scripts(browser: Browser, deck: Deck) -> None:
    context = browser.new_context(base_url=deck.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(context, deck.house.admin_key)
    page.goto("/auth-files?q=codex-kim")
    page.locator("[data-rows] a[data-open]").click()
    page.locator(".account-tabs").get_by_role("link", name="Settings").click()
    page.get_by_label("Note").fill("without scripts")
    page.get_by_label("Weight").fill("-1")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#field-weight .field__error")).to_be_visible()
    page.get_by_label("Weight").fill("2")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("[data-toast]")).to_contain_text("saved")
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Exclude gpt-5.5", exact=True).click()
    expect(page.locator("[data-toast]")).to_contain_text("leaves gpt-5.5 out")
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("button", name="Lock").click()
    expect(page.locator(".verdict__foot")).to_contain_text("Locked")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".verdict__foot")).to_contain_text("Not locked")
    looked = browser.new_context(base_url=deck.url)
    shown_as(again := looked.new_page(), page)
    assert accessibility(again) == []
    looked.close()
    context.close()
