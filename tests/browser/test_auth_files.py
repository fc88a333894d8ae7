import re

import pytest
from playwright.sync_api import Browser, Page, expect

from fakes.browser import hold, shown_as, sign_in

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
    held = hold(page, "**/htmx.min.*")
    with page.expect_request("**/htmx.min.*"):
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


def test_enter_opens_and_e_enables(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/auth-files?search=bob&provider=codex")
    row = page.locator("[data-row]")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("z")
    expect(row).to_contain_text("do not use until the audit is over")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="codex-bo•••@example.com-plus.json")).to_be_visible()


def test_a_rows_menu_and_the_key_l_lock_it(page: Page, deck) -> None:
    index = deck.house.index(KIM)
    page.goto("/auth-files")
    row = page.locator(f"#row-{index}")
    row.get_by_role("link", name="More for codex-ki").click()
    expect(row.get_by_role("link", name="Requests of this account")).to_have_attribute(
        "href", f"/monitoring?account={index}"
    )
    expect(row.get_by_role("button", name="Unlock")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(row.get_by_role("button", name="Delete…")).not_to_be_visible()
    row.locator("summary").click()
    row.get_by_role("button", name="Lock against automation").click()
    expect(row.locator(".tag", has_text="Locked")).to_be_visible()
    while "is-cursor" not in (row.get_attribute("class") or ""):
        page.keyboard.press("j")
    page.keyboard.press("l")
    expect(row.locator(".tag", has_text="Locked")).to_have_count(0)


def test_what_a_row_tells_needs_no_pointer(page: Page, deck) -> None:
    page.goto("/auth-files")
    mia = page.locator(f"#row-{deck.house.index('codex-mia@example.com-plus.json')} .c-state")
    expect(mia.locator(".cell-two > .clip")).to_contain_text(re.compile(r"^cooldown · .* until (\w{3} )?\d\d:\d\d"))
    eve = page.locator(f"#row-{deck.house.index('codex-eve.stone@example.com-plus.json')} .c-state")
    expect(eve.locator(".cell-two > .clip")).to_contain_text("operator · ")
    expect(eve.locator(".tag--more")).to_have_text("credential")
    page.goto("/auth-files?mode=compact")
    expect(page.locator(f"#row-{deck.house.index(ANN)} .c-requests .health")).to_be_visible()


def test_the_current_tab_is_in_sight(page: Page, deck) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/auth-files/{deck.house.index(ANN)}?tab=diagnostics")
    expect(page.locator(".account-tabs [aria-current]")).to_be_in_viewport(ratio=0.9)


SHIFTS = """() => new Promise((tell) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
    .observe({ type: 'layout-shift', buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => tell(sum)));
})"""


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_jumps(page: Page, deck, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for place in ("/auth-files", "/auth-files?mode=cards", f"/auth-files/{deck.house.index(ANN)}", "/monitoring"):
        page.goto(place)
        page.wait_for_function("document.readyState === 'complete' && !!window.htmx")
        assert page.evaluate(SHIFTS) < 0.1, place
    page.goto("/auth-files")
    page.locator(f"#row-{deck.house.index(ANN)} [data-open]").click()
    expect(page.locator("#drawer .verdict")).to_be_visible()
    assert page.evaluate(SHIFTS) < 0.1
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()


MOVING = """() => document.getAnimations().filter((one) => one.effect.getComputedTiming().activeDuration > 0).length"""


def test_whoever_wants_less_motion_sees_none(page: Page, deck) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/auth-files")
    row = page.locator(f"#row-{deck.house.index(ZOE)}")
    row.get_by_role("switch").click()
    expect(page.locator("[data-toast]")).to_be_visible()
    assert page.evaluate(MOVING) == 0
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    row.locator("[data-open]").click()
    expect(page.locator("#drawer .verdict")).to_be_visible()
    assert page.evaluate(MOVING) == 0


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


def test_a_switch_that_could_not_be_sent_stays_as_it_was_until_it_is_tried_again(page: Page, deck) -> None:
    page.goto("/auth-files")
    row = page.locator(f"#row-{deck.house.index(ZOE)}")
    row.get_by_role("checkbox").check()
    page.route("**/disablement", lambda route: route.abort("connectionrefused"))
    row.get_by_role("switch").click()
    toast = page.locator("#toasts [data-failure]")
    expect(toast).to_contain_text("No answer from authdeck")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    expect(row.get_by_role("checkbox")).to_be_checked()
    page.unroute("**/disablement")
    toast.get_by_role("button", name="Try again").click()
    expect(row).to_contain_text("Disabled by admin")
    expect(toast).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")


def test_what_was_typed_offline_is_still_there(page: Page) -> None:
    page.goto("/auth-files")
    page.context.set_offline(True)
    page.locator("#q").fill("zoe")
    toast = page.locator("[data-failure=unsent]")
    expect(toast).to_be_visible()
    expect(page.locator("#q")).to_have_value("zoe")
    expect(page.locator("[data-row]")).to_have_count(14)
    page.context.set_offline(False)
    toast.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(toast).to_have_count(0)


def test_an_account_that_does_not_come_leaves_the_list_alone(page: Page, deck) -> None:
    page.goto("/auth-files")
    address = f"**/auth-files/{deck.house.index(ZOE)}"
    page.route(address, lambda route: route.fulfill(status=502, body="<html><h1>Bad gateway</h1></html>"))
    page.locator(f"#row-{deck.house.index(ZOE)} [data-open]").click()
    toast = page.locator("[data-failure=foreign]")
    expect(toast).to_contain_text("Status 502")
    expect(page).to_have_url(re.compile("/auth-files$"))
    expect(page.locator("#drawer")).not_to_be_visible()
    page.unroute(address)
    toast.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog", name=re.compile("zo"))).to_be_visible()
    expect(page).to_have_url(re.compile(deck.house.index(ZOE)))


def test_a_slow_account_is_awaited_in_its_place(page: Page, deck) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/auth-files")
    held = hold(page, f"**/auth-files/{deck.house.index(ZOE)}")
    link = page.locator(f"#row-{deck.house.index(ZOE)} [data-open]")
    link.click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_role("heading")).to_contain_text("codex-zo")
    expect(drawer.locator(".skeleton").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(page).to_have_url(re.compile("/auth-files$"))
    link.click()
    expect(drawer.locator(".skeleton").first).to_be_visible()
    before = drawer.bounding_box()
    for route in held:
        route.continue_()
    expect(drawer.locator(".verdict")).to_be_visible()
    expect(drawer.locator("#drawer-title")).to_be_focused()
    assert drawer.bounding_box() == before
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/auth-files$"))


def test_closing_the_drawer_leaves_the_page_as_it_is(page: Page, deck) -> None:
    """Whoever listens first for going back: htmx does where our script comes late."""
    late = hold(page, "**/static/console.*.js")
    page.goto("/auth-files", wait_until="commit")
    expect(page.locator("[data-htmx-powered]").first).to_be_attached()
    late.pop().continue_()
    page.wait_for_load_state()
    page.evaluate("window.isTheSame = true")
    page.locator(f"#row-{deck.house.index(ZOE)} [data-open]").click()
    expect(page.locator("#drawer .verdict")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/auth-files$"))
    page.evaluate("async () => await window.navigation?.transition?.finished")
    assert page.evaluate("window.isTheSame")
    expect(page.locator("#drawer")).not_to_be_visible()


def test_a_list_that_is_awaited_keeps_its_room(page: Page) -> None:
    page.goto("/auth-files")
    held = hold(page, "**/auth-files?search=zoe*")
    place = page.locator("#accounts").bounding_box()
    page.locator("#q").fill("zoe")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#main")).to_have_css("opacity", "0.55")
    assert page.locator("#accounts").bounding_box() == place
    held.pop().continue_()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("#main")).not_to_have_attribute("aria-busy", "true")


def test_who_signs_in_anew_elsewhere_goes_on_here(page: Page, deck) -> None:
    page.goto("/auth-files")
    row = page.locator(f"#row-{deck.house.index(ZOE)}")
    row.get_by_role("checkbox").check()
    page.context.clear_cookies()
    row.get_by_role("switch").click()
    toast = page.locator("[data-failure=ended]")
    expect(toast).to_contain_text("Your session has ended")
    with page.expect_popup() as opened:
        toast.get_by_role("link").click()
    sign_in(page.context, deck.house.admin_key)
    opened.value.close()
    toast.get_by_role("button", name="Try again").click()
    expect(row).to_contain_text("Disabled by admin")
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")


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
    other.get_by_role("link", name="More for codex-zo").click()
    expect(other.get_by_role("heading", name="Take it out of use")).to_be_visible()
    other.go_back()
    shown_as(page, other)
    plain.close()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_theme_is_there_from_the_first_byte(page: Page, theme: str) -> None:
    page.goto("/auth-files")
    page.get_by_role("button", name=theme).click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme.lower())
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="认证文件")).to_be_visible()
