from playwright.sync_api import Page, expect


def test_it_works(stranger: Page, deck) -> None:
    stranger.goto("/monitoring?status=failed")
    expect(stranger).to_have_url(f"{deck.url}/sign-in?next=/monitoring%3Fstatus%3Dfailed")
    stranger.fill("#admin_key", deck.house.admin_key)
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger).to_have_url(f"{deck.url}/monitoring?status=failed")


def test_a_wrong_key_says_so_beside_the_field(stranger: Page) -> None:
    stranger.goto("/sign-in")
    stranger.fill("#admin_key", "adk_FAKE_wrong")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.locator("#admin_key-note")).to_contain_text("not known")
    expect(stranger.locator("#admin_key")).to_have_value("")


def test_signing_out_ends_it(page: Page) -> None:
    page.goto("/auth-files")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/auth-files")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_chinese_before_signing_in(stranger: Page) -> None:
    stranger.goto("/sign-in")
    stranger.get_by_role("link", name="中文").click()
    expect(stranger.get_by_role("heading", name="登录")).to_be_visible()
    expect(stranger.locator("html")).to_have_attribute("lang", "zh-CN")
