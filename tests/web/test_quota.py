"""The page Quota, without a browser: what stands there, what it asks for, and that looking asks nobody."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from authdeck.access import Role
from authdeck.entry import Entry
from authdeck.health import RISK, Health
from authdeck.operations import admin_keys, operators
from authdeck.operations.import_files import Source, import_files
from authdeck.quota import fullest
from authdeck.simulator import Account, Simulator
from fakes.house import House, build
from fakes.people import ANN
from fakes.sign_ins import providers
from web.conftest import HERE, Visitor


async def test_it_works(ann: Visitor, house: House) -> None:
    page = (await ann.get("/quota")).text
    assert 'aria-current="page"' in page
    counted = re.search(r'<b class="figure">(\d+) of (\d+)</b>', page)
    assert counted is not None
    assert int(counted[2]) == len(house.desk.directory)
    for word in ("Who can serve now", "Who comes back when", "Can it serve now?", "Looking never queries a provider"):
        assert word in page
    assert 'class="back-axis"' in page
    assert "No, until" in page


@pytest.mark.parametrize(
    "query",
    ["search=mia", "sort=plan", "sort=risk", "sort=name", "hours=168", "state=exhausted,cooling", "provider=codex"],
)
async def test_what_the_address_asks_for(ann: Visitor, query: str) -> None:
    assert (await ann.get(f"/quota?{query}")).status_code == 200


async def test_search_and_segments_narrow_the_list(ann: Visitor) -> None:
    def listed(page: str) -> list[str]:
        return re.findall(r'class="who__name clip"[^>]*title="([^"]*)"', page)

    everyone = listed((await ann.get("/quota")).text)
    assert len(listed((await ann.get("/quota?search=mia")).text)) == 1
    waiting = listed((await ann.get("/quota?state=exhausted,cooling")).text)
    assert 0 < len(waiting) < len(everyone)
    assert "No account matches" in (await ann.get("/quota?search=nobody-is-called-so")).text


async def test_the_list_stands_in_the_order_asked_for(ann: Visitor, house: House) -> None:
    async def listed(sort: str) -> list[Entry]:
        page = (await ann.get(f"/quota?sort={sort}")).text
        indexes = re.findall(r'href="/auth-files/([0-9a-f]{16})\?tab', page)
        found = [house.desk.directory.get(index) for index in indexes]
        return [entry for entry in found if entry is not None]

    everybody = len(house.desk.directory)
    by_name = [entry.account.file_name.casefold() for entry in await listed("name")]
    assert (len(by_name), by_name) == (everybody, sorted(by_name))
    plans = [entry.account.plan for entry in await listed("plan") if entry.account.plan]
    assert len(list(groupby(plans))) == len(set(plans))
    now = house.desk.now()
    risks = [RISK[house.desk.directory.health(entry, now)] for entry in await listed("risk")]
    assert risks == sorted(risks)
    first = (await listed("reset"))[:2]  # who is at a limit that ends, the soonest first
    assert {house.desk.directory.health(entry, now) for entry in first} <= {Health.EXHAUSTED, Health.COOLING}
    ends = [fullest(entry.windows, now) for entry in first]
    moments = [window.resets_at for window in ends if window is not None and window.resets_at is not None]
    assert moments
    assert moments == sorted(moments)


async def test_a_viewer_sees_no_button(house: House, stranger: Visitor) -> None:
    await operators.create(house.desk, "vera", Role.VIEWER, ANN)
    made = await admin_keys.create(house.desk, "vera", ANN)
    await stranger.get("/sign-in")
    await stranger.post("/sign-in", admin_key=made.key.open())
    page = (await stranger.get("/quota")).text
    assert "Who can serve now" in page
    assert "/quota/queries" not in page
    assert (await stranger.post("/quota/queries", all="yes")).status_code == 403


# ---- at a simulated provider ----


@dataclass
class Scene:
    visitor: Visitor
    simulator: Simulator
    people: list[Account]
    indexes: list[str]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest_asyncio.fixture
async def scene(tmp_path: Path, simulator: Simulator) -> AsyncIterator[Scene]:
    people = [simulator.account(name, f"{name}@example.com", plan="pro") for name in ("codex", "claude")]
    async with build(tmp_path, filled=False, providers=providers(simulator)) as house:
        report = await import_files(house.desk, [Source(*simulator.auth_file(one)) for one in people], ANN)
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
            visitor = Visitor(client)
            await visitor.get("/sign-in")
            await visitor.post("/sign-in", admin_key=house.admin_key)
            yield Scene(visitor, simulator, people, [str(row.auth_index) for row in report.items])


async def test_looking_asks_nobody_and_a_button_asks_one(scene: Scene) -> None:
    page = (await scene.visitor.get("/quota")).text
    assert "Not known yet" in page
    assert len(scene.simulator.requests) == 0
    answer = await scene.visitor.post(f"/quota/queries?only={scene.indexes[0]}", next="/quota?sort=name")
    assert (answer.status_code, answer.headers["location"]) == (303, "/quota?sort=name")
    page = (await scene.visitor.get("/quota")).text
    assert "88 %" in page
    assert "The provider told what is left" in page
    assert len(scene.simulator.seen("/wham/usage")) == 1


async def test_a_selection_is_asked_in_the_background(scene: Scene) -> None:
    await scene.visitor.get("/quota")
    answer = await scene.visitor.post("/quota/queries", account=scene.indexes, next="/quota")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/batches/")
    for _ in range(200):
        page = (await scene.visitor.get(answer.headers["location"])).text
        if "Under way" not in page:
            break
    assert "Query quota" in page
    assert len(scene.simulator.seen("/wham/usage")) == 1
    assert len(scene.simulator.seen("/api/oauth/usage")) == 1


async def test_a_query_that_told_nothing_says_why(scene: Scene) -> None:
    await scene.visitor.get("/quota")
    scene.simulator.fail(path="/wham/usage", status=500)
    await scene.visitor.post(f"/quota/queries?only={scene.indexes[0]}", next="/quota")
    page = (await scene.visitor.get("/quota")).text
    assert "nothing was told. The provider failed." in page


async def test_the_accounts_page_tells_the_rest_and_uses_a_reset_credit(scene: Scene) -> None:
    ann = scene.people[0]
    ann.reset_credits.append(scene.simulator.world.clock.now() + timedelta(days=20))
    ann.quota.primary = 60
    index = scene.indexes[0]
    await scene.visitor.get("/quota")
    await scene.visitor.post(f"/quota/queries?only={index}", next="/quota")
    page = (await scene.visitor.get(f"/auth-files/{index}?tab=quota")).text
    for word in ("Last query", "The provider told its limits", "Reset credits", "at the pace so far"):
        assert word in page
    path = f"/auth-files/{index}/reset-credit-uses"
    refused = await scene.visitor.post(path, confirmation="yes")
    assert refused.status_code == 422
    assert scene.simulator.seen("/consume") == []
    done = await scene.visitor.post(path, confirmation=index)
    assert done.status_code == 303
    assert "its windows began anew" in (await scene.visitor.get(done.headers["location"])).text
    assert len(scene.simulator.seen("/consume")) == 1
