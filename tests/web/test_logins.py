"""The page OAuth Login, with simulated providers behind it."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio

from authdeck.operations import seals
from authdeck.simulator import Simulator
from authdeck.storage.reading import revisions
from fakes.auth_files import take_in
from fakes.house import House, build
from fakes.sign_ins import came_back, providers
from web.conftest import HERE, Visitor


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as made:
        yield made


@pytest_asyncio.fixture
async def house(tmp_path: Path, simulator: Simulator) -> AsyncIterator[House]:
    async with build(tmp_path, filled=False, providers=providers(simulator)) as made:
        yield made


async def started(ann: Visitor, **said: str) -> tuple[str, str]:
    """The login's address and its page."""
    answer = await ann.post("/oauth-login", **said)
    assert answer.status_code == 303, answer.text
    page = await ann.get(answer.headers["location"])
    return answer.headers["location"], page.text


def leads_to(page: str) -> str:
    return re.search(r'href="(http[^"]+/authorize[^"]+)"', page)[1].replace("&amp;", "&")


async def test_every_provider_has_a_card(ann: Visitor) -> None:
    page = (await ann.get("/oauth-login")).text

    for name in ("Codex", "Claude", "Antigravity", "Kimi", "xAI", "Vertex"):
        assert f"<h3>{name}" in page


async def test_a_card_names_what_is_missing(tmp_path: Path) -> None:
    async with build(tmp_path, filled=False) as house:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
            visitor = Visitor(client)
            await visitor.get("/sign-in")
            await visitor.post("/sign-in", admin_key=house.admin_key)
            page = (await visitor.get("/oauth-login")).text

    assert "AUTHDECK_PROVIDERS__ANTIGRAVITY__CLIENT_SECRET" in page


async def test_the_whole_way_by_pasting(ann: Visitor, simulator: Simulator) -> None:
    simulator.approve(simulator.account("codex", "ann@example.com"))
    path, page = await started(ann, provider="codex", way="browser")
    pasted = await came_back(leads_to(page))

    wrong = await ann.post(f"{path}/callback", url=pasted.partition("&state")[0])
    done = await ann.post(f"{path}/callback", url=pasted)
    after = (await ann.get(done.headers["location"])).text

    assert wrong.status_code == 422
    assert "The address has no state" in wrong.text
    assert "code_FAKE" not in wrong.text
    assert "New account" in after
    assert "Send one request" in after
    assert "New account" in (await ann.get("/oauth-login")).text


@pytest.mark.parametrize("provider", ["codex", "claude", "antigravity"])
@pytest.mark.parametrize("end", ["done", "failed"])
async def test_no_page_shows_what_came_back(ann: Visitor, house: House, simulator: Simulator, provider, end) -> None:
    who = simulator.account(provider, "ann@example.com")
    simulator.approve(who)
    path, page = await started(ann, provider=provider, way="browser")
    back = await came_back(leads_to(page))
    if end == "failed":
        simulator.world.forget_codes()
    values = parse_qs(urlsplit(back).query)
    secrets = {*values["code"], *values["state"], "st_FAKE_of_eve", who.refresh_token, who.access_token} - {""}
    wrong = await ann.post(f"{path}/callback", url=back.replace(values["state"][0], "st_FAKE_of_eve"))
    assert values["state"][0] in wrong.text  # the link to the provider's page, while it can be followed
    after = [
        wrong.text.replace(leads_to(wrong.text).replace("&", "&amp;"), ""),
        (await ann.post(f"{path}/callback", url=back)).text,
    ]
    accounts = [f"/auth-files/{entry.account.auth_index}" for entry in house.desk.directory.entries()]
    assert len(accounts) == (end == "done")
    for seen in (
        path,
        "/oauth-login",
        "/audit",
        "/auth-files",
        *accounts,
        *(f"{each}?tab=document" for each in accounts),
    ):
        answer = await ann.get(seen)
        assert answer.status_code == 200
        after.append(answer.text)

    assert [secret for secret in secrets if any(secret in text for text in after)] == []


async def test_a_device_code_with_its_qr_code(ann: Visitor) -> None:
    path, page = await started(ann, provider="kimi", way="device")

    assert "FAKE-CODE" in page
    assert "<svg" in page[page.index('class="qr"') :]
    assert "style=" not in page[page.index('class="qr"') :]
    assert f'data-follow="{path}/events"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


async def test_another_account_than_the_expected_one(ann: Visitor, house: House, simulator: Simulator) -> None:
    mine, eve = (simulator.account("codex", f"{name}@example.com") for name in ("ann", "eve"))
    index = (await take_in(house.desk, simulator.auth_file(mine))).items[0].auth_index
    simulator.approve(eve)
    asked = (await ann.get(f"/oauth-login?account={index}")).text
    assert "never saved over it" in asked
    assert "<h3>Claude" not in asked
    path, page = await started(ann, provider="codex", way="browser", account=index)

    await ann.post(f"{path}/callback", url=await came_back(leads_to(page)))
    asking = (await ann.get(path)).text
    done = await ann.post(f"{path}/choice", choice="new")

    assert "Another account signed in" in asking
    assert "Nothing is saved until you choose" in asking
    assert "New account" in (await ann.get(done.headers["location"])).text
    assert len(house.desk.directory) == 2


async def test_cancelled(ann: Visitor, house: House) -> None:
    path, _ = await started(ann, provider="codex", way="browser")
    await ann.post(f"{path}/cancel")

    assert "cancelled" in (await ann.get(path)).text
    assert len(house.desk.directory) == 0


async def test_an_ended_login_ends_its_events(ann: Visitor) -> None:
    path, _ = await started(ann, provider="codex", way="browser")
    await ann.post(f"{path}/cancel")

    answer = await ann.get(f"{path}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("event: login\ndata: cancelled\n\n")


async def test_in_chinese(ann: Visitor) -> None:
    ann.client.cookies.set("authdeck_locale", "zh-CN")

    assert "开始登录" in (await ann.get("/oauth-login")).text


async def test_a_service_account_comes_with_its_location(ann: Visitor, house: House, simulator: Simulator) -> None:
    """Vertex has no sign-in: its card leads to the import, which asks for the region."""
    robot = simulator.account("vertex", "robot")
    key = json.loads(simulator.auth_file(robot)[1])["service_account"]
    assert "Its location" in (await ann.get("/import?for=vertex")).text
    shown = await ann.post("/import", pasted=json.dumps(key), name="robot.json", location="europe-west4")
    ticket = re.search(r'name="ticket" value="([^"]+)"', shown.text)[1]
    await ann.post("/import/run", ticket=ticket)

    entry = next(iter(house.desk.directory.entries()))
    current = await house.desk.read(lambda connection: revisions.current(connection, entry.account.auth_index))
    document = json.loads(seals.open_file(house.desk.vault, current))
    assert document["location"] == "europe-west4"
