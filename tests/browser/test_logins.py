"""Signing in at simulated providers, as a person sees it."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from authdeck.simulator import Simulator
from fakes.browser import Deck, opens_no_tabs
from fakes.house import serving
from fakes.sign_ins import came_back_to, providers


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as made:
        yield made


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Deck]:
    home = tmp_path_factory.mktemp("home")
    with serving(home, filled=False, providers=providers(simulator)) as (url, house):
        yield Deck(url, house)


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """The test is the browser that goes to the provider's page."""
    opens_no_tabs(context)
    return context


def start(page: Page, name: str, button: str = "Start") -> None:
    page.goto("/oauth-login")
    page.get_by_role("button", name=f"{button} {name}").click()


@pytest.mark.parametrize("name", ["Codex", "Claude", "Antigravity"])
def test_by_pasting_the_address(page: Page, simulator: Simulator, name: str) -> None:
    simulator.approve(simulator.account(name.lower(), f"ann-{name.lower()}@example.com"))
    start(page, name)
    url = page.get_by_role("link", name=f"Open {name}’s page").get_attribute("href")
    back = came_back_to(url or "")
    page.get_by_label("Call-back address").fill(back.partition("&state")[0])
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text("The address has no state")).to_be_visible()

    page.get_by_label("Call-back address").fill(back)
    page.get_by_role("button", name="Finish").click()

    expect(page.get_by_role("status").filter(has_text="New account")).to_be_visible()


@pytest.mark.parametrize(("name", "button"), [("Kimi", "Start"), ("xAI", "Start"), ("Codex", "By code")])
def test_the_page_notices_an_approved_device_by_itself(
    page: Page, simulator: Simulator, name: str, button: str
) -> None:
    start(page, name, button)
    expect(page.get_by_text("FAKE-CODE").first).to_be_visible()
    simulator.approve(simulator.account(name.lower(), f"bob-{name.lower()}@example.com"))

    expect(page.get_by_role("status").filter(has_text="New account")).to_be_visible(timeout=20_000)


def test_a_service_account_is_imported_with_its_location(page: Page, simulator: Simulator) -> None:
    key = json.loads(simulator.auth_file(simulator.account("vertex", "robot"))[1])["service_account"]
    page.goto("/oauth-login")
    page.get_by_role("complementary", name="Start a sign-in").get_by_role("link", name="Import").click()
    page.get_by_label("Document").fill(json.dumps(key))
    page.get_by_label("Location").fill("europe-west4")
    page.get_by_role("button", name="Preview").click()
    page.locator("main form button.button--primary").click()
    page.wait_for_load_state()
    page.goto("/auth-files?provider=vertex")
    expect(page.locator("main").get_by_text("vertex").first).to_be_visible()
    expect(page.get_by_role("table").locator("tbody tr")).to_have_count(1)


def test_a_pending_one_is_read_well_and_cancelled(page: Page) -> None:
    start(page, "Codex", "By code")
    expect(page.get_by_role("img", name="QR code of the address")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("Nothing of it was saved")).to_be_visible()


def test_a_waiting_device_code(page: Page) -> None:
    start(page, "Codex", "By code")

    expect(page).to_have_url(re.compile("/oauth-login/[0-9a-f]{32}$"))
