"""The page Quota by hand, at simulated providers: look, ask one, ask many and leave, use a reset credit."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from authdeck.operations.import_files import Source, import_files
from authdeck.simulator import Simulator
from fakes.browser import Deck, accessibility, sign_in
from fakes.house import House, serving
from fakes.people import ANN
from fakes.sign_ins import providers

WAITING = 3


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Deck]:
    people = [simulator.account("codex", f"p{n}@example.com", plan="team") for n in range(8)]
    people.append(simulator.account("claude", "bob@example.com", plan="max"))
    for n, person in enumerate(people[:WAITING]):
        simulator.use_up(person, for_=timedelta(hours=2 + n))
    people[3].reset_credits.append(simulator.world.clock.now() + timedelta(days=20))

    async def fill(house: House) -> None:
        await import_files(house.desk, [Source(*simulator.auth_file(person)) for person in people], ANN)

    home = tmp_path_factory.mktemp("home")
    with serving(home, filled=False, providers=providers(simulator), also=fill) as (url, house):
        yield Deck(url, house)


def test_many_are_asked_and_it_goes_on_elsewhere(page: Page, simulator: Simulator) -> None:
    page.goto("/quota")
    expect(page.locator("#accounts")).to_contain_text("Not known yet")
    assert simulator.seen("/wham/usage") == []
    page.get_by_text("Query quota…").click()
    page.get_by_role("button", name="Query 9 accounts").click()
    expect(page).to_have_url(re.compile("/batches/"))
    page.goto("/quota")  # leaving does not stop it
    _until_told(page)
    expect(page.locator(".back-list li")).to_have_count(WAITING)
    assert len(simulator.seen("/wham/usage")) == 8


def _until_told(page: Page) -> None:
    """Looking again and again is what a person would do; the page itself asks nobody."""
    for _ in range(60):
        if not page.locator("#accounts .quota__none").count():
            return
        page.wait_for_timeout(250)
        page.reload()
    raise AssertionError("the query never ended")


def test_one_is_asked_by_its_button(page: Page, simulator: Simulator) -> None:
    page.goto("/quota?provider=claude")
    page.get_by_role("button", name=re.compile("^Query the quota of claude")).click()
    expect(page.locator("#toasts")).to_contain_text("The provider told what is left")
    expect(page.locator("#accounts")).to_contain_text("opus")
    assert simulator.seen("/api/oauth/usage")


def test_a_selection_by_keyboard(page: Page) -> None:
    page.goto("/quota?sort=name")
    page.keyboard.press("j")
    page.keyboard.press("x")
    bar = page.locator("#ask")
    expect(bar).to_be_visible()
    bar.get_by_role("button", name="Query quota").click()
    expect(page).to_have_url(re.compile("/batches/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Query quota")


def test_the_drawer_asks_and_a_reset_credit_is_used(page: Page, simulator: Simulator) -> None:
    page.goto("/quota?search=p3")
    page.locator("#accounts a[data-open]").first.click()
    drawer = page.locator("#drawer")
    drawer.get_by_role("button", name="Query now").click()
    expect(drawer.locator("[role=status]")).to_contain_text("The provider told what is left")
    drawer.get_by_text("Use a reset credit…").click()
    index = drawer.locator(".copy[data-copy]").first.get_attribute("data-copy")
    assert index
    drawer.get_by_label("Type the auth_index to confirm").fill(index)
    drawer.get_by_role("button", name="Use one reset credit").click()
    expect(drawer).to_contain_text("its windows began anew")
    assert len(simulator.seen("/consume")) == 1


LOOKS = [(1440, "dark", "zh-CN"), (390, "light", "en"), (390, "dark", "zh-CN")]


@pytest.mark.parametrize(("width", "scheme", "locale"), LOOKS)
def test_small_dark_and_in_chinese(browser: Browser, deck: Deck, width: int, scheme: Any, locale: str) -> None:
    context = browser.new_context(
        base_url=deck.url, viewport={"width": width, "height": 844}, color_scheme=scheme, locale=locale
    )
    page = context.new_page()
    sign_in(context, deck.house.admin_key)
    page.goto("/quota")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert accessibility(page) == []
    context.close()


def test_without_scripts(browser: Browser, deck: Deck) -> None:
    context = browser.new_context(base_url=deck.url, java_script_enabled=False, locale="en")
    page = context.new_page()
    sign_in(context, deck.house.admin_key)
    page.goto("/quota?search=p4")
    page.get_by_role("button", name=re.compile("^Query the quota of")).click()
    expect(page.locator("#toasts")).to_contain_text("The provider told what is left")
    page.goto("/quota?search=p4")
    page.locator("#accounts tbody [data-pick]").first.check()
    page.locator("#ask").get_by_role("button", name="Query quota").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Query quota")
    context.close()
