"""Settings of the gateway and of routing in a whole server: each does what it says there."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authdeck import server
from authdeck.access import AUTOMATION
from authdeck.operations import client_keys
from authdeck.operations.import_files import Source, import_files
from authdeck.operations.terms import acknowledge
from authdeck.settings import load
from authdeck.simulator import Simulator
from fakes.clock import SetClock
from fakes.people import ANN
from fakes.sign_ins import providers

BODY = {"model": "gpt-5.5", "input": "hello"}


@dataclass
class Deck:
    """A whole server in this process, asked without a socket of its own."""

    built: server.Built
    client: httpx2.AsyncClient
    simulator: Simulator

    async def add(self, *names: str, **extra: Any) -> list[str]:
        people = [self.simulator.account("codex", f"{name}@example.com") for name in names]
        files = [Source(*self.simulator.auth_file(one, **extra)) for one in people]
        report = await import_files(self.built.desk, files, ANN)
        return [str(row.auth_index) for row in report.items]

    async def served_by(self, path: str = "/v1/responses", **headers: str) -> str:
        answer = await self.client.post(path, json=BODY, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.headers["x-authdeck-account"])


Made = Callable[..., Awaitable[Deck]]


@pytest_asyncio.fixture
async def made(clock: SetClock, tmp_path: Path) -> AsyncIterator[Made]:
    """Starts the one server of a test, with these settings."""
    decks: list[Deck] = []
    with Simulator(clock).running() as simulator:

        async def make(**settings: Any) -> Deck:
            built = await server.build(load({}, home=tmp_path, providers=providers(simulator), **settings), clock)
            await built.start()
            await acknowledge(built.desk, "codex", ANN)
            key = (await client_keys.create(built.desk, "ann's laptop", AUTOMATION)).key.open()
            client = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=built.app),
                base_url="http://127.0.0.1:8417",
                headers={"authorization": f"Bearer {key}"},
            )
            decks.append(Deck(built, client, simulator))
            return decks[0]

        yield make
        for deck in decks:
            await deck.client.aclose()
            await deck.built.stop()


async def test_how_long_a_provider_may_take_to_begin(made: Made) -> None:
    deck = await made(gateway={"first_byte_timeout": 0.2})
    await deck.add("ann")
    deck.simulator.fail(delay=60)
    answer = await deck.client.post("/v1/responses", json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")


async def test_how_long_a_provider_may_pause(made: Made) -> None:
    """Its headers came, and nothing after them."""
    deck = await made(gateway={"idle_timeout": 0.2})
    await deck.add("ann")
    deck.simulator.fail(stall_after_events=0)
    answer = await deck.client.post("/v1/responses", json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_how_many_accounts_are_tried(made: Made, most: int) -> None:
    deck = await made(gateway={"max_attempts": most})
    await deck.add("ann", "bob", "eve", "mia")
    deck.simulator.fail(status=500, times=None)
    answer = await deck.client.post("/v1/responses", json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "attempts_used_up")
    assert len(deck.simulator.seen("/responses")) == most


async def test_whether_the_account_is_named(made: Made) -> None:
    deck = await made(gateway={"account_header": False})
    await deck.add("ann")
    for status in (200, 400):
        answer = await deck.client.post("/v1/responses", json=BODY)
        assert answer.status_code == status
        assert "x-authdeck-request-id" in answer.headers
        assert "x-authdeck-account" not in answer.headers
        deck.simulator.fail(status=400)


@pytest.mark.parametrize(("strategy", "served"), [("round_robin", 2), ("fill_first", 1)])
async def test_whose_turn_it_is(made: Made, strategy: str, served: int) -> None:
    deck = await made(routing={"strategy": strategy})
    await deck.add("ann", "bob")
    assert len({await deck.served_by() for _ in range(4)}) == served


async def test_that_weights_count(made: Made) -> None:
    deck = await made(routing={"strategy": "weighted"})
    [ann], [bob], _ = [await deck.add(name, weight=weight) for name, weight in (("ann", 3), ("bob", 1), ("eve", 0))]
    assert Counter([await deck.served_by() for _ in range(8)]) == {ann: 6, bob: 2}


async def test_that_the_one_whose_limit_is_longest_ago_serves(made: Made, clock: SetClock) -> None:
    deck = await made(routing={"strategy": "least_recently_limited"})
    indexes = set(await deck.add("ann", "bob"))
    deck.simulator.fail(status=429)
    second = await deck.served_by()
    [first] = indexes - {second}
    clock.move(hours=2)  # over by then
    assert {await deck.served_by() for _ in range(4)} == {second}  # the other was limited, this one never
    deck.simulator.fail(status=429)
    assert await deck.served_by() == first
    clock.move(hours=2)  # over by then
    assert {await deck.served_by() for _ in range(4)} == {first}


@pytest.mark.parametrize("prefixes", ["team", "*", "other"])
async def test_which_prefixes_have_to_be_named(made: Made, prefixes: str) -> None:
    deck = await made(routing={"prefix_only": [prefixes]})
    [team] = await deck.add("ann", prefix="team")
    assert await deck.served_by("/p/team/v1/responses") == team
    answer = await deck.client.post("/v1/responses", json=BODY)
    assert answer.status_code == (200 if prefixes == "other" else 404)


async def test_how_long_a_conversation_stays(made: Made, clock: SetClock) -> None:
    deck = await made(routing={"session_ttl": 60})
    await deck.add("ann", "bob")
    first = await deck.served_by(session_id="one")
    clock.move(seconds=59)
    assert await deck.served_by(session_id="one") == first
    clock.move(seconds=61)
    assert await deck.served_by(session_id="one") != first
