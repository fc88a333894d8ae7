"""Chromium, headless and without a word to the outside."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from fakes.house import House

CHROMIUM = (
    os.environ.get("AUTHDECK_TEST_CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
    or "/usr/bin/chromium"
)
"""Without its windows by preference: drawing them, for nobody, costs almost as much as the pages."""
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"
RULES = "axe.run(document, {resultTypes: ['violations']})"


@dataclass
class Deck:
    """The console's address and what is in it."""

    url: str
    house: House


def is_there() -> bool:
    return os.path.exists(CHROMIUM)  # noqa: PTH110


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def opens_no_tabs(context: BrowserContext) -> None:
    """As a browser that lets no page open a tab by itself. A link that is clicked still may."""
    context.add_init_script("window.open = () => null")


def sign_in(context: BrowserContext, admin_key: str) -> None:
    """Through the form, but without drawing it. Once a context: who is signed in already stays it."""
    if any(cookie["name"].startswith("authdeck_session") for cookie in context.cookies()):
        return
    form = context.request.get("/sign-in", headers={"accept": "text/html"}).text()
    token = re.search(r'name="csrf" value="([^"]+)"', form)
    assert token is not None, form
    answer = context.request.post(
        "/sign-in", form={"csrf": token[1], "admin_key": admin_key}, headers={"accept": "text/html"}, max_redirects=0
    )
    assert answer.status == 303, answer.text()


def hold(page: Page, address: str) -> list[Route]:
    """From now on, requests for the address wait here until somebody continues them."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def shown_as(page: Page, plain: Page) -> None:
    """What another page shows without scripts, once more where axe, which is a script, can look at it."""
    address, text = plain.url, plain.content()
    page.route(re.compile(r"\.js$"), lambda route: route.abort())
    page.route(lambda url: url == address, lambda route: route.fulfill(body=text, content_type="text/html"))
    page.goto(address)


def accessibility(page: Page) -> list[str]:
    """What axe finds, one line each."""
    if not AXE.exists():
        pytest.skip("axe-core is not fetched: run make test once")
    page.evaluate(AXE.read_text())
    found = page.evaluate(RULES)["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]
