"""The queue by keyboard and mouse, and the notifications page; axe looks at each in the end."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from authdeck.action import Cause
from authdeck.candidate import Resolution, Standing, Status
from authdeck.operations.records import changed
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import queue as writing
from fakes.browser import Deck, accessibility
from fakes.house import House, serving
from fakes.questions import CLOSED, REFUSED, UNCLEAR, ask, break_down

RESOLUTIONS = {
    Status.IGNORED: Resolution.PERSON,
    Status.RESOLVED: Resolution.SERVED,
    Status.DONE: Resolution.PERSON,
    Status.FAILED: Resolution.DID_FAIL,
}
PEOPLE = ("ann", "bob", "eve.stone", "mia", "sam", "leo", "noa")


async def _troubled(house: House) -> None:
    for number, who in enumerate(PEOPLE):
        await ask(house.desk, house.index(f"codex-{who}@example.com-plus.json"), REFUSED, hits=20 - number)
    await ask(house.desk, house.index("claude-bob@example.com.json"), UNCLEAR, link="https://example.com/verify")
    await ask(house.desk, house.index("kimi-leo@example.com.json"), CLOSED)
    for who, why, status in (
        ("ann", UNCLEAR, Status.IGNORED), ("bob", CLOSED, Status.RESOLVED), ("mia", UNCLEAR, Status.DONE),
        ("sam", UNCLEAR, Status.FAILED),
    ):  # fmt: skip
        await _stands(house, f"codex-{who}@example.com-plus.json", why, status)
    await break_down(house.desk, Cause.BOUNDS, "codex:token_revoked", 9995)


async def _stands(house: House, name: str, why: Any, status: Status) -> None:
    index = house.index(name)
    key, stands = (
        await ask(house.desk, index, why),
        Standing(status, None, RESOLUTIONS[status], "ann", house.desk.now()),
    )

    def work(connection: WriteConnection) -> None:
        writing.put(connection, [key], stands)
        changed(house.desk, connection, "account", index)

    await house.desk.write(work)


@pytest.fixture
def deck(tmp_path) -> Iterator[Deck]:
    with serving(tmp_path, also=_troubled) as (url, house):
        yield Deck(url, house)


def test_groups_incidents_and_the_way_to_sign_in(page: Page, deck: Deck) -> None:
    page.goto("/queue")
    expect(page.get_by_role("heading", name="Many accounts of Codex")).to_be_visible()
    expect(page.locator(".group-row")).to_have_count(3)
    expect(page.get_by_role("link", name="Show 2 more")).to_be_visible()
    expect(page.locator(".nav__item[aria-current] .nav__count")).to_have_text("10")
    page.locator("[data-row]").first.get_by_role("link", name="Sign in again").click()
    index = deck.house.index("codex-ann@example.com-plus.json")
    expect(page).to_have_url(re.compile(f"oauth-login\\?account={index}"))


def test_keys_move_and_ignore(page: Page) -> None:
    page.goto("/queue")
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator("[data-row].is-cursor")
    expect(row).to_contain_text("codex-bo•••@")
    page.keyboard.press("i")
    expect(page.get_by_role("status")).to_contain_text("1 row left alone.")
    expect(page.locator(".queue")).not_to_contain_text("codex-bo•••@")
    page.goto("/queue?view=ignored")
    expect(page.locator(".queue")).to_contain_text("codex-bo•••@")


def test_several_are_disabled_by_way_of_a_preview_and_undone(page: Page, deck: Deck) -> None:
    page.goto("/queue?action=reauth")
    expect(page.locator("[data-row]")).to_have_count(7)
    page.locator("[data-pick-page]").check()
    expect(page.locator(".batch-bar__count--picked")).to_have_text(re.compile("selected"))
    page.locator(".batch-bar").get_by_role("button", name="Disable…").click()
    expect(page).to_have_url(re.compile("/batches/"))
    index = deck.house.index("codex-ann@example.com-plus.json")
    assert deck.house.desk.directory.get(index).holds == ()
    page.get_by_role("button", name=re.compile("^Disable")).first.click()
    expect(page).to_have_url(re.compile("/queue"))
    expect(page.get_by_role("heading", name="No row matches")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-row]").first).to_be_visible()


def test_searching_filters_as_one_types(page: Page) -> None:
    page.goto("/queue")
    page.keyboard.press("f")
    page.keyboard.type("deactivated")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=deactivated"))


def test_many_rows_are_previewed_ignored_and_asked_again(page: Page) -> None:
    page.goto("/queue?action=reauth")
    page.locator("[data-pick-page]").check()
    page.locator(".batch-bar").get_by_role("button", name="Done…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("7 of 7 rows")
    expect(page.locator(".preview-table")).to_contain_text("to do")
    page.get_by_role("button", name="Mark 7 rows as done").click()
    expect(page.get_by_role("status")).to_contain_text("7 rows marked as done.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-row]")).to_have_count(7)


@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("light", "en", 1440), ("light", "zh-CN", 390), ("dark", "en", 390), ("dark", "zh-CN", 1440)],
)
def test_every_view_is_sound_and_fits(page: Page, deck: Deck, theme: str, locale: str, width: int) -> None:
    cookies = [
        {"name": f"authdeck_{name}", "value": value, "url": deck.url}
        for name, value in (("theme", theme), ("locale", locale))
    ]
    page.context.add_cookies(cookies)
    page.set_viewport_size({"width": width, "height": 900})
    for view in ("open", "ignored", "resolved", "failed", "incidents"):
        page.goto(f"/queue?view={view}")
        expect(page.locator("html")).to_have_attribute("lang", locale)
        expect(page.locator("#main tbody tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert accessibility(page) == [], view
        if locale == "zh-CN":
            told = page.locator("#main").inner_text()
            assert not re.search(r"\b(by|until|accounts|marked|Failures)\b", told), told


def test_on_a_phone_in_the_dark(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto("/queue")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("[data-row]").first.get_by_role("link", name="Sign in again")).to_be_visible()


def test_notifications_are_set_up(page: Page) -> None:
    page.goto("/settings/notifications")
    page.get_by_label("Name").fill("On call")
    page.get_by_label("URL").fill("https://hooks.example.com/FAKE")
    page.get_by_role("button", name="Add the channel").click()
    expect(page.get_by_role("heading", name="On call: copy the secret now")).to_be_visible()
    form = page.locator("form", has=page.get_by_role("button", name="Add the rule"))
    form.get_by_label("Name").fill("Nights")
    form.get_by_label("An incident opens").check()
    form.get_by_text("Which accounts, and when").click()
    form.get_by_label("Quiet from").fill("22:00")
    form.get_by_label("Quiet until").fill("07:00")
    form.get_by_role("button", name="Add the rule").click()
    expect(page.locator(".log")).to_contain_text("quiet 22:00–07:00")
