"""Every page of the console as pictures: 1440 and 390 px wide, light and dark, in English and Chinese.

    python scripts/screenshots.py [FOLDER] [--only PART]

Without a folder: into docs/screenshots, which git leaves alone, and the README's picture into docs/images.
Fails when a page scrolls sideways or logs an error. Needs Chromium and the packages of the tests.
"""

import argparse
import json
import shutil
import sys
import tempfile
from functools import partial
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from authdeck.action import Cause  # noqa: E402 - the path comes first
from authdeck.inspection_order import Order, read_selection  # noqa: E402
from authdeck.operations.import_files import Source, import_files  # noqa: E402
from authdeck.simulator import Simulator  # noqa: E402
from authdeck.storage.reading.request_search import RequestSearch  # noqa: E402
from authdeck.storage.reading.requests import page  # noqa: E402
from fakes.browser import launched, sign_in  # noqa: E402 - the path comes first
from fakes.house import House, serving  # noqa: E402
from fakes.people import ANN  # noqa: E402
from fakes.questions import CLOSED, REFUSED, UNCLEAR, ask, break_down  # noqa: E402
from fakes.sign_ins import came_back_to, providers  # noqa: E402

TABS = ("quota", "settings", "models", "document", "history", "diagnostics")
README = ROOT / "docs" / "images" / "auth-files-1440-light-en.png"
PLACE = ROOT / "docs" / "screenshots"
WIDTHS = {1440: 900, 390: 844}
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--only", default="", help="part of a picture's name")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    with (
        tempfile.TemporaryDirectory() as home,
        Simulator().running() as simulator,
        serving(Path(home), providers=providers(simulator), also=partial(trouble, simulator)) as (url, house),
        launched() as browser,
    ):
        for width, height in WIDTHS.items():
            for theme in ("light", "dark"):
                for locale in ("en", "zh-CN"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=theme, locale=locale, base_url=url
                    )
                    page = context.new_page()
                    page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
                    for name, path in pages(house).items():
                        picture = f"{name}-{width}-{theme}-{locale}.png"
                        if asked.only not in picture:
                            continue
                        if name == "sign-in":
                            page.goto(path)
                        else:
                            sign_in(context, house.admin_key)
                            visit(page, name, path)
                            sign_in_somewhere(page, name, simulator)
                        if wide := page.evaluate(TOO_WIDE):
                            faults.append(f"{picture}: {wide} px too wide")
                        page.screenshot(
                            path=asked.folder / picture, full_page=width == min(WIDTHS), animations="disabled"
                        )
                    context.close()
    if (taken := asked.folder / README.name).exists() and asked.folder == PLACE:
        shutil.copyfile(taken, README)
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or "all pages fit\n")
    return 1 if faults else 0


async def trouble(simulator: Simulator, house: House) -> None:
    """Rows of the queue, an incident, and a run over three accounts: revoked, closed, used up."""
    for file_name, why in {"codex-noa": REFUSED, "claude-bob": UNCLEAR, "kimi-leo": CLOSED}.items():
        plan = "-plus" if file_name.startswith("codex") else ""
        await ask(
            house.desk, house.index(f"{file_name}@example.com{plan}.json"), why, link="https://example.com/verify"
        )
    await break_down(house.desk, Cause.BOUNDS, "codex:token_revoked", 9995)
    people = [simulator.account("codex", f"{name}@example.com") for name in ("ivy", "jon", "kay")]
    for person in people:
        await import_files(house.desk, [Source(*simulator.auth_file(person))], ANN)
    simulator.fail(path="/wham/usage", account=people[0], status=401, kind="token_revoked", times=None)
    closed = b'{"detail":{"code":"deactivated_workspace"}}'
    simulator.fail(path="/wham/usage", account=people[1], status=402, body=closed, times=None)
    people[2].quota.secondary = 100
    run = await house.inspecting.runs.begin(Order(read_selection({"provider": "codex"})), ANN)
    await house.inspecting.runner.carry_on(run.id)


def is_fault(said) -> bool:  # noqa: ANN001 - playwright's ConsoleMessage
    """An error, but not that of the page that shows what an error looks like."""
    return said.type == "error" and "404" not in said.text


def visit(page, name: str, path: str) -> None:  # noqa: ANN001 - playwright's Page
    page.goto(path)
    if name in ("auth-files-selected", "batch-preview", "batch-done"):
        for pick in page.locator("[data-pick]").all()[1:6]:
            pick.check()
    if name in ("batch-preview", "batch-done"):
        page.locator(".batch-bar summary").first.click()
        page.locator(".batch-bar details[open] button").click()
        page.wait_for_selector(".preview-table")
    if name == "batch-done":
        page.locator(".save-bar button").click()
        page.wait_for_selector("[data-toast]")
        page.locator("[data-toast] form button").click()  # the next picture finds everything as it was
        page.wait_for_selector("[data-toast]")
    if name == "find" and page.viewport_size["width"] > min(WIDTHS):
        page.keyboard.press("/")
        page.keyboard.type("codex")
        page.wait_for_selector("#found a")
    if name == "account-drawer":
        page.locator("[data-rows] a[data-open]").first.click()
        page.wait_for_selector("#drawer[open] .drawer__body")
    if name in ("import-preview", "import-done"):
        page.fill("#pasted", '[{"type": "codex", "access_token": "at_FAKE"}, {"type": "codex"}]')
        page.set_input_files("input[type=file]", uploads(next(TURN)))
        page.locator("#main form button.button--primary").click()
        page.wait_for_selector(".import-list")
    if name == "import-done":
        page.locator(".save-bar button.button--primary").click()
        page.wait_for_selector(".import-next")
    if name == "client-keys-new":
        page.fill("#name", "mia-desktop")
        page.locator("#main button.button--primary").click()
        page.wait_for_selector("#made-key")


def sign_in_somewhere(page, name: str, simulator: Simulator) -> None:  # noqa: ANN001 - playwright's Page
    """OAuth Login on the way: a browser's page waited for, a device code, another account that came back, and done."""
    provider = {"login-browser": "codex", "login-device": "kimi", "login-choice": "codex", "login-done": "claude"}
    if name not in provider:
        return
    named, identity = provider[name], f"{name}-{next(TURN)}@example.com"
    way = "device" if name == "login-device" else "browser"
    page.locator(f"form:has([name=provider][value={named}]):has([name=way][value={way}]) button").first.click()
    page.wait_for_url("**/oauth-login/*")
    if name in ("login-choice", "login-done"):
        simulator.approve(simulator.account(named, identity))
        page.fill("#cb-url", came_back_to(page.locator("a[href*=authorize]").get_attribute("href") or ""))
        page.locator("form[action$=callback] button").click()
        page.wait_for_selector("form[action$=choice], form[action$=request]", state="attached")


TURN = count(2)


def uploads(turn: int) -> list[dict[str, object]]:
    """One new account, another each time, and one that conflicts."""
    return [
        _upload(f"claude-key-{turn}.json", type="claude", api_key=f"sk-ant-FAKE-{turn}"),
        _upload(
            "codex-ann@example.com-plus.json",
            type="codex", email="ann@example.com", access_token="at_FAKE_9", account_id="other",  # noqa: S106 - a fake
        ),
    ]  # fmt: skip


def _upload(name: str, **document: str) -> dict[str, object]:
    return {"name": name, "mimeType": "application/json", "buffer": json.dumps(document).encode()}


def pages(house: House) -> dict[str, str]:
    failed, first = house.index("codex-eve.stone@example.com-plus.json"), house.index("codex-ann@example.com-plus.json")
    return {
        "sign-in": "/sign-in",
        "auth-files": "/auth-files",
        "auth-files-compact": "/auth-files?mode=compact",
        "auth-files-cards": "/auth-files?mode=cards",
        "auth-files-nothing": "/auth-files?q=nobody",
        "auth-files-selected": "/auth-files",
        "find": "/auth-files",
        "batch-preview": "/auth-files?provider=codex",
        "batch-done": "/auth-files?provider=codex",
        "batches": "/batches",
        "display": "/preferences",
        "account-held": f"/auth-files/{failed}",
        "account-serving": f"/auth-files/{first}",
        **{f"account-{tab}": f"/auth-files/{first}?tab={tab}" for tab in TABS},
        "account-edit": f"/auth-files/{first}?tab=document&edit=yes",
        "account-drawer": "/auth-files",
        "import": "/import",
        "import-preview": "/import",
        "quota": "/quota",
        "inspection": "/inspection",
        "inspection-new": "/inspection/new",
        "inspection-history": "/inspection/history",
        "schedules": "/inspection/schedules",
        "schedules-new": "/inspection/schedules/new",
        "queue": "/queue",
        "queue-incidents": "/queue?view=incidents",
        "notifications": "/settings/notifications",
        "monitoring": "/monitoring",
        "monitoring-failed": "/monitoring?status=failed",
        "monitoring-accounts": "/monitoring?view=account",
        "request": f"/monitoring/{newest(house)}",
        "import-done": "/import",
        "export": f"/export?account={first}&account={failed}",
        "trash": "/trash",
        "audit": "/audit",
        "upstreams": "/settings/upstreams",
        "retention": "/settings/retention",
        "automation": "/settings/automation",
        "client-keys": "/client-keys",
        "client-keys-new": "/client-keys",
        "terms": "/settings/terms",
        "login": "/oauth-login",
        "login-browser": "/oauth-login",
        "login-device": "/oauth-login",
        "login-choice": f"/oauth-login?account={first}",
        "login-done": "/oauth-login",
        "error": "/auth-files/nobody",
    }


def newest(house: House) -> str:
    search = RequestSearch(status="failed", page_size=1)
    return house.monitoring.read_now(lambda connection: page(connection, search)).items[0].id.hex()


if __name__ == "__main__":
    raise SystemExit(main())
