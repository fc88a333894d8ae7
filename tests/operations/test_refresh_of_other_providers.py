"""No token is lost with Antigravity, whose refresh tokens stay, and xAI, whose rotate; with Codex: ``test_refresh``."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.errors import DeckError
from authdeck.operations.lend import Lender
from authdeck.storage import opening
from fakes.clock import SetClock
from fakes.laid import laid
from fakes.shops import Shop, new_vault, open_shop, simulated

TOKENS = {"antigravity": "/google/token", "xai": "/xai-auth/oauth2/token"}


@pytest_asyncio.fixture(params=TOKENS)
async def shop(request: pytest.FixtureRequest, clock: SetClock, tmp_path: Path) -> AsyncIterator[Shop]:
    database = opening.control(laid(f"sqlite:///{tmp_path / 'authdeck.db'}"), clock)
    with simulated(clock) as simulator:
        ann = simulator.account(request.param, "ann@example.com")
        async with open_shop(simulator, clock, tmp_path, database, new_vault(), ann) as made:
            made.index = await made.take_in()
            yield made
    database.close()


def presented(shop: Shop) -> list[str]:
    """The refresh tokens that came to the token endpoint, in turn."""
    return [seen.asked.document["refresh_token"] for seen in shop.simulator.seen(TOKENS[shop.ann.provider])]


async def test_many_who_wait_share_one_call_that_is_committed(shop: Shop) -> None:
    old = await shop.expired()
    found = await asyncio.gather(*(shop.usable() for _ in range(10)))
    assert len(presented(shop)) == 1
    assert len({credential.bearer for credential in found} - {old.bearer}) == 1
    assert await shop.journal() == [("ok", 2)]
    stored = await Lender(shop.desk).credential(shop.index)
    assert (stored.revision, stored.bearer) == (2, found[0].bearer)


async def test_the_next_one_presents_what_the_last_one_was_given(shop: Shop) -> None:
    for _ in range(3):
        await shop.expired()
        await shop.usable()
    assert len(presented(shop)) == 3
    assert shop.simulator.world.accounts.reused == []
    assert await shop.journal() == [("ok", 2), ("ok", 3), ("ok", 4)]


async def test_a_refusal_is_a_hold_and_presented_once(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.revoke(shop.ann)
    for _ in range(2):
        with pytest.raises(DeckError) as refused:
            await shop.usable()
        assert refused.value.code == "refresh_refused"
    assert shop.holds() == ["refresh_refused"]
    assert len(presented(shop)) == 1
    assert await shop.journal() == [("refused", None)]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_provider_in_trouble_refuses_nobody(shop: Shop, status: int) -> None:
    await shop.expired()
    shop.simulator.fail(path=TOKENS[shop.ann.provider], status=status)
    with pytest.raises(DeckError) as failed:
        await shop.usable()
    assert failed.value.code == "refresh_failed"
    assert shop.holds() == []
    shop.clock.move(hours=1)
    assert (await shop.usable()).revision == 2


async def test_a_lost_answer_is_unknown_and_tried_once_more(shop: Shop) -> None:
    await shop.expired()
    shop.simulator.fail(path=TOKENS[shop.ann.provider], cut_after_events=0)
    with pytest.raises(DeckError) as lost:
        await shop.usable()
    assert lost.value.code == "refresh_unknown"
    assert await shop.journal() == [("unknown", None)]
    shop.clock.move(minutes=10)
    if shop.ann.provider == "antigravity":
        assert (await shop.usable()).revision == 2
        assert await shop.journal() == [("unknown", None), ("ok", 2)]
    else:
        for _ in range(3):  # the provider takes it for a stolen one; nobody tries a third time
            with pytest.raises(DeckError):
                await shop.usable()
            shop.clock.move(hours=1)
        assert await shop.journal() == [("unknown", None), ("refused", None)]
        assert shop.holds() == ["refresh_answer_lost"]
    first, second = presented(shop)
    assert first == second
