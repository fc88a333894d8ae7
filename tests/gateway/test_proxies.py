"""An account with a proxy is reached through it, whatever is asked; never around it."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from authdeck.errors import DeckError
from authdeck.operations import edit_accounts
from fakes.people import ANN
from fakes.proxy import Proxy, proxying
from fakes.quota_queries import queries_of
from gateway.conftest import House
from gateway.test_sockets import answer, connect, create

REQUESTS = {
    "codex": ("/v1/responses", {"model": "gpt-5.5", "input": "hello", "stream": True}),
    "claude": ("/v1/messages", {"model": "claude-opus-5", "max_tokens": 5, "messages": []}),
}


@pytest_asyncio.fixture(params=["through", "refused"])
async def proxy(request: pytest.FixtureRequest) -> AsyncIterator[Proxy]:
    """One that lets through, and one that does not: what reaches the provider all the same went around it."""
    async with proxying() as made:
        made.refuses = request.param == "refused"
        yield made


async def behind(house: House, proxy: Proxy, provider: str, scheme: str = "socks5", **settings: object) -> str:
    """The index of the one account, which has the proxy."""
    [index] = await house.take_in(house.simulator.account(provider, "ann@example.com"))
    await house.acknowledge()
    changes = {"proxy_url": f"{scheme}://{proxy.url}", **settings}
    await edit_accounts.edit(house.desk, index, ANN, changes, version=None)
    return index


def is_kept_to(house: House, proxy: Proxy) -> bool:
    """The provider was reached through the proxy, or not at all where that refuses."""
    return {*proxy.asked} == {urlsplit(house.simulator.url).netloc} and bool(house.simulator.seen()) != proxy.refuses


@pytest.mark.parametrize("scheme", ["socks5", "http"])
@pytest.mark.parametrize("provider", REQUESTS)
async def test_requests(house: House, proxy: Proxy, provider: str, scheme: str) -> None:
    await behind(house, proxy, provider, scheme)
    path, body = REQUESTS[provider]
    async with house.post(path, body) as found:
        assert found.status == (502 if proxy.refuses else 200)
        await found.read()
    assert is_kept_to(house, proxy)
    [event] = await house.events()
    assert (event.failure and event.failure.code) == ("proxy_refused" if proxy.refuses else None)


@pytest.mark.parametrize("provider", ["codex", "claude", "kimi"])
async def test_refreshes(house: House, proxy: Proxy, provider: str) -> None:
    """Of a form and of JSON alike."""
    index = await behind(house, proxy, provider)
    if proxy.refuses:
        with pytest.raises(DeckError):
            await house.refresher.refresh(index)
    else:
        await house.refresher.refresh(index)
        assert [seen.status for seen in house.simulator.seen()] == [200]
    assert is_kept_to(house, proxy)


@pytest.mark.parametrize("provider", ["codex", "claude"])
async def test_questions_about_quota(house: House, proxy: Proxy, provider: str) -> None:
    index = await behind(house, proxy, provider)
    await queries_of(house.desk).query_quota(index)
    assert is_kept_to(house, proxy)


async def test_websockets(house: House, proxy: Proxy) -> None:
    await behind(house, proxy, "codex", websockets=True)
    async with connect(house) as socket:
        await socket.send_str(json.dumps(create()))
        last = (await answer(socket))[-1]
    assert last["type"] == ("error" if proxy.refuses else "response.completed")
    assert is_kept_to(house, proxy)
