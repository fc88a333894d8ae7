import json
import re

from playwright.sync_api import Page, expect


def test_an_import_is_previewed_first(page: Page, deck) -> None:
    page.goto("/import")
    document = {"type": "claude", "api_key": "sk-ant-FAKE-browser"}
    page.set_input_files(
        "input[type=file]",
        [{"name": "claude-new.json", "mimeType": "application/json", "buffer": json.dumps(document).encode()}],
    )
    page.get_by_label("Document").fill('{"type": "codex"}')
    before = len(deck.house.desk.directory)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Check before importing")).to_be_visible()
    assert len(deck.house.desk.directory) == before
    page.get_by_role("button", name="Import 1 account").click()
    expect(page.get_by_role("heading", name="1 account written")).to_be_visible()
    assert len(deck.house.desk.directory) == before + 1


def test_nothing_sent_is_said(page: Page) -> None:
    page.goto("/import")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent")


def test_monitoring_filters_by_account_and_status(page: Page, deck) -> None:
    index = deck.house.index("codex-ann@example.com-plus.json")
    page.goto("/monitoring")
    page.get_by_label("Account", exact=True).select_option(index)
    expect(page).to_have_url(re.compile(index))
    page.get_by_role("main").locator(".segmented").get_by_text("Failed", exact=True).click()
    expect(page).to_have_url(re.compile("status=failed"))
    for row in page.locator("[data-row]").all():
        expect(row).to_contain_text("codex-an•••@")
        expect(row.locator(".status")).not_to_have_text("200")


def test_a_request_tells_its_story(page: Page) -> None:
    page.goto("/monitoring?status=failed")
    page.locator("[data-open]").first.click()
    expect(page.locator(".lede")).to_contain_text("It took")


def test_the_sample_button_sends_one(page: Page, deck) -> None:
    page.goto("/monitoring")
    page.get_by_role("button", name="Send one request").click()
    expect(page).to_have_url(re.compile(r"/monitoring/[0-9a-f]{32}$"))
    assert deck.house.samples[-1] in page.url


def test_a_client_key_is_shown_once(page: Page) -> None:
    page.goto("/client-keys")
    page.get_by_label("Name").fill("eve-laptop")
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#made-key").inner_text()
    assert key.startswith("adk_")
    page.goto("/client-keys")
    assert key not in page.content()
    page.locator("tr", has_text="eve-laptop").locator("summary").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.locator("tr", has_text="eve-laptop")).to_contain_text("Revoked")


def test_terms_are_acknowledged_and_taken_back(page: Page) -> None:
    page.goto("/settings/terms")
    claude = page.locator("section.panel", has_text="Claude sign-ins")
    claude.get_by_label(re.compile("I have read")).check()
    claude.get_by_role("button", name="Acknowledge for Claude").click()
    expect(claude).to_contain_text("admin decided it")
    claude.get_by_role("button", name="Take back").click()
    expect(claude).to_contain_text("admin took it back")


def test_an_unknown_page_keeps_the_frame(page: Page) -> None:
    page.goto("/auth-files/nobody")
    expect(page.get_by_role("heading")).to_contain_text("No account is called nobody")
    expect(page.get_by_role("link", name="Monitoring")).to_be_visible()
