"""Chromium, headless and without a word to the outside."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("AUTHDECK_TEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


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


def sign_in(page: Page, admin_key: str) -> None:
    """Once a context: who is signed in already stays it."""
    if any(cookie["name"].startswith("authdeck_session") for cookie in page.context.cookies()):
        return
    page.goto("/sign-in")
    page.fill("#admin_key", admin_key)
    page.locator("button.button--primary").click()
    page.wait_for_url("**/auth-files")
