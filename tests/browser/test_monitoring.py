"""Monitoring in a browser: live counting that moves nothing, charts with their numbers, both languages and themes."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from authdeck.clock import to_micros
from authdeck.event import RequestEvent
from authdeck.ids import new_request_id
from authdeck.storage.writing.requests import mark_gap, store
from fakes.browser import Deck


def add(deck: Deck, **fields: Any) -> None:
    at_ms = to_micros(deck.house.desk.now()) // 1000
    event = RequestEvent(new_request_id(at_ms), at_ms, "/v1/messages", **{"model": "opus", "status": 200, **fields})
    deck.house.monitoring.write_now(lambda c: store(c, [event], {}))


def is_listening(request: Request) -> bool:
    return "/monitoring/live" in request.url


def listening(page: Page) -> list[Request]:
    """Where the page listens from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if is_listening(request) else None)
    return found


def settled(page: Page) -> None:
    """What the page asked for until now is known."""
    page.evaluate("() => fetch('/healthz').then(() => 0)")


def test_new_requests_are_counted_and_nothing_moves(page: Page, deck: Deck) -> None:
    page.goto("/monitoring")
    expect(page.locator("[data-live]")).to_have_text("Live")
    first = page.locator("[data-row]").first.get_attribute("id")
    add(deck)
    add(deck)
    news = page.locator("[data-live-news]")
    expect(news).to_contain_text("2 new")
    assert page.locator("[data-row]").first.get_attribute("id") == first
    news.get_by_role("link", name="Show").click()
    expect(page.locator("[data-row]").first).to_contain_text("opus")
    expect(news).to_be_hidden()


def test_space_pauses_and_goes_on_with_what_was_missed(page: Page, deck: Deck) -> None:
    page.goto("/monitoring?model=opus")
    expect(page.locator("[data-live]")).to_have_text("Live")
    listened = listening(page)
    with page.expect_event("requestfailed", is_listening):  # it ends the stream it has
        page.keyboard.press("Space")
    expect(page.locator("[data-live]")).to_have_text("Paused")
    expect(page.get_by_role("button", name="Pause live updates")).to_have_attribute("aria-pressed", "true")
    add(deck)
    add(deck, model="another")
    settled(page)
    assert listened == []
    expect(page.locator("[data-live-news]")).to_be_hidden()
    with page.expect_request(re.compile(r"/monitoring/live\?.*after=\d+")):
        page.get_by_role("button", name="Pause live updates").click()
    expect(page.locator("[data-live-news]")).to_contain_text("1 new")


def test_a_hidden_page_does_not_listen(page: Page, deck: Deck) -> None:
    """What came in meanwhile is counted when it is seen again."""
    page.goto("/monitoring")
    expect(page.locator("[data-live]")).to_have_text("Live")
    turn = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    turn += " document.dispatchEvent(new Event('visibilitychange')); }"
    listened = listening(page)
    with page.expect_event("requestfailed", is_listening):
        page.evaluate(turn, True)
    add(deck)
    settled(page)
    assert listened == []
    expect(page.locator("[data-live-news]")).to_be_hidden()
    with page.expect_request(re.compile(r"/monitoring/live\?.*after=\d+")):
        page.evaluate(turn, False)
    expect(page.locator("[data-live-news]")).to_contain_text("1 new")


def test_filters_and_views_make_the_address(page: Page, deck: Deck) -> None:
    add(deck, project="p-7")
    page.goto("/monitoring")
    page.locator("#more-filters summary").click()
    page.get_by_label("Project").fill("p-7")
    expect(page).to_have_url(re.compile("project=p-7"))
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_role("link", name="By model").click()
    expect(page).to_have_url(re.compile(r"project=p-7.*view=model"))
    page.get_by_role("link", name="opus", exact=True).last.click()
    expect(page).to_have_url(re.compile("model=opus"))
    page.get_by_role("link", name="Clear all").click()
    expect(page).not_to_have_url(re.compile("project"))


def test_a_custom_time_is_chosen(page: Page) -> None:
    page.goto("/monitoring")
    page.locator("#custom-range summary").click()
    page.locator("[name=since]").fill("2020-01-01T00:00")
    page.locator("[name=until]").fill("2020-02-01T00:00")
    page.get_by_role("button", name="Show this time").click()
    expect(page).to_have_url(re.compile("range=custom&since=2020-01-01"))
    expect(page.get_by_role("heading", name="No requests in this time")).to_be_visible()


def test_every_chart_has_its_numbers(page: Page, deck: Deck) -> None:
    now_ms = to_micros(deck.house.desk.now()) // 1000
    deck.house.monitoring.write_now(lambda c: mark_gap(c, now_ms - 7_200_000, now_ms - 3_600_000, "damaged", None))
    page.goto("/monitoring?range=24h")
    for summary in page.locator(".chart-data summary").all():
        summary.click()
    expect(page.get_by_role("region", name="Requests in numbers").locator("tbody tr").first).to_be_visible()
    expect(page.locator(".chart-data")).to_contain_text(["The file was damaged", ""])


@pytest.mark.parametrize(
    ("theme", "locale", "width"), [("light", "zh-CN", 390), ("dark", "en", 390), ("dark", "zh-CN", 1440)]
)
@pytest.mark.parametrize("path", ["/monitoring", "/monitoring?view=account", "/monitoring?view=model&range=30d"])
def test_it_fits_everywhere(page: Page, deck: Deck, theme: str, locale: str, width: int, path: str) -> None:
    cookies = [
        {"name": f"authdeck_{name}", "value": value, "url": deck.url}
        for name, value in (("theme", theme), ("locale", locale))
    ]
    page.context.add_cookies(cookies)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path)
    expect(page.locator("h1")).to_have_text("监控" if locale == "zh-CN" else "Monitoring")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_without_scripts(context: BrowserContext, deck: Deck, page: Page) -> None:
    state = context.storage_state()
    plain = context.browser.new_context(base_url=deck.url, java_script_enabled=False, storage_state=state)  # type: ignore[union-attr]
    one = plain.new_page()
    one.goto("/monitoring")
    one.get_by_label("Model").first.fill("opus")
    one.get_by_role("button", name="Apply").click()
    expect(one).to_have_url(re.compile("model=opus"))
    one.get_by_role("link", name="By account").click()
    expect(one).to_have_url(re.compile("view=account"))
    plain.close()
    page.goto("/monitoring")
