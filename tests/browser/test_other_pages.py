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
    row = page.locator("tr", has_text="eve-laptop")
    expect(row.locator(".menu__panel")).to_contain_text("Whoever uses the key “eve-laptop” is refused at once")
    page.get_by_role("button", name="Revoke eve-laptop").click()
    expect(row).to_contain_text("Revoked")
    undo(page)
    expect(row).to_contain_text("In force")
    expect(page.locator("[data-toast]")).to_contain_text("The key eve-laptop works again")


def undo(page: Page) -> None:
    page.locator("[data-toast]").get_by_role("button", name="Undo").click()


def test_a_channel_and_its_rule_come_back(page: Page) -> None:
    page.goto("/settings/notifications")
    page.get_by_label("Name").fill("On call")
    page.get_by_label("URL").fill("https://hooks.example.com/FAKE")
    page.get_by_role("button", name="Add the channel").click()
    page.goto("/settings/notifications")
    form = page.locator("form", has=page.get_by_role("button", name="Add the rule"))
    form.get_by_label("Name").fill("nights")
    form.get_by_role("checkbox").first.check()
    form.get_by_role("button", name="Add the rule").click()
    rules = page.locator("section", has=page.get_by_role("heading", name="Rules"))
    rules.get_by_label("Remove nights").click()
    expect(rules).to_contain_text("Nobody is told by “nights” any more")
    rules.get_by_role("button", name="Remove nights").click()
    expect(rules).to_contain_text("No rule yet")
    undo(page)
    expect(rules).to_contain_text("nights")
    channels = page.locator("section", has=page.get_by_role("heading", name="Channels"))
    channels.get_by_label("Remove On call").click()
    expect(channels).to_contain_text("These rules and the log go with it: nights.")
    channels.get_by_role("button", name="Remove On call").click()
    expect(channels).to_contain_text("No channel yet")
    undo(page)
    expect(channels).to_contain_text("On call")
    expect(rules).to_contain_text("nights")


def test_a_view_comes_back(page: Page) -> None:
    page.goto("/auth-files?state=disabled")
    page.get_by_text("Save view", exact=True).first.click()
    page.get_by_label("Name", exact=True).fill("Switched off")
    page.get_by_role("button", name="Save view").click()
    views = page.get_by_role("navigation", name="Views")
    expect(views).to_contain_text("Switched off")
    page.get_by_text("Save view", exact=True).first.click()
    page.get_by_role("button", name="Remove view Switched off").click()
    expect(views).not_to_contain_text("Switched off")
    undo(page)
    expect(views).to_contain_text("Switched off")
    expect(page).to_have_url(re.compile("state=disabled"))


def test_a_released_hold_comes_back(page: Page, deck) -> None:
    index = next(
        entry.account.auth_index for entry in deck.house.desk.directory.entries()
        if any(hold.code == "usage_limit_reached" for hold in entry.holds)
    )  # fmt: skip
    page.goto(f"/auth-files/{index}")
    reason = page.locator(".reason", has_text="usage_limit_reached")
    reason.get_by_role("button", name="Release").click()
    expect(reason).to_have_count(0)
    undo(page)
    expect(reason).to_have_count(1)
    expect(page.locator("[data-toast]")).to_contain_text("is held as it was")


def test_an_approval_says_how_far_it_goes_and_is_taken_back(page: Page) -> None:
    page.goto("/settings/upstreams")
    page.get_by_role("textbox", name="Address").fill("http://127.0.0.1:9999/v1")
    page.get_by_label(re.compile("private or loopback")).check()
    page.get_by_role("button", name="Approve", exact=True).click()
    row = page.locator("tr", has_text="http://127.0.0.1:9999")
    expect(row).to_contain_text("private")
    row.get_by_label("Take back http://127.0.0.1:9999").click()
    expect(row).to_contain_text("No account uses it.")
    page.get_by_role("button", name="Take the approval back").click()
    expect(row).to_have_count(0)
    undo(page)
    expect(row).to_contain_text("private")
    undo(page)
    expect(row).to_have_count(0)


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
