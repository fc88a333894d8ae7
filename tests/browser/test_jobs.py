"""What an operator comes for, done by hand, by keyboard, by finger and without scripts."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from authdeck.clock import SystemClock
from fakes.auth_files import codex, take_in
from fakes.browser import Deck, accessibility, shown_as
from fakes.house import House, serving

CROWD = 240
EVE = "codex-eve.stone@example.com-plus.json"


async def _crowd(house: House) -> None:
    files = [
        (f"crowd-{n:03}.json", codex(f"p{n}@example.net", f"acc-{n}", f"user-{n}", access_token=f"at_FAKE_{n}"))
        for n in range(CROWD)
    ]
    await take_in(house.desk, *files)


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    with serving(tmp_path_factory.mktemp("home"), also=_crowd) as (url, house):
        yield Deck(url, house)


def disabled(deck: Deck) -> int:
    entries = deck.house.desk.directory.entries()
    return sum(bool(entry.holds) and entry.account.file_name.startswith("crowd-") for entry in entries)


def test_what_is_typed_before_the_page_can_listen_is_found(page: Page) -> None:
    page.clock.install()
    page.clock.pause_at(SystemClock().now() + timedelta(hours=1))  # htmx begins in a timer
    page.goto("/auth-files")
    page.keyboard.press("/")
    page.keyboard.type("eve.st")
    page.clock.resume()
    expect(page.locator("#found a").first).to_contain_text("Disabled")


def test_find_the_account_that_fails_and_why(page: Page, deck: Deck) -> None:
    page.goto("/monitoring")
    page.keyboard.press("/")
    page.keyboard.type("eve.st")
    hit = page.locator("#found a").first
    expect(hit).to_contain_text("Disabled")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(deck.house.index(EVE)))
    expect(page.locator("#main")).to_contain_text("ask Eve first")
    expect(page.locator("#main")).to_contain_text("The provider refused to renew this sign-in.")


def test_disable_two_hundred_by_search_and_undo(page: Page, deck: Deck) -> None:
    page.goto("/batches")
    before = page.locator("tbody tr").count()
    page.goto("/auth-files?search=crowd-*")
    page.locator("[data-pick-page]").check()
    expect(page.locator(".batch-bar__count--picked")).to_be_visible()
    page.get_by_label(f"all {CROWD} that match").check()
    expect(page.locator(".batch-bar__count--all")).to_have_text(f"all {CROWD} selected")
    page.locator(".batch-bar summary", has_text="Disable").click()
    page.get_by_label("Why?").locator("visible=true").fill("the team moves")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Disable {CROWD} of {CROWD} accounts")
    expect(page.locator(".notice")).to_contain_text("would stop")
    assert disabled(deck) == 0
    page.get_by_role("button", name=f"Disable {CROWD} accounts").click()
    expect(page.locator("[data-toast]")).to_contain_text(f"{CROWD} accounts disabled.")
    assert disabled(deck) == CROWD
    assert accessibility(page) == []
    page.keyboard.press("z")
    expect(page.locator("[data-toast]")).to_contain_text(f"Undone: {CROWD} accounts as before.")
    assert disabled(deck) == 0
    page.get_by_role("link", name="Changes").click()
    expect(page.locator("tbody tr")).to_have_count(before + 2)  # the change and its undoing


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/auth-files?search=crowd-00*&sort=name")
    for key in ("j", "x", "j", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-pick]:checked")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("[data-pick]:checked")).to_have_count(0)
    page.keyboard.press("k")
    page.keyboard.press("e")
    page.keyboard.press("d")
    expect(page.locator("[data-row].is-cursor")).to_contain_text("Disabled by admin")
    page.keyboard.press("z")
    expect(page.locator("[data-row].is-cursor")).not_to_contain_text("Disabled by admin")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Find account")).to_be_visible()
    page.keyboard.type("crowd-007")
    expect(page.locator("#found a")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found a")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#find")).not_to_be_visible()


def test_shift_takes_a_range_and_inverting_the_rest(page: Page) -> None:
    page.goto("/auth-files?search=crowd-00*&sort=name")
    picks = page.locator("[data-pick]")
    picks.nth(1).click()
    picks.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-pick]:checked")).to_have_count(4)
    expect(page.locator("[data-pick-page]")).to_have_js_property("indeterminate", True)
    page.get_by_role("button", name="Invert").click()
    expect(page.locator("[data-pick]:checked")).to_have_count(6)
    expect(picks.nth(1)).not_to_be_checked()


def test_the_header_ticks_the_page_and_any_row_lets_go_of_all(page: Page) -> None:
    page.goto("/auth-files?search=crowd-*")
    page.locator("[data-pick-page]").check()
    everything = page.get_by_label("that match")
    everything.check()
    page.locator("[data-pick]").first.uncheck()
    expect(everything).not_to_be_checked()


@pytest.fixture
def plain(browser: Browser, page: Page, deck: Deck) -> Iterator[Page]:
    """The same person without scripts."""
    context = browser.new_context(
        base_url=deck.url, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    context.set_default_timeout(8000)
    one = context.new_page()
    yield one
    shown_as(page, one)
    context.close()


def test_without_scripts_a_batch_is_made_and_undone(plain: Page, deck: Deck) -> None:
    plain.goto("/auth-files?search=crowd-01*&sort=name")
    plain.locator("[data-pick]").nth(0).check()
    plain.locator("[data-pick]").nth(3).check()
    expect(plain.locator(".batch-bar")).to_be_visible()
    expect(plain.locator(".panel__foot")).not_to_be_visible()
    plain.locator(".batch-bar summary", has_text="Priority").click()
    plain.get_by_label("Priority").locator("visible=true").last.fill("7")
    plain.get_by_role("button", name="Preview").locator("visible=true").click()
    plain.get_by_role("button", name="Set the priority of 2 accounts").click()
    expect(plain.locator("[data-toast]")).to_contain_text("2 accounts changed.")
    plain.get_by_role("button", name="Undo").click()
    expect(plain.locator("[data-toast]")).to_contain_text("Undone: 2 accounts as before.")
    priorities = {entry.account.settings.priority for entry in deck.house.desk.directory.entries()}
    assert priorities == {0, 20}


def test_without_scripts_any_account_is_found(plain: Page, deck: Deck) -> None:
    plain.goto("/auth-files")
    plain.locator("nav input[name=search]").fill(EVE)
    plain.keyboard.press("Enter")
    expect(plain).to_have_url(re.compile(deck.house.index(EVE)))


def test_a_view_is_kept_and_taken_away(page: Page) -> None:
    page.goto("/auth-files?search=crowd-0*&mode=compact")
    page.get_by_text("Save view").first.click()
    page.get_by_label("Name", exact=True).fill("First hundred")
    page.get_by_role("button", name="Save view").click()
    view = page.get_by_role("link", name=re.compile("First hundred"))
    expect(view).to_have_attribute("aria-current", "true")
    page.goto("/auth-files")
    view.click()
    expect(page).to_have_url(re.compile("search=crowd-0.*mode=compact"))
    page.get_by_text("Save view").first.click()
    page.get_by_role("button", name="Remove view First hundred").click()
    expect(view).to_have_count(0)


@pytest.mark.parametrize(("theme", "locale"), [("light", "en"), ("dark", "zh-CN")])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_state_is_readable(browser: Browser, page: Page, deck: Deck, theme: str, locale: str, width: int) -> None:
    """Lists in every display, a selection, a preview, the changes: nothing too wide, nothing axe minds."""
    state = page.context.storage_state()
    page.goto("/auth-files")
    context: BrowserContext = browser.new_context(
        base_url=deck.url, storage_state=state, color_scheme=theme, locale=locale,
        viewport={"width": width, "height": 844}, reduced_motion="reduce",
    )  # fmt: skip
    try:
        one = context.new_page()
        for path in (
            "/auth-files",
            "/auth-files?mode=compact&plan=plus",
            "/auth-files?mode=cards&problem=1",
            "/batches",
        ):
            one.goto(path)
            check(one, width)
        for path in ("/auth-files?search=nobody-at-all", "/batches", "/preferences"):
            one.goto(path)
            check(one, width)
        one.goto("/auth-files?search=crowd-00*")
        one.locator("[data-pick]").first.check()
        one.locator(".batch-bar summary").first.click()
        check(one, width)
        one.locator(".batch-bar details[open] button").click()
        one.wait_for_url("**/batches/*")
        check(one, width)
    finally:
        context.close()


def check(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == width, page.url
    assert accessibility(page) == [], page.url


def test_the_storybook_is_there_only_when_asked(page: Page, browser: Browser, tmp_path: Path) -> None:
    page.goto("/storybook")
    expect(page.get_by_role("heading")).to_contain_text("There is nothing at /storybook")
    with serving(tmp_path, filled=False, storybook=True) as (url, house):
        context = browser.new_context(base_url=url)
        one = context.new_page()
        one.goto("/sign-in")
        one.fill("#admin_key", house.admin_key)
        one.locator("button.button--primary").click()
        for scheme in ("light", "dark"):
            one.emulate_media(color_scheme=scheme)
            one.goto("/storybook")
            expect(one.get_by_role("heading", name="Storybook")).to_be_visible()
            assert accessibility(one) == [], scheme
        context.close()


def test_lock_by_key_and_undo(page: Page) -> None:
    page.goto("/auth-files?search=crowd-02*&sort=name")
    page.keyboard.press("j")
    row = page.locator("[data-row].is-cursor")
    page.keyboard.press("l")
    expect(page.locator("[data-toast]")).to_contain_text("is locked")
    expect(row.get_by_text("Locked", exact=True)).to_have_count(1)
    page.keyboard.press("z")
    expect(row.get_by_text("Locked", exact=True)).to_have_count(0)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for key in ("/", "f", "j", "x", "e", "l", "r", "z", "?", "Esc", "1"):
        expect(keys.locator("kbd", has_text=re.compile(f"^{re.escape(key)}$")).first).to_be_visible()


def test_on_a_phone_an_account_is_found_enabled_and_put_back(browser: Browser, page: Page, deck: Deck) -> None:
    """Everything by finger, 390 pixels wide."""
    context = browser.new_context(
        base_url=deck.url, storage_state=page.context.storage_state(), viewport={"width": 390, "height": 844},
        has_touch=True, locale="en",
    )  # fmt: skip
    phone = context.new_page()
    phone.goto("/auth-files")
    phone.locator(".summary__card", has_text="Disabled").tap()
    phone.locator("#q").fill("eve.st")
    row = phone.locator(f"#row-{deck.house.index(EVE)}")
    expect(row).to_contain_text("Disabled")
    expect(phone.locator("[data-row]")).to_have_count(1)
    row.get_by_role("switch").tap()
    expect(phone.locator("[data-toast]")).to_contain_text("is enabled")
    phone.locator("[data-toast]").get_by_role("button", name="Undo").tap()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    row.locator("a[data-open]").tap()
    expect(phone.locator("#drawer")).to_contain_text("ask Eve first")
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert accessibility(phone) == []
    context.close()
    page.goto("/auth-files")


def test_a_bound_is_changed_and_taken_back(page: Page, deck: Deck) -> None:
    page.goto("/settings/automation")
    bound = page.get_by_label(re.compile("^Accounts of one provider that automation may hold"))
    bound.fill("many")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Use a whole number from 0 to 100000.")).to_be_visible()
    expect(bound).to_have_value("many")
    bound.fill("2")
    page.get_by_label("Accounts at a limit rest by themselves").select_option("false")
    page.get_by_role("button", name="Save changes").last.click()
    expect(page.locator("[data-toast]")).to_contain_text("2 settings changed")
    allowed = deck.house.desk.settings.automation
    assert (allowed.accounts_per_hour, allowed.cooldown) == (2, False)
    assert accessibility(page) == []
    page.keyboard.press("z")
    expect(bound).to_have_value("5")
    bound.fill("3")
    page.get_by_role("button", name="Save changes").last.click()
    page.get_by_role("button", name=re.compile("Back to the default: 5")).click()
    expect(bound).to_have_value("5")
    assert deck.house.desk.settings == deck.house.desk.started
