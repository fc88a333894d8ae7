"""``/logins`` of a whole server, with simulated providers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authdeck import server, tasks
from authdeck.access import Role
from authdeck.settings import load
from authdeck.simulator import Simulator
from fakes.clock import SetClock
from fakes.laid import lay
from fakes.sign_ins import came_back, providers
from gate.conftest import HERE, bearer, key_for


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as made:
        yield made


@pytest_asyncio.fixture
async def clients(
    tmp_path: Path, clock: SetClock, simulator: Simulator
) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """Bob and Carl are operators, Vera looks on."""
    built = await server.build(load({}, home=lay(tmp_path), providers=providers(simulator)), clock)
    await built.start()
    transport = httpx2.ASGITransport(app=built.app)
    roles = {"bob": Role.OPERATOR, "carl": Role.OPERATOR, "vera": Role.VIEWER}
    made = {}
    for name, role in roles.items():
        headers = bearer(await key_for(built.desk, name, role))
        made[name] = httpx2.AsyncClient(transport=transport, base_url=f"{HERE}/api/v1", headers=headers)
    yield made
    for client in made.values():
        await client.aclose()
    await built.stop()


async def begun(client: httpx2.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await client.post("/logins", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_it_works(clients, simulator):
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await begun(clients["bob"], provider="codex")
    url = await came_back(now["url"])

    done = (await clients["bob"].post(f"/logins/{now['id']}/callback", json={"url": url})).json()
    account = (await clients["bob"].get(f"/accounts/{done['auth_index']}")).json()
    revisions = (await clients["bob"].get(f"/accounts/{done['auth_index']}/revisions")).json()

    assert (now["status"], now["user_code"], now["auth_index"]) == ("pending", None, None)
    assert (done["status"], done["outcome"], done["url"]) == ("done", "new", None)
    assert account["file_name"] == "codex-ann@example.com-plus.json"
    assert revisions["items"][0]["why"] == "logged_in"


async def test_a_device_code(clients):
    now = await begun(clients["bob"], provider="kimi")

    assert (now["user_code"], now["url"]) == ("FAKE-CODE", None)
    assert now["verification_url"].endswith("/kimi-auth/device")
    cancelled = (await clients["bob"].delete(f"/logins/{now['id']}")).json()
    events = (await clients["bob"].get(f"/logins/{now['id']}/events")).text
    assert cancelled["status"] == "cancelled"
    assert '"status":"cancelled"' in events


@pytest.mark.parametrize(("provider", "way"), [("codex", "browser"), ("codex", "device")])
async def test_events_say_how_it_stands_and_nothing_that_is_to_be_kept(clients, provider, way):
    now = await begun(clients["bob"], provider=provider, way=way)
    following = tasks.start(clients["bob"].get(f"/logins/{now['id']}/events"), name="follow")
    await clients["bob"].delete(f"/logins/{now['id']}")

    events = [line for line in (await following).text.splitlines() if line.startswith("data: ")]

    last = json.loads(events[-1].removeprefix("data: "))
    assert (last["id"], last["status"]) == (now["id"], "cancelled")
    assert not {"url", "user_code", "verification_url", "labels"} & last.keys()
    kept = [now["url"], now["user_code"], now["verification_url_complete"]]
    assert [each for each in kept if each and any(each in event for event in events)] == []


async def test_only_who_began_it_sees_it(clients):
    now = await begun(clients["bob"], provider="codex")

    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert (await clients["carl"].request(method, f"/logins/{now['id']}{path}")).status_code == 404
    assert (await clients["carl"].get("/logins")).json()["items"] == []
    assert [each["id"] for each in (await clients["bob"].get("/logins")).json()["items"]] == [now["id"]]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"provider": "vertex"}, 404, "provider_without_login"),
        ({"provider": "claude", "way": "device"}, 422, "login_way_unknown"),
        ({"provider": "claude", "way": "eve"}, 422, "request_invalid"),
        ({"provider": "claude", "auth_index": "eve"}, 404, "account_not_found"),
        ({}, 422, "request_invalid"),
    ],
)
async def test_what_is_refused(clients, given, status, code):
    answer = await clients["bob"].post("/logins", json=given)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_wrong_address_is_explained_and_not_repeated(clients):
    now = await begun(clients["bob"], provider="codex")
    url = "http://localhost:1455/auth/callback?code=ac_FAKE&state=st_FAKE"

    answer = await clients["bob"].post(f"/logins/{now['id']}/callback", json={"url": url})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_back_state_unknown")
    assert "FAKE" not in answer.text


async def test_a_failure_says_why(clients, simulator):
    simulator.world.denying.add("codex")
    now = await begun(clients["bob"], provider="codex")

    after = await clients["bob"].post(f"/logins/{now['id']}/callback", json={"url": await came_back(now["url"])})

    assert after.json()["status"] == "failed"
    assert after.json()["error"]["code"] == "login_denied"


@pytest.mark.parametrize("choice", ["update", "new"])
async def test_a_near_match_is_asked(clients, simulator, choice):
    bob, document = clients["bob"], {"type": "codex", "access_token": "at_FAKE", "account_id": "org-1"}
    taken = await bob.post("/imports", json={"file_name": "partial.json", "document": document})
    (index,) = [row["auth_index"] for row in taken.json()["items"]]
    simulator.approve(simulator.account("codex", "ann@example.com", organization="org-1"))
    now = await begun(bob, provider="codex")

    asked = (await bob.post(f"/logins/{now['id']}/callback", json={"url": await came_back(now["url"])})).json()
    refused = await bob.post(f"/logins/{now['id']}/choice", json={"choice": "expected"})
    before = (await bob.get(f"/accounts/{index}/revisions")).json()["items"]
    wish = f"update:{index}" if choice == "update" else "new"
    done = (await bob.post(f"/logins/{now['id']}/choice", json={"choice": wish})).json()
    after = (await bob.get(f"/accounts/{index}/revisions")).json()["items"]

    assert (asked["status"], asked["reason"]) == ("choosing", "near_match")
    assert (asked["choices"], asked["labels"]["email"]) == ([f"update:{index}", "new"], "ann@example.com")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "choice_unknown")
    assert (len(before), len(after)) == (1, 2 if choice == "update" else 1)
    assert done["outcome"] == {"update": "updated", "new": "new"}[choice]
    assert (done["auth_index"] == index) is (choice == "update")


async def test_another_workspace_of_one_email_is_named_beside_the_new_account(clients, simulator):
    bob, ends = clients["bob"], []
    for organization in ("org-1", "org-2"):
        simulator.approve(simulator.account("claude", "ann@example.com", organization=organization))
        now = await begun(bob, provider="claude")
        ends.append((await bob.post(f"/logins/{now['id']}/callback", json={"url": await came_back(now["url"])})).json())

    assert [end["outcome"] for end in ends] == ["new", "new"]
    assert [end["near"] for end in ends] == [[], [ends[0]["auth_index"]]]


async def test_a_viewer_may_not(clients):
    assert (await clients["vera"].post("/logins", json={"provider": "codex"})).status_code == 403


async def test_the_browsers_way_back_ends_here(clients, simulator):
    """Over the real port of the Codex CLI: where another program has it, the login says so."""
    simulator.approve(simulator.account("codex", "ann@example.com"))
    now = await begun(clients["bob"], provider="codex")
    if not now["listening"]:
        pytest.skip("another program has port 1455")
    url = await came_back(now["url"])

    async with httpx2.AsyncClient(trust_env=False) as browser:
        page = await browser.get(url.replace("localhost", "127.0.0.1"))

    after = (await clients["bob"].get(f"/logins/{now['id']}")).json()
    assert (page.status_code, after["status"]) == (200, "done")
    assert "You are signed in" in page.text
    assert not await is_open()


async def is_open() -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", 1455)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
