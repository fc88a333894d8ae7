"""Client keys where they are presented: how often, what for, and until when each is good."""

from datetime import timedelta
from typing import Any

import pytest

from authdeck.access import AUTOMATION
from authdeck.clock import SystemClock
from authdeck.errors import DeckError
from authdeck.gateway.app import Rates
from authdeck.operations import client_keys
from authdeck.operations.client_keys import ClientKey, Scope
from fakes.clock import NOON, SetClock
from fakes.people import ANN
from gateway.conftest import House

RESPONSES = {"model": "gpt-5.5", "input": "hello", "stream": True}
MESSAGES = {"model": "claude-opus-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def house_clock() -> SetClock:
    """It stands still: keys run out and rates refill when a test says so."""
    return SetClock(SystemClock().now())


async def key(house: House, **given: Any) -> tuple[str, str]:
    """Another client's key: its id, and what it is presented as."""
    made = await client_keys.create(house.desk, "bob's script", AUTOMATION, **given)
    return made.id, f"Bearer {made.key.open()}"


async def asked(house: House, presented: str, path: str = "/v1/responses", body: Any = RESPONSES) -> tuple[int, str]:
    """The status, and the code of an error of ours."""
    async with house.post(path, body, authorization=presented) as answer:
        said = (await answer.json())["error"]["code"] if answer.status >= 400 else ""
        return answer.status, said


async def codex(house: House, **extra: Any) -> None:
    await house.take_in(house.simulator.account("codex", f"{len(house.pool)}@example.com"), **extra)
    await house.acknowledge()


async def test_more_requests_a_minute_than_allowed_are_put_off(house: House, house_clock: SetClock) -> None:
    await codex(house)
    _, presented = await key(house, rate_limit=2)
    assert [(await asked(house, presented))[0] for _ in range(2)] == [200, 200]
    async with house.post("/v1/responses", RESPONSES, authorization=presented) as answer:
        shown = (await answer.json())["error"]
        assert (answer.status, answer.headers["retry-after"]) == (429, "30")
    assert shown["code"] == "client_key_rate_limited"
    assert "2 requests a minute" in shown["message"]
    assert len(house.simulator.seen("/responses")) == 2
    assert (await asked(house, f"Bearer {house.key}"))[0] == 200  # nobody else's concern
    house_clock.move(seconds=30)
    assert [(await asked(house, presented))[0] for _ in range(2)] == [200, 429]
    assert [event.failure.code for event in await house.events() if event.failure] == ["client_key_rate_limited"] * 2


async def test_a_list_of_models_counts_as_a_request(house: House) -> None:
    _, presented = await key(house, rate_limit=1)
    async with house.get("/v1/models", authorization=presented) as answer:
        assert answer.status == 200
    async with house.get("/v1/models", authorization=presented) as answer:
        assert answer.status == 429


def limited(id_: str, rate_limit: int | None) -> ClientKey:
    return ClientKey(id_, id_, client_keys.EVERYTHING, "adk_FAKE", rate_limit, NOON, "ann", None, None, None)


def test_a_quiet_key_saves_up_one_minute_and_no_more() -> None:
    clock = SetClock()
    rates, bob = Rates(clock), limited("bob", 60)
    rates.take(bob)
    clock.move(hours=5)
    for _ in range(60):
        rates.take(bob)
    with pytest.raises(DeckError, match="client_key_rate_limited") as refused:
        rates.take(bob)
    assert refused.value.retry_after == 1
    clock.move(seconds=1)
    rates.take(bob)
    with pytest.raises(DeckError):
        rates.take(bob)


def test_being_refused_costs_nothing_and_keys_have_each_their_own() -> None:
    clock = SetClock()
    rates, ann, bob = Rates(clock), limited("ann", 1), limited("bob", 1)
    rates.take(bob)
    for _ in range(10):
        with pytest.raises(DeckError):
            rates.take(bob)
    rates.take(ann)
    clock.move(seconds=60)
    rates.take(bob)
    for _ in range(1000):
        rates.take(limited("free", None))


@pytest.mark.parametrize(
    ("path", "model", "status"),
    [
        ("/p/team/v1/responses", "gpt-5.5", 200),
        ("/v1/responses", "team/gpt-5.5", 200),
        ("/v1/responses", "gpt-5.5", 403),
        ("/p/night/v1/responses", "gpt-5.5", 403),
        ("/v1/responses", "night/gpt-5.5", 403),
    ],
)
async def test_a_key_for_a_prefix_reaches_its_accounts_alone(house: House, path: str, model: str, status: int) -> None:
    for prefix in ("team", "night"):
        await codex(house, prefix=prefix)
    _, presented = await key(house, scope=Scope(prefixes=frozenset({"team"})))
    found = await asked(house, presented, path, {**RESPONSES, "model": model})
    assert found == (status, "" if status == 200 else "client_key_not_allowed")
    assert len(house.simulator.seen("/responses")) == (status == 200)


@pytest.mark.parametrize(("model", "status"), [("gpt-5.5", 200), ("o3", 200), ("gpt-4o", 403), ("o3-mini", 403)])
async def test_a_key_for_models_gets_no_other(house: House, model: str, status: int) -> None:
    await codex(house)
    _, presented = await key(house, scope=Scope(models=frozenset({"gpt-5*", "o3"})))
    found = await asked(house, presented, body={**RESPONSES, "model": model})
    assert found == (status, "" if status == 200 else "client_key_not_allowed")
    assert len(house.simulator.seen("/responses")) == (status == 200)


async def test_a_key_for_models_sends_nothing_without_one(house: House) -> None:
    """What is asked for then is the provider's choice."""
    await codex(house)
    _, presented = await key(house, scope=Scope(models=frozenset({"gpt-5*"})))
    assert await asked(house, presented, body={"input": "hello"}) == (403, "client_key_not_allowed")


async def test_a_key_for_models_is_told_of_those_alone(house: House) -> None:
    await codex(house)
    await codex(house, prefix="team")
    _, presented = await key(house, scope=Scope(models=frozenset({"gpt-5.5"}), prefixes=frozenset({"team"})))
    async with house.get("/v1/models", authorization=presented) as answer:
        assert [each["id"] for each in (await answer.json())["data"]] == ["team/gpt-5.5"]


async def test_a_key_for_a_provider_reaches_its_accounts_alone(house: House) -> None:
    """Both serve Messages; one of them is what the key may use."""
    await house.take_in(house.simulator.account("claude", "ann@example.com"))
    [kimi] = await house.take_in(house.simulator.account("kimi", "bob@example.com"))
    await house.acknowledge()
    _, presented = await key(house, scope=Scope(providers=frozenset({"kimi"})))
    for _ in range(3):
        async with house.post("/v1/messages", {**MESSAGES, "model": "kimi-k3"}, authorization=presented) as answer:
            assert (answer.status, answer.headers["x-authdeck-account"]) == (200, kimi)
            await answer.read()


async def test_accounts_of_other_providers_do_not_exist_for_a_key(house: House) -> None:
    await codex(house)
    _, presented = await key(house, scope=Scope(providers=frozenset({"claude"})))
    assert await asked(house, presented) == (404, "model_not_found")
    assert house.simulator.seen("/responses") == []


async def test_a_key_runs_out(house: House, house_clock: SetClock) -> None:
    await codex(house)
    _, presented = await key(house, expires_at=house.desk.now() + timedelta(hours=1))
    house_clock.move(minutes=59, seconds=59)
    assert (await asked(house, presented))[0] == 200
    house_clock.move(seconds=1)
    assert await asked(house, presented) == (401, "client_key_invalid")


async def test_a_revoked_key_is_refused_with_the_next_request(house: House) -> None:
    await codex(house)
    id_, presented = await key(house)
    assert (await asked(house, presented))[0] == 200
    await client_keys.revoke(house.desk, id_, ANN)
    assert await asked(house, presented) == (401, "client_key_invalid")
    await client_keys.restore(house.desk, id_, ANN)
    assert (await asked(house, presented))[0] == 200


async def test_a_request_is_what_a_key_was_last_used_for(house: House, house_clock: SetClock) -> None:
    await codex(house)
    id_, presented = await key(house)
    house_clock.move(minutes=5)
    await asked(house, presented)
    at = house.desk.now()
    house_clock.move(minutes=5)
    await house.keys.flush()
    used = {each.id: each.last_used_at for each in await client_keys.list_keys(house.desk)}
    assert used[id_] == at
    assert [each for each in used.values() if each] == [at]
