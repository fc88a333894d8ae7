"""Two processes on one PostgreSQL: one token call an account, one at a time for a client, and no token sent twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from authdeck.clock import from_micros
from authdeck.errors import DeckError
from authdeck.operations import token_calls
from authdeck.operations.token_calls import Call, Cause, NotBegun
from authdeck.storage import opening
from authdeck.storage.tables import leases
from authdeck.storage.writing import refreshing as writing
from fakes.clock import SetClock
from fakes.shops import Shop, new_vault, open_shop, simulated


@dataclass
class Street:
    """Two shops that share everything but their memory."""

    one: Shop
    two: Shop

    async def settle(self, *names: str) -> list[str]:
        """People move in; both shops know them, and their tokens have run out."""
        people = [self.one.simulator.account("codex", f"{name}@example.com") for name in names]
        indexes = [await self.one.take_in(person) for person in people]
        self.one.index = self.two.index = indexes[0]
        await self.two.mirror.load()
        await self.one.expired()
        return indexes

    async def lease(self, name: str) -> tuple[str, int]:
        """Owner and end."""
        found = await self.one.desk.read(lambda c: c.execute(select(leases).where(leases.c.name == name)).one())
        return found.owner, found.until


@pytest_asyncio.fixture
async def street(clock: SetClock, tmp_path: Path, postgresql_url: str) -> AsyncIterator[Street]:
    databases = [opening.control(postgresql_url, clock) for _ in range(2)]
    vault = new_vault()
    with simulated(clock) as simulator:
        ann = simulator.account("codex", "ann@example.com")
        async with (
            open_shop(simulator, clock, tmp_path, databases[0], vault, ann, "1") as one,
            open_shop(simulator, clock, tmp_path, databases[1], vault, ann, "2") as two,
        ):
            yield Street(one, two)
    for database in databases:
        database.close()


async def test_whoever_comes_second_takes_over_what_the_first_got(street: Street) -> None:
    await street.settle("ann")
    old = await street.two.credential()
    first = await street.one.usable()
    second = await street.two.refresher.usable(old)
    assert (second.bearer, second.revision) == (first.bearer, 2)
    assert (await street.two.credential()).revision == 2
    assert street.one.calls() == 1


async def test_both_at_once_make_one_call_for_each_account(street: Street) -> None:
    indexes = await street.settle(*(f"p{number}" for number in range(12)))
    lent = [(shop, await shop.lender.credential(index)) for index in indexes for shop in (street.one, street.two)]
    found = await asyncio.gather(*(shop.refresher.usable(credential) for shop, credential in lent))
    assert {credential.revision for credential in found} == {2}
    assert street.one.calls() == len(indexes)
    assert not street.one.simulator.world.accounts.reused


async def test_a_rejected_token_that_the_other_process_renewed_is_not_renewed_again(street: Street) -> None:
    await street.settle("ann")
    old = await street.two.credential()
    await street.one.usable()
    newer = await street.two.refresher.renewed(old)
    assert newer is not None
    assert newer.revision == 2
    assert street.one.calls() == 1


async def test_a_token_that_was_refused_is_not_presented_again(street: Street) -> None:
    await street.settle("dora")
    dora = street.one.simulator.world.accounts.by_identity("codex", "dora@example.com")
    assert dora is not None
    street.one.simulator.revoke(dora)
    lent = [(shop, await shop.credential()) for shop in (street.one, street.two)]
    for shop, credential in lent * 2:
        with pytest.raises(DeckError) as refused:
            await shop.refresher.usable(credential)
        assert refused.value.code == "refresh_refused"
    assert street.one.calls() == 1


async def test_a_request_waits_for_the_other_processes_call(street: Street) -> None:
    await street.settle("ann")
    street.one.simulator.fail(path="/oauth/token", stall_after_events=0)
    waiting = [asyncio.ensure_future(shop.usable()) for shop in (street.one, street.two)]  # noqa: TID251
    await asyncio.to_thread(street.one.simulator.wait_until, lambda: street.one.calls() == 1)
    street.one.simulator.release()
    assert {(await each).revision for each in waiting} == {2}
    assert street.one.calls() == 1


async def test_a_client_has_one_call_at_a_time_and_the_lane_is_kept_while_it_lasts(street: Street) -> None:
    ann, bob = await street.settle("ann", "bob")
    lane = token_calls.lane_of(street.one.desk, (await street.one.credential()).provider)
    opened = await street.one.lender.opened(ann)
    call = await token_calls.begin(street.one.desk, opened, Cause.ENDS)
    assert isinstance(call, Call)
    owner, until = await street.lease(lane)
    assert owner == "1" * 32
    other = await street.two.lender.opened(bob)
    assert await token_calls.begin(street.two.desk, other, Cause.ENDS) is NotBegun.LANE_TAKEN
    assert await token_calls.begin(street.two.desk, opened, Cause.ENDS) is NotBegun.LANE_TAKEN

    sent = street.one.simulator.fail(path="/oauth/token", stall_after_events=0)
    asked = street.one.refresher._request(call.credential)
    answering = asyncio.ensure_future(token_calls.answered(street.one.desk, call, asked))  # noqa: TID251
    while (await street.lease(lane))[1] <= until:
        assert not answering.done()
    assert sent.times == 0
    street.one.simulator.release()
    assert await token_calls.finish(street.one.desk, call, await answering) is None
    assert isinstance(await token_calls.begin(street.two.desk, other, Cause.ENDS), Call)


async def test_the_call_of_a_process_that_died_is_unknown_and_tried_once_more(street: Street) -> None:
    await street.settle("ann")
    dead = await token_calls.begin(street.one.desk, await street.one.lender.opened(street.one.index), Cause.ENDS)
    assert isinstance(dead, Call)
    gone = update(leases).values(until=from_micros(0))
    await street.two.desk.write(lambda connection: connection.execute(gone))
    assert (await street.two.usable()).revision == 2
    assert await street.two.journal() == [("unknown", None), ("ok", 2)]


async def test_forgotten_calls_are_given_up_when_their_lease_has_ended(street: Street) -> None:
    await street.settle("ann")
    await token_calls.begin(street.one.desk, await street.one.lender.opened(street.one.index), Cause.ENDS)
    assert await street.two.refresher.give_up_forgotten() == 0
    gone = update(leases).values(until=from_micros(0))
    await street.two.desk.write(lambda connection: connection.execute(gone))
    assert await street.two.refresher.give_up_forgotten() == 1
    assert await street.two.journal() == [("unknown", None)]


async def test_a_lease_is_given_to_one_of_many_who_ask_at_once(street: Street) -> None:
    asking = [
        shop.desk.write(lambda connection, owner=owner: writing.take_lease(connection, "new", owner, 90))
        for owner in "abcdefghij"
        for shop in (street.one, street.two)
    ]
    fences = await asyncio.gather(*asking)
    assert [fence for fence in fences if fence is not None] == [1]
