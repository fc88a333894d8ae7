"""How soon a click in the console has its answer on the screen, among 100,000 accounts, in a real Chromium.

    python bench/console.py [--accounts 100000] [--rounds 15] [--home HOME]

Without a home one is filled first, which takes some minutes. With one, its accounts are taken; it is written to.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from deck_of_many import mixed_files
from shared import ADMIN_KEY, figures, fill, serving, tell

CHROMIUM: Final = os.environ.get("AUTHDECK_TEST_CHROMIUM", "/usr/bin/chromium")
TICKS: Final = os.sysconf("SC_CLK_TCK")
BASELINE: Final = "a page without accounts (baseline)"

# When a hand did it, kept over a navigation; and what waits until the answer is on the screen: the second frame after
# htmx put it in its place, or after a new page was read whole.
HAND = """() => {
  for (const kind of ['click', 'keydown']) {
    document.addEventListener(kind, () => sessionStorage.began ||= performance.timeOrigin + performance.now(), true);
  }
  delete sessionStorage.began;
  document.addEventListener('htmx:after:swap', () => requestAnimationFrame(() => requestAnimationFrame(
    () => { window.settledAt ??= performance.timeOrigin + performance.now(); })), { once: true });
}"""
SETTLED = """() => new Promise((resolve) => {
  const look = () => window.settledAt ? resolve(window.settledAt - sessionStorage.began) : requestAnimationFrame(look);
  look();
})"""
READ = """() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(
  () => resolve(performance.timeOrigin + performance.now() - sessionStorage.began))))"""


@dataclass(frozen=True)
class Act:
    """What a person does on the page ``start``: ``hand`` finds what they do it with. ``leads``: to another page."""

    start: str
    hand: Callable[[Page], Callable[[], object]]
    leads: bool = True


@dataclass
class Measured:
    """By round: milliseconds from the hand to the screen, CPU milliseconds of the server and of the whole browser."""

    shown: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    browser: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    tell(
        "From a click in the console to its answer on the screen, in Chromium",
        "300 ms or less (median)",
        "one person, one browser on the same machine; from the event of click or key to the second frame after the"
        " answer was in its place (a swap) or read whole (a page); beside it the CPU time of the server and of all"
        " processes of the browser, which say more on a busy machine. Baseline: a page without accounts.",
    )
    with tempfile.TemporaryDirectory() as folder, serving(options.home or filled(folder, options.accounts)) as server:
        print(f"  {server.client.get('/api/v1/accounts?page_size=1').json()['total']:,} accounts")
        with browsing(str(server.client.base_url)) as page:
            medians = {name: measure(page, server.process, name, act, options.rounds) for name, act in ACTS.items()}
    baseline = medians.pop(BASELINE)
    print(f"  ratio of the slowest to the baseline: {max(medians.values()) / baseline:.2f}")


def filled(folder: str, accounts: int) -> Path:
    home = Path(folder, "home")
    fill(home, accounts, mixed_files)
    return home


@contextmanager
def browsing(url: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=url, locale="en", viewport={"width": 1440, "height": 900})
        page.goto("/sign-in")
        page.fill("#admin_key", ADMIN_KEY)
        page.locator("button.button--primary").click()
        page.wait_for_url("**/auth-files")
        yield page
        browser.close()


def measure(page: Page, server: int, name: str, act: Act, rounds: int) -> float:
    """Print the figures of one act; the median. The first round is not counted: the browser compiles in it."""
    found, browser = Measured(), [*descendants(os.getpid(), but=server)]
    for _ in range(rounds + 1):
        page.goto(act.start)
        page.wait_for_load_state("networkidle")
        hand, before = act.hand(page), (cpu([server]), cpu(browser))
        found.shown.append((led if act.leads else swapped)(page, hand))
        found.server.append(cpu([server]) - before[0])
        found.browser.append(cpu(browser) - before[1])
    of_server, of_browser = statistics.median(found.server[1:]), statistics.median(found.browser[1:])
    print(figures(name, found.shown[1:], "ms"), f" CPU: server {of_server:.0f}, browser {of_browser:.0f} ms")
    return statistics.median(found.shown[1:])


def led(page: Page, hand: Callable[[], object]) -> float:
    """A link to another page: until that is read and drawn."""
    page.evaluate(HAND)
    with page.expect_navigation(wait_until="domcontentloaded"):
        hand()
    taken: float = page.evaluate(READ)
    return taken


def swapped(page: Page, hand: Callable[[], object]) -> float:
    """Something that htmx does: until its answer is in its place and drawn."""
    page.evaluate(HAND)
    hand()
    taken: float = page.evaluate(SETTLED)
    return taken


def cpu(processes: Iterable[int]) -> float:
    """CPU milliseconds that the processes have used in all; one that ended counts nothing."""
    ticks = 0
    for process in processes:
        with suppress(FileNotFoundError, ProcessLookupError):
            after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(after_name[11]) + int(after_name[12])
    return ticks * 1000 / TICKS


def descendants(process: int, *, but: int) -> Iterator[int]:
    """The processes below this one, apart from one: here those of the browser."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            if child != but:
                yield child
                yield from descendants(child, but=but)


# ---- what a person does ----

LIST: Final = "/auth-files"
TURN: Final = count()


def nth(selector: str, among: int, first: int = 0) -> Callable[[Page], Callable[[], object]]:
    """A click on one of these, another each time."""
    return lambda page: page.locator(selector).nth(first + next(TURN) % among).click


def plan(page: Page) -> Callable[[], object]:
    """A choice in a menu, by keyboard."""
    page.locator("select[name=plan]").focus()
    return lambda: page.keyboard.press("ArrowDown")


def search(page: Page) -> Callable[[], object]:
    page.evaluate(f"document.getElementById('q').value = 'person{next(TURN) * 997 % 99_999:06}'")
    page.focus("#q")
    return lambda: page.keyboard.press("Enter")


ACTS: Final = {
    BASELINE: Act(LIST, nth("a.nav__item[href='/settings/terms']", 1)),
    "the list, opened": Act("/settings/terms", nth("a.nav__item[href='/auth-files']", 1)),
    "a count clicked": Act(LIST, nth(".summary__card", 5, 1)),
    "a provider clicked": Act(LIST, nth(".tabs a[href*='provider=']", 3)),
    "a plan chosen": Act(LIST, plan, leads=False),
    "sorted by a header": Act(LIST, nth("thead a", 2)),
    "the next page": Act(LIST, nth("a[aria-label='Next page']", 1)),
    "searched, Enter": Act(LIST, search, leads=False),
    "an account's drawer": Act(LIST, nth("[data-rows] a[data-open]", 20), leads=False),
}


if __name__ == "__main__":
    main()
