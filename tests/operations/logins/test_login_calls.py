"""What a login asks its provider: through the account's own proxy, and until a Google user has a project."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authdeck.errors import DeckError
from authdeck.operations import edit_accounts, seals
from authdeck.operations.login_beginning import Beginner
from authdeck.providers.signing_in import Way
from authdeck.storage.reading import revisions
from fakes.auth_files import take_in
from fakes.people import ANN
from fakes.proxy import Proxy, proxying
from fakes.sign_ins import came_back, until

HERE = Beginner(ANN, "session-of-ann")


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with proxying() as made:
        yield made


async def test_a_new_sign_in_goes_by_the_accounts_own_proxy(desk, logins, simulator, proxy):
    ann = simulator.account("claude", "ann@example.com")
    index = (await take_in(desk, simulator.auth_file(ann))).items[0].auth_index
    await edit_accounts.edit(desk, index, ANN, {"proxy_url": f"socks5://{proxy.url}"}, version=None)
    simulator.approve(ann)
    now = await logins.begin("claude", HERE, expected=index)
    assert proxy.asked == []

    done = await logins.call_back(now.id, await came_back(now.url), HERE)

    assert (done.status, done.auth_index) == ("done", index)
    assert set(proxy.asked) == {simulator.url.removeprefix("http://")}


async def test_so_does_a_device_code_from_its_first_call_on(desk, logins, simulator, proxy, pauses):
    ann = simulator.account("kimi", "ann@example.com")
    index = (await take_in(desk, simulator.auth_file(ann))).items[0].auth_index
    await edit_accounts.edit(desk, index, ANN, {"proxy_url": f"http://{proxy.url}"}, version=None)
    now = await logins.begin("kimi", HERE, expected=index)
    simulator.approve(ann)
    await pauses.next()
    pauses.go()
    await until(logins, now.id, HERE, "choosing")  # Kimi says nobody's name

    await logins.choose(now.id, "expected", HERE)

    assert proxy.asked
    assert all(seen.asked.headers.get("host") in proxy.asked for seen in simulator.seen("/kimi-auth"))


async def test_without_an_account_no_proxy_is_used(desk, logins, simulator, proxy):
    ann, bob = simulator.account("claude", "ann@example.com"), simulator.account("claude", "bob@example.com")
    index = (await take_in(desk, simulator.auth_file(ann))).items[0].auth_index
    await edit_accounts.edit(desk, index, ANN, {"proxy_url": f"socks5://{proxy.url}"}, version=None)
    simulator.approve(bob)
    now = await logins.begin("claude", HERE)

    await logins.call_back(now.id, await came_back(now.url), HERE)

    assert proxy.asked == []


async def test_a_proxy_that_is_not_there_ends_it_and_says_so(desk, logins, simulator):
    ann = simulator.account("kimi", "ann@example.com")
    index = (await take_in(desk, simulator.auth_file(ann))).items[0].auth_index
    await edit_accounts.edit(desk, index, ANN, {"proxy_url": "socks5://127.0.0.1:1"}, version=None)

    with pytest.raises(DeckError, match="login_unreachable") as refused:
        await logins.begin("kimi", HERE, way=Way.DEVICE, expected=index)

    assert refused.value.params["problem"] == "proxy_unreachable"


async def test_a_google_user_without_a_project_gets_one(desk, logins, simulator, pauses):
    ann = simulator.account("antigravity", "ann@example.com")
    ann.project_id = ""
    simulator.approve(ann)
    now = await logins.begin("antigravity", HERE)
    url = await came_back(now.url)

    pauses.go()  # one wait between two questions
    done = await logins.call_back(now.id, url, HERE)

    current = await desk.read(lambda connection: revisions.current(connection, done.auth_index))
    document = json.loads(seals.open_file(desk.vault, current))
    assert document["project_id"] == ann.project_id == "fake-project-ann"
    assert "onboarding_tier" not in document
    assert [seen.asked.document["tierId"] for seen in simulator.seen("onboardUser")] == ["free-tier"] * 2


async def test_one_that_google_does_not_take_is_kept_without_a_project(desk, logins, simulator):
    ann = simulator.account("antigravity", "ann@example.com")
    ann.project_id = ""
    simulator.approve(ann)
    simulator.fail(path="onboardUser", status=403)
    now = await logins.begin("antigravity", HERE)

    done = await logins.call_back(now.id, await came_back(now.url), HERE)

    current = await desk.read(lambda connection: revisions.current(connection, done.auth_index))
    document = json.loads(seals.open_file(desk.vault, current))
    assert done.status == "done"
    assert "project_id" not in document
    assert "onboarding_tier" not in document
    assert len(simulator.seen("onboardUser")) == 1
