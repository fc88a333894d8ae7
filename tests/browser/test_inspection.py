"""Inspections and schedules, as a person sees them, over a simulated provider."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from authdeck.inspection_order import Order, read_selection
from authdeck.operations.import_files import Source, import_files
from authdeck.simulator import Simulator
from fakes.browser import Deck
from fakes.house import House, serving
from fakes.people import ANN
from fakes.sign_ins import providers

CLOSED = b'{"detail":{"code":"deactivated_workspace"}}'


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as made:
        yield made


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Deck]:
    """Six accounts: one revoked, one whose workspace is closed, one that is used up; one run that said so."""

    async def move_in(house: House) -> None:
        people = [
            simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob", "eve", "mia", "sam", "leo")
        ]
        for person in people:
            await import_files(house.desk, [Source(*simulator.auth_file(person))], ANN)
        simulator.fail(path="/wham/usage", account=people[0], status=401, kind="token_revoked", times=None)
        simulator.fail(path="/wham/usage", account=people[1], status=402, body=CLOSED, times=None)
        people[2].quota.secondary = 100
        run = await house.inspecting.runs.begin(Order(read_selection({"provider": "codex"})), ANN)
        await house.inspecting.runner.carry_on(run.id)

    home = tmp_path_factory.mktemp("home")
    with serving(home, filled=False, providers=providers(simulator), also=move_in) as (url, house):
        yield Deck(url, house)


def test_results_stand_by_what_is_suggested(page: Page) -> None:
    page.goto("/inspection")
    expect(page.get_by_text("Completed")).to_be_visible()
    expect(page.get_by_role("rowgroup").filter(has_text="The provider revoked this sign-in.")).to_contain_text(
        "Sign in again"
    )
    expect(page.get_by_text("The provider says that this workspace was deactivated.")).to_be_visible()
    expect(page.get_by_text("window is 100 % used")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Keep")).click()
    expect(page.get_by_text("The provider answered, and nothing stands against it.").first).to_be_visible()


def test_what_is_suggested_is_previewed_done_and_undone(page: Page) -> None:
    page.goto("/inspection?action=disable")
    page.get_by_role("button", name=re.compile("^Disable…")).first.click()
    expect(page.get_by_text("Nothing is changed yet")).to_be_visible()
    page.get_by_role("button", name="Disable 1 account").click()
    expect(page.locator("#toasts")).to_contain_text("1 account")
    page.get_by_role("button", name=re.compile("Undo")).first.click()
    expect(page.locator("#toasts")).to_contain_text("1 account")


def test_a_run_is_asked_for_and_followed(page: Page) -> None:
    page.goto("/inspection")
    page.get_by_role("link", name="Run now…").click()
    page.get_by_label("Draw a sample").fill("none")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("alert")).to_contain_text("sample")
    page.get_by_label("Draw a sample").fill("3")
    page.get_by_label("Dry run").check()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Completed")).to_be_visible()
    expect(page.get_by_text("dry run")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row")).not_to_have_count(1)


def test_a_schedule_is_added_switched_and_deleted(page: Page) -> None:
    page.goto("/inspection/schedules")
    page.get_by_role("link", name="New schedule").click()
    page.get_by_label("Name").fill("Night")
    page.get_by_label("At times of day").check()
    page.get_by_label("Times", exact=True).fill("25:00")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("Times of day are written 03:00")
    page.get_by_label("Times", exact=True).fill("03:00, 15:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_text("Daily 03:00, 15:00, Europe/Berlin")).to_be_visible()
    page.get_by_role("switch", name="Night on").click()
    expect(page.get_by_role("switch", name="Night on")).not_to_be_checked()
    page.get_by_label("Delete Night").click()
    page.get_by_role("button", name="Delete schedule").click()
    expect(page.get_by_role("heading", name="No schedule yet")).to_be_visible()


def test_an_account_shows_its_latest_and_can_be_inspected(page: Page, deck: Deck) -> None:
    entry = next(each for each in deck.house.desk.directory.entries() if each.account.email == "leo@example.com")
    page.goto(f"/auth-files/{entry.account.auth_index}?tab=diagnostics")
    expect(page.get_by_role("heading", name="Last inspection")).to_be_visible()
    page.get_by_role("button", name="Inspect now").click()
    expect(page.get_by_text("Completed")).to_be_visible()
    expect(page.get_by_text("1 account by name")).to_be_visible()


@pytest.mark.parametrize("path", ["/inspection", "/inspection/history", "/inspection/schedules", "/inspection/new"])
def test_in_chinese_in_the_dark_on_a_phone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(path)
    page.get_by_role("link", name="Open navigation").click()
    page.get_by_role("button", name="中文").click()
    page.goto(path)
    expect(page.get_by_role("heading", name="巡检").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
