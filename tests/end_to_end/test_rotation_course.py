"""The storm of ``test_rotation_storm`` in small, by a course that is written down: who meets what, and when.

Two servers on one PostgreSQL, sign-ins that all end at once, three times; slow, failing and cut answers of the token
endpoint, and a server that is killed while a token call of its is under way.
"""

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck
from fakes.shared_house import TOKEN, SharedHouse, calling, sharing

PEOPLE = 12
CUT_BEFORE, CUT_WITHIN = {"cut_after_events": 0}, {"cut_after_events": 1}
COURSE: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"delay": 0.5}, {"status": 500}, {"status": 429}, {"status": 503}),
    (CUT_BEFORE, {"delay": 0.5}, {"status": 500}),
    (CUT_WITHIN, {"delay": 0.5}, {"status": 429}),
)
"""What the token endpoint does in each round, each to somebody else."""

KILL_IN = 1
"""The round in which a server is killed, too."""

OK = 200

TRIES = 5
"""Questions to a server, with a person's refresh between two, until nobody waits any more."""


@pytest.fixture
def house(tmp_path: Path, simulator: Simulator, postgresql_url: str) -> Iterator[SharedHouse]:
    with sharing(tmp_path, simulator, postgresql_url) as house:
        house.settle(PEOPLE)
        yield house


def test_the_course_costs_no_account_but_those_whose_answer_was_lost(house: SharedHouse) -> None:
    chance = random.Random("course")
    lost: set[int] = set()
    for number, weather in enumerate(COURSE):
        met = dict(zip(chance.sample(sorted(set(range(PEOPLE)) - lost), len(weather)), weather, strict=True))
        for person, fault in met.items():
            house.simulator.fail(path=TOKEN, account=house.people[person], **fault)
        now_lost = {person for person, fault in met.items() if "cut_after_events" in fault}
        if number == KILL_IN:
            killed = chance.choice(sorted(set(range(PEOPLE)) - met.keys() - lost))
            now_lost.add(killed)
            asyncio.run(_one_is_killed(house, killed))
        lost |= now_lost

        asyncio.run(_all_ask_both(house))

        assert asyncio.run(_left_to_a_person(house)) == now_lost
        journal = house.journal()
        assert house.reused() == {house.indexes[person]: 1 for person in lost}
        assert {index for index, ends in journal.items() if ends["unknown"]} == {house.indexes[p] for p in lost}
        assert not any(ends["open"] for ends in journal.values())
        house.sign_in_again(now_lost, house.decks[number % 2])
        for deck in house.decks:
            deck.wait_until(partial(_asks_for_nobody, house, deck))
        assert asyncio.run(_left_to_a_person(house)) == set()
        for person in house.people:
            house.simulator.expire(person)


def _asks_for_nobody(house: SharedHouse, deck: Deck) -> bool:
    return not house.needing_a_person(deck)


async def _one_is_killed(house: SharedHouse, killed: int) -> None:
    """By the time when everybody waits for a new token, and the provider has just spent the one of ``killed``."""
    one, two = house.decks
    person = house.people[killed]
    house.simulator.fail(path=TOKEN, account=person, stall_after_events=0)
    async with calling() as session:
        first = asyncio.ensure_future(house.ask(session, one, f"/p/p{killed}"))  # noqa: TID251
        await asyncio.to_thread(house.simulator.wait_until, lambda: _is_asked_for(house, killed), 60)
        others = [house.ask(session, two, f"/p/p{number}") for number in range(PEOPLE) if number != killed]
        waiting = asyncio.gather(*others)
        await asyncio.to_thread(one.kill)
        with pytest.raises(aiohttp.ClientError):
            await first
        await asyncio.to_thread(one.start)
        await asyncio.to_thread(house.leases_of_the_dead_end)
        await waiting


def _is_asked_for(house: SharedHouse, number: int) -> bool:
    """Whether a token call of this person's is under way."""
    return any(not seen.finished for seen in house.simulator.seen(TOKEN, house.people[number]))


async def _all_ask_both(house: SharedHouse) -> None:
    async with calling() as session:
        asked = [house.ask(session, deck, f"/p/p{number}") for number in range(PEOPLE) for deck in house.decks]
        await asyncio.gather(*asked)


async def _left_to_a_person(house: SharedHouse) -> set[int]:
    """Those who can't be served without signing in again. All others are served, by either server.

    Who waits after a failure of the token endpoint is refreshed at once, as a person would do it.
    """
    async with calling() as session:
        for deck in house.decks:
            waiting = list(range(PEOPLE))
            for _ in range(TRIES):
                answers = await asyncio.gather(*(house.ask(session, deck, f"/p/p{number}") for number in waiting))
                refused = {number for number, status in zip(waiting, answers, strict=True) if status != OK}
                waiting = sorted(refused - _needing_a_person(house))
                await asyncio.gather(*(asyncio.to_thread(house.refresh, number, deck) for number in waiting))
            assert not waiting, [deck.account(house.indexes[number]) for number in waiting]
    return _needing_a_person(house)


def _needing_a_person(house: SharedHouse) -> set[int]:
    """The server that found it out knows it at once, the other one within a second."""
    return set().union(*(house.needing_a_person(deck) for deck in house.decks))
