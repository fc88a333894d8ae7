"""A real Chromium on a real console; every test ends with axe looking at the page it ended on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from fakes.browser import Deck, accessibility, is_there, launched, sign_in
from fakes.house import serving

pytestmark = pytest.mark.browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop running in this thread, where no other can run then."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not is_there():
        pytest.skip("no Chromium here")
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    with serving(tmp_path_factory.mktemp("home")) as (url, house):
        yield Deck(url, house)


@pytest.fixture
def context(browser: Browser, deck: Deck) -> Iterator[BrowserContext]:
    made = browser.new_context(base_url=deck.url, locale="en", viewport={"width": 1440, "height": 900})
    made.set_default_timeout(8000)
    yield made
    made.close()


@pytest.fixture
def stranger(context: BrowserContext) -> Iterator[Page]:
    """Not signed in. The page may log no error, and must pass axe at the end."""
    yield from _watched(context)


@pytest.fixture
def page(context: BrowserContext, deck: Deck) -> Iterator[Page]:
    """Signed in as the first operator, an admin."""
    sign_in(context, deck.house.admin_key)
    yield from _watched(context)


def _watched(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    assert errors == []
    assert accessibility(page) == []
