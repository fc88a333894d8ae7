"""A conversation stays on its account, and each caller has its own conversations."""

from authdeck.access import AUTOMATION
from authdeck.operations import client_keys
from gateway.conftest import House

BODY = {"model": "m", "messages": []}


async def served_by(house: House, key: str | None = None, **headers: str) -> str:
    given = {**headers, **({"authorization": f"Bearer {key}"} if key else {})}
    async with house.post("/v1/chat/completions", BODY, **given) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["x-authdeck-account"]


async def two_accounts(house: House) -> None:
    for name in ("ann", "bob"):
        await house.take_in(house.simulator.account("openai_compatible", f"{name}@example.com", kind="api_key"))


async def test_it_stays_where_it_began(house: House) -> None:
    await two_accounts(house)
    first = await served_by(house, x_session_id="one")
    other = await served_by(house, x_session_id="two")
    assert first != other
    assert [await served_by(house, x_session_id="one") for _ in range(3)] == [first] * 3
    assert {await served_by(house) for _ in range(2)} == {first, other}


async def test_the_same_name_of_two_callers_means_two_conversations(house: House) -> None:
    await two_accounts(house)
    bobs = await client_keys.create(house.desk, "bob's laptop", AUTOMATION)
    mine = await served_by(house, x_session_id="default")
    assert await served_by(house, bobs.key.open(), x_session_id="default") != mine


async def test_it_moves_when_its_account_fails_before_anything_was_passed_on(house: House) -> None:
    await two_accounts(house)
    first = await served_by(house, x_session_id="one")
    house.simulator.fail(status=429)
    moved = await served_by(house, x_session_id="one")
    assert moved != first
    assert await served_by(house, x_session_id="one") == moved
