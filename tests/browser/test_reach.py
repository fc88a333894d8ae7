"""Copying a client's address from an account's settings and using it: a real server, a real request."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from authdeck.simulator import Simulator
from browser.conftest import accessibility
from fakes.browser import sign_in
from fakes.deck import ADMIN_KEY, Deck


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest.fixture
def real(tmp_path, simulator: Simulator) -> Iterator[Deck]:
    started = Deck(tmp_path / "home", simulator)
    try:
        yield started.start()
    finally:
        started.close()


def test_an_address_is_copied_and_used(browser: Browser, real: Deck, simulator: Simulator) -> None:
    ann, bob = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob"))
    of_ann, _ = real.add(ann, bob)
    real.acknowledge(["codex"])
    key = real.new_key("ann-laptop")
    context = browser.new_context(base_url=real.url, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    sign_in(context, ADMIN_KEY)
    page.goto(f"/auth-files/{of_ann}?tab=settings")
    page.get_by_label("Prefix").fill("ann-only")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("button", name="Copy OpenAI, Codex CLI").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == f"{real.url}/p/ann-only/v1"

    for _ in range(2):
        answer = httpx2.post(
            f"{address}/responses",
            json={"model": "gpt-5.5", "input": "hello", "stream": True, "store": False},
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
        )
        assert answer.status_code == 200
        assert answer.headers["x-authdeck-account"] == of_ann

    page.get_by_role("link", name="Overview").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_text("Send one request").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("main")).to_contain_text("authdeck console")
    assert accessibility(page) == []
    context.close()
