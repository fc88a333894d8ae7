"""Sign-ins that do not go straight: another account, too late, twice, a taken port, a server that restarts."""

import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import func, select, update

from authdeck.simulator import Simulator
from authdeck.storage import tables
from browser.conftest import accessibility
from fakes import deck as real_deck
from fakes.auth_files import take_in
from fakes.browser import Deck, opens_no_tabs, sign_in
from fakes.house import House, serving
from fakes.sign_ins import came_back_to, providers

ANN = "codex-ann@example.com-plus.json"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as made:
        yield made


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Deck]:
    async def with_ann(house: House) -> None:
        report = await take_in(house.desk, simulator.auth_file(simulator.account("codex", "ann@example.com")))
        house.indexes["ann"] = str(report.items[0].auth_index)
        for name in ("near", "apart"):
            half = {"type": "codex", "access_token": f"at_FAKE_{name}", "account_id": f"org-{name}"}
            await take_in(house.desk, (f"half-{name}.json", json.dumps(half).encode()))

    home = tmp_path_factory.mktemp("home")
    with serving(home, filled=False, providers=providers(simulator), also=with_ann) as (url, house):
        yield Deck(url, house)


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """The test is the browser that goes to the provider's page."""
    opens_no_tabs(context)
    return context


def leads_to(page: Page) -> str:
    return page.locator("a[href*=authorize]").get_attribute("href") or ""


def begin(page: Page, name: str) -> None:
    page.goto("/oauth-login")
    page.get_by_role("button", name=f"Start {name}", exact=True).click()
    page.wait_for_url("**/oauth-login/*")


def paste(page: Page, address: str) -> None:
    page.get_by_label("Call-back address").fill(address)
    page.get_by_role("button", name="Finish").click()


def test_another_account_than_the_expected_one_is_shown_first(page: Page, deck: Deck, simulator: Simulator) -> None:
    index, before = deck.house.index("ann"), len(deck.house.desk.directory)
    page.goto(f"/auth-files/{index}")
    page.get_by_role("link", name="Sign in again").first.click()
    expect(page.get_by_text("never saved over it")).to_be_visible()
    expect(page.get_by_role("heading", name="Claude")).to_have_count(0)
    page.get_by_role("button", name="Start Codex").click()
    simulator.approve(simulator.account("codex", "eve@example.com"))
    paste(page, came_back_to(leads_to(page)))

    expect(page.get_by_text("Another account signed in")).to_be_visible()
    assert len(deck.house.desk.directory) == before
    assert accessibility(page) == []
    page.get_by_role("button", name="Keep it as the account that it is").click()
    expect(page.get_by_role("status").filter(has_text="New account")).to_be_visible()
    assert len(deck.house.desk.directory) == before + 1


def test_the_same_account_is_updated_in_its_place(page: Page, deck: Deck, simulator: Simulator) -> None:
    index = deck.house.index("ann")
    page.goto(f"/oauth-login?account={index}")
    page.get_by_role("button", name="Start Codex").click()
    ann = simulator.world.accounts.by_identity("codex", "ann@example.com")
    assert ann is not None
    simulator.approve(ann)
    paste(page, came_back_to(leads_to(page)))

    expect(page.get_by_role("status").filter(has_text="Same account, new tokens")).to_be_visible()
    assert deck.house.desk.directory.get(index) is not None


@pytest.mark.parametrize("choice", ["It is half-near.json: update it", "Keep it as the account that it is"])
def test_a_near_match_is_asked(page: Page, deck: Deck, simulator: Simulator, choice: str) -> None:
    who = "near" if choice.startswith("It is") else "apart"
    begin(page, "Codex")
    simulator.approve(simulator.account("codex", f"{who}@example.com", organization=f"org-{who}"))
    paste(page, came_back_to(leads_to(page)))

    expect(page.get_by_text("shares its e-mail, its workspace or its user")).to_be_visible()
    expect(page.locator("dd", has_text="•••@example.com")).to_be_visible()
    expect(page.get_by_text(f"Organisation org-{who}")).to_be_visible()  # what is known of the one that is here
    assert accessibility(page) == []
    before = len(deck.house.desk.directory)
    page.get_by_role("button", name=choice).click()
    outcome = "Same account, new tokens" if who == "near" else "New account"
    expect(page.get_by_role("status").filter(has_text=outcome)).to_be_visible()
    assert len(deck.house.desk.directory) == before + (who == "apart")


def test_one_low_cost_request_shows_its_row_here(page: Page, simulator: Simulator) -> None:
    begin(page, "Claude")
    simulator.approve(simulator.account("claude", "mia@example.com"))
    paste(page, came_back_to(leads_to(page)))
    page.get_by_text("Send one request").click()
    page.get_by_label("Model").fill("claude-haiku-5")
    page.get_by_role("button", name="Send it").click()

    expect(page).to_have_url(re.compile("/oauth-login/[0-9a-f]{32}$"))
    row = page.locator("table", has_text="The request that was sent").locator("tbody tr")
    expect(row).to_contain_text("200")
    page.goto("/oauth-login")  # and so does what was finished today, for everybody
    finished = page.get_by_role("region", name="Finished today").locator("tr", has_text="mi•••@")
    finished.get_by_role("link", name="200").click()
    expect(page).to_have_url(re.compile("/monitoring/"))


def test_too_late_is_said_and_begun_again(page: Page, deck: Deck, simulator: Simulator) -> None:
    begin(page, "Codex")
    address, back = page.url, came_back_after(page, simulator, "late@example.com")
    over = update(tables.logins).values(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    deck.house.desk.database.write_now(lambda connection: connection.execute(over))
    before = len(deck.house.desk.directory)
    paste(page, back)

    expect(page.get_by_role("heading", name="Codex: not signed in")).to_be_visible()
    assert len(deck.house.desk.directory) == before
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("link", name="Open Codex’s page")).to_be_visible()
    assert page.url != address


def came_back_after(page: Page, simulator: Simulator, identity: str) -> str:
    simulator.approve(simulator.account("codex", identity))
    return came_back_to(leads_to(page))


def test_sent_twice_it_counts_once(page: Page, deck: Deck, simulator: Simulator) -> None:
    """Two tabs of one person: the second is told, and both end at the same account."""
    begin(page, "Codex")
    other = page.context.new_page()
    other.goto(page.url)
    back, before = came_back_after(page, simulator, "twice@example.com"), len(deck.house.desk.directory)
    other.get_by_label("Call-back address").fill(back)
    paste(page, back)
    expect(page.get_by_role("status").filter(has_text="New account")).to_be_visible()
    expect(other.get_by_role("status").filter(has_text="New account")).to_be_visible()  # it noticed by itself
    assert len(deck.house.desk.directory) == before + 1
    other.close()


def test_started_twice_it_is_one(page: Page, deck: Deck) -> None:
    count = select(func.count()).select_from(tables.logins)
    before = deck.house.desk.database.read_now(lambda connection: connection.execute(count).scalar_one())
    page.goto("/oauth-login")
    page.get_by_role("button", name="Start Claude", exact=True).dblclick()
    page.wait_for_url("**/oauth-login/*")
    after = deck.house.desk.database.read_now(lambda connection: connection.execute(count).scalar_one())
    assert after == before + 1


def test_two_side_by_side_are_told_apart(page: Page, simulator: Simulator) -> None:
    """In two tabs of one browser: each takes its own address, and says whose the other's is."""
    begin(page, "Codex")
    other = page.context.new_page()
    begin(other, "Claude")
    simulator.approve(simulator.account("codex", "one@example.com"))
    simulator.approve(simulator.account("claude", "other@example.com"))
    ones, others = came_back_to(leads_to(page)), came_back_to(leads_to(other))
    paste(page, others)
    expect(page.locator("#cb-note")).to_contain_text("belongs to another sign-in that you began")
    for tab, back in ((page, ones), (other, others)):
        paste(tab, back)
        expect(tab.get_by_role("status").filter(has_text="New account")).to_be_visible()
    other.close()


def test_declined_at_the_provider(page: Page, deck: Deck, simulator: Simulator) -> None:
    begin(page, "Antigravity")
    before = len(deck.house.desk.directory)
    simulator.world.denying.add("antigravity")
    paste(page, came_back_to(leads_to(page)))
    expect(page.get_by_text("the sign-in was declined. Nothing was saved.")).to_be_visible()
    assert len(deck.house.desk.directory) == before
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


def test_a_device_that_declines_and_one_that_is_too_late(page: Page, deck: Deck, simulator: Simulator) -> None:
    """Nobody clicks anything here: each page notices by itself."""
    before = len(deck.house.desk.directory)
    begin(page, "xAI")
    simulator.world.end_devices()
    other = page.context.new_page()
    begin(other, "Kimi")
    simulator.world.denying.add("kimi")
    expect(page.get_by_text("code ran out before it was entered")).to_be_visible(timeout=20_000)
    expect(other.get_by_text("the sign-in was declined")).to_be_visible(timeout=20_000)
    assert len(deck.house.desk.directory) == before
    other.close()


def test_it_is_seen_while_the_code_is_exchanged(page: Page, simulator: Simulator) -> None:
    begin(page, "Codex")
    other = page.context.new_page()
    other.goto(page.url)
    back = came_back_after(page, simulator, "slow@example.com")
    simulator.fail(path="/oauth/token", stall_after_events=0)
    paste(page, back)
    for tab in (page, other):
        expect(tab.get_by_role("heading", name="Codex: being finished")).to_be_visible()
        expect(tab.get_by_label("Call-back address")).to_have_count(0)
    assert accessibility(other) == []
    simulator.release()
    for tab in (page, other):
        expect(tab.get_by_role("status").filter(has_text="New account")).to_be_visible()
    other.close()


def test_a_taken_port_is_said_and_pasting_works(page: Page, deck: Deck, simulator: Simulator) -> None:
    deck.house.ports.taken.add(51121)  # a port that no sign-in of another test still holds
    begin(page, "Antigravity")
    expect(page.get_by_text("Port 51121 of the server is taken by another program")).to_be_visible()
    simulator.approve(simulator.account("antigravity", "port@example.com"))
    paste(page, came_back_to(leads_to(page)))

    expect(page.get_by_role("status").filter(has_text="New account")).to_be_visible()


def test_two_operators_do_not_meet(browser: Browser, page: Page, deck: Deck, simulator: Simulator) -> None:
    begin(page, "Codex")
    context = browser.new_context(base_url=deck.url, locale="en")
    opens_no_tabs(context)
    bob = context.new_page()
    sign_in(context, deck.house.admin_key)  # the same person in another browser is another session
    bob.goto(page.url)
    expect(bob.get_by_role("heading")).to_contain_text("There is no such sign-in here")
    expect(bob.get_by_label("Call-back address")).to_have_count(0)
    begin(bob, "Codex")
    paste(bob, came_back_after(page, simulator, "first@example.com"))
    expect(bob.locator("#cb-note")).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    ("theme", "locale", "width"), [("light", "zh-CN", 390), ("dark", "en", 390), ("dark", "zh-CN", 1440)]
)
def test_every_state_is_readable(browser: Browser, page: Page, deck: Deck, theme: str, locale: str, width: int) -> None:
    state = page.context.storage_state()
    page.goto("/oauth-login")
    context = browser.new_context(
        base_url=deck.url, storage_state=state, color_scheme=theme, locale=locale,
        viewport={"width": width, "height": 844},
    )  # fmt: skip
    opens_no_tabs(context)
    one = context.new_page()
    for provider, way in (("", ""), ("codex", "browser"), ("kimi", "device")):
        one.goto("/oauth-login")
        if provider:
            one.locator(f"form:has([value={provider}]):has([value={way}]) button").first.click()
            one.wait_for_url("**/oauth-login/*")
        assert one.evaluate("document.documentElement.scrollWidth") == width
        assert accessibility(one) == []
    one.locator("form[action$=cancel] button").click()
    one.wait_for_selector("form:has([name=way]) button")
    assert accessibility(one) == []
    context.close()


# ---- on a real server ----


@pytest.fixture
def real(tmp_path: Path, simulator: Simulator) -> Iterator[real_deck.Deck]:
    started = real_deck.Deck(tmp_path / "home", simulator)
    try:
        yield started.start()
    finally:
        started.close()


@pytest.fixture
def at_real(browser: Browser, real: real_deck.Deck) -> Iterator[Page]:
    context = browser.new_context(base_url=real.url, locale="en")
    context.set_default_timeout(15_000)
    page = context.new_page()
    sign_in(context, real_deck.ADMIN_KEY)
    yield page
    assert accessibility(page) == []
    context.close()


def test_a_restart_in_the_middle_is_not_noticed(at_real: Page, real: real_deck.Deck, simulator: Simulator) -> None:
    begin(at_real, "Claude")
    simulator.approve(simulator.account("claude", "restart@example.com"))
    back = came_back_to(leads_to(at_real))
    real.kill()
    real.start()
    at_real.reload()
    paste(at_real, back)

    expect(at_real.get_by_role("status").filter(has_text="New account")).to_be_visible()


def test_the_whole_way_in_a_browser_of_the_same_machine(at_real: Page, simulator: Simulator) -> None:
    """Start is the only click: the provider's page opens, leads back to the port, and the console's page notices."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 51121)) == 0:
            pytest.skip("another program has the port of the way back")
    simulator.approve(simulator.account("antigravity", "whole@example.com"))
    with at_real.context.expect_page() as opened:
        begin(at_real, "Antigravity")
    expect(opened.value.locator("body")).to_contain_text("signed in", ignore_case=True)
    assert opened.value.evaluate("window.opener") is None
    expect(at_real.get_by_role("status").filter(has_text="New account")).to_be_visible()
