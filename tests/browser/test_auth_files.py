import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

ANN = "codex-ann@example.com-plus.json"
ZOE = "codex-zoe@example.com-plus.json"
KIM = "codex-kim@example.com-plus.json"


def test_it_works(page: Page) -> None:
    page.goto("/auth-files")
    expect(page.locator("[data-row]")).to_have_count(14)
    expect(page.get_by_role("link", name=re.compile("^Total"))).to_have_attribute("aria-current", "true")


def test_typing_filters_and_keeps_the_cursor_in_the_field(page: Page) -> None:
    page.goto("/auth-files")
    page.keyboard.press("f")
    page.keyboard.type("zoe")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]search=zoe"))
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("@nowhere")
    expect(page.get_by_role("heading", name="No account matches")).to_be_visible()


def test_what_is_typed_while_the_page_still_loads_is_asked_for(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/htmx.min*.js", hold)
    page.goto("/auth-files", wait_until="commit")
    page.locator("#q").press_sequentially("zoe")
    held.pop().continue_()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]search=zoe"))


def test_a_count_filters(page: Page) -> None:
    page.goto("/auth-files")
    page.get_by_role("link", name=re.compile("^Disabled")).click()
    expect(page.locator("[data-row]")).to_have_count(2)


def test_the_switch_changes_its_row_alone_and_can_be_undone(page: Page, deck) -> None:
    page.goto("/auth-files?q=zoe")
    page.evaluate("document.body.dataset.same = 'yes'")
    row = page.locator(f"#row-{deck.house.index(ZOE)}")
    row.get_by_role("switch").click()
    expect(row).to_contain_text("Disabled by admin")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(page.locator("[data-toast]")).to_contain_text("is disabled")
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    assert page.evaluate("document.body.dataset.same") == "yes"


def test_keys_move_disable_and_enable(page: Page, deck) -> None:
    page.goto("/auth-files?q=kim")
    page.keyboard.press("j")
    row = page.locator(f"#row-{deck.house.index(KIM)}")
    expect(row).to_have_class(re.compile("is-cursor"))
    page.keyboard.press("d")
    expect(row).to_contain_text("Disabled by admin")
    page.keyboard.press("z")
    expect(row).not_to_contain_text("Disabled by admin")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_reason_is_kept(page: Page, deck) -> None:
    page.goto(f"/auth-files/{deck.house.index(ANN)}")
    page.get_by_label("Why?").fill("audit")
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".verdict")).to_contain_text("Disabled by admin: “audit”.")
    page.locator(".verdict").get_by_role("button", name="Enable").click()
    expect(page.locator(".verdict")).to_contain_text("It serves")


def test_identities_are_masked_until_asked(page: Page) -> None:
    page.goto("/auth-files?q=eve")
    expect(page.locator(".who__name")).to_have_text("codex-eve•••@example.com-plus.json")
    page.get_by_role("switch", name="Masked identities").click()
    expect(page.locator(".who__name")).to_have_text("codex-eve.stone@example.com-plus.json")
    page.get_by_role("switch", name="Masked identities").click()


SMALL = """() => [...document.querySelectorAll('button, summary, select, .button, .tabs a, .segmented > *')]
  .filter((one) => one.checkVisibility() && !one.classList.contains('sr'))
  .map((one) => {
    const wider = getComputedStyle(one, '::before');
    const reach = wider.position === 'absolute' ? -parseFloat(wider.top) - parseFloat(wider.bottom) : 0;
    return [Math.round(one.getBoundingClientRect().height + reach), one.outerHTML.slice(0, 80)];
  })
  .filter(([height]) => height < 40)"""


@pytest.mark.parametrize(
    "path", ["/auth-files", "/auth-files?mode=cards", "/auth-files#nav", "/monitoring", "/client-keys"]
)
def test_a_finger_hits_every_control(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path)
    assert page.evaluate(SMALL) == []


@pytest.mark.parametrize("mode", ["table", "compact", "cards"])
def test_it_fits_a_phone(page: Page, mode: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/auth-files?mode={mode}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Open navigation").click()
    expect(page.get_by_role("link", name="Monitoring")).to_be_visible()


def test_without_scripts_forms_do_it(browser: Browser, page: Page, deck) -> None:
    plain = browser.new_context(
        base_url=deck.url, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    other = plain.new_page()
    other.goto("/auth-files")
    other.fill("#q", "zoe")
    other.get_by_role("button", name="Apply").click()
    expect(other.locator("[data-row]")).to_have_count(1)
    other.get_by_role("switch", name=re.compile("Enabled: codex-zo")).click()
    expect(other.locator("[data-toast]")).to_contain_text("is disabled")
    other.get_by_role("button", name="Undo").click()
    expect(other.get_by_role("switch", name=re.compile("Enabled: codex-zo"))).to_have_attribute("aria-checked", "true")
    plain.close()
    page.goto("/auth-files?q=zoe")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_theme_is_there_from_the_first_byte(page: Page, theme: str) -> None:
    page.goto("/auth-files")
    page.get_by_role("button", name=theme).click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme.lower())
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="认证文件")).to_be_visible()
