"""Refresh tokens that are refused: each is a question, few of them holds, and a storm of them is one incident."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from authdeck.action import Cause as Shared
from authdeck.errors import DeckError
from authdeck.evidence import Action
from authdeck.exchange import Refreshed, RefreshOutcome
from authdeck.hold import Owner
from authdeck.operations import token_calls
from authdeck.operations.desk import Desk
from authdeck.operations.disable import set_lock
from authdeck.operations.entries import by_name
from authdeck.operations.lend import Lender
from authdeck.operations.release_hold import release_hold
from authdeck.operations.token_calls import Call, Cause
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading import queue as reading
from authdeck.storage.reading.queue import QueueSearch
from fakes.clock import SetClock
from fakes.crowd import crowd
from fakes.desks import desk_on
from fakes.laid import laid
from fakes.people import ANN
from fakes.shops import new_vault

NUMBER = int(os.environ.get("AUTHDECK_PROOF_ACCOUNTS", "120"))
"""Accounts; ten thousand are part of make proof."""

REFUSED = Refreshed(RefreshOutcome.REFUSED, "refresh_token_invalidated")


@pytest_asyncio.fixture
async def desk(clock: SetClock, tmp_path: Path) -> AsyncIterator[Desk]:
    opening.control(laid(url := f"sqlite:///{tmp_path / 'authdeck.db'}"), clock).close()
    database = Database(url)
    yield await desk_on(database, new_vault(), clock, tmp_path)
    database.close()


@pytest_asyncio.fixture
async def on_postgresql(clock: SetClock, tmp_path: Path, postgresql_url: str) -> AsyncIterator[Desk]:
    database = opening.control(postgresql_url, clock)
    yield await desk_on(database, new_vault(), clock, tmp_path)
    database.close()


async def answer(desk: Desk, index: str, read: Refreshed = REFUSED, cause: Cause = Cause.ENDS) -> DeckError | None:
    """One token call of the account, answered so."""
    call = await token_calls.begin(desk, await Lender(desk).opened(index), cause)
    assert isinstance(call, Call)
    return await token_calls.finish(desk, call, read)


def held(desk: Desk) -> list[str]:
    found = [entry for entry in desk.directory.entries() if any(each.owner is Owner.CREDENTIAL for each in entry.holds)]
    return [entry.account.auth_index for entry in found]


async def incidents(desk: Desk) -> list[tuple[str, str, int]]:
    found = await desk.read(lambda connection: reading.all_incidents(connection, limit=9))
    return [(each.cause.value, each.subject, each.count) for each in found]


async def test_a_refused_refresh_is_a_hold_with_its_reason_and_a_question(desk: Desk) -> None:
    (index,) = await crowd(desk, 1)
    error = await answer(desk, index)
    assert error is not None
    assert error.code == "refresh_refused"
    entry = by_name(desk, index)
    (hold,) = entry.holds
    assert (hold.code, hold.detail["signal"], hold.detail["source"]) == ("refresh_refused", "credential", "refresh")
    assert hold.detail["reason"] == "refresh_token_invalidated"
    assert hold.evidence is not None
    assert [(row.reason_code, row.action) for row in entry.candidates] == [("refresh_refused", Action.REAUTH)]


async def test_a_locked_account_is_asked_about_and_not_held(desk: Desk) -> None:
    (index,) = await crowd(desk, 1)
    await set_lock(desk, index, ANN, locked=True)
    await answer(desk, index)
    entry = by_name(desk, index)
    assert entry.holds == ()
    assert [row.reason_code for row in entry.candidates] == ["refresh_refused"]


async def test_what_a_person_released_is_not_held_for_the_same_refusal(desk: Desk) -> None:
    (index,) = await crowd(desk, 1)
    await answer(desk, index)
    await release_hold(desk, index, Owner.CREDENTIAL, "refresh_refused", ANN)
    with pytest.raises(DeckError, match="refresh_refused"):
        await answer(desk, index)
    assert by_name(desk, index).holds == ()


async def test_tokens_that_come_after_all_end_the_hold_whatever_the_clock_says(desk: Desk) -> None:
    (index,) = await crowd(desk, 1)
    await answer(desk, index)
    new = Refreshed(RefreshOutcome.OK, changes={"refresh_token": "rt_FAKE_new"})
    assert await answer(desk, index, new, Cause.PERSON) is None
    entry = by_name(desk, index)
    assert (entry.holds, entry.candidates) == ((), ())


@pytest.mark.timeout(900)
async def test_thousands_refused_at_once_are_one_incident(desk: Desk) -> None:
    await storm(desk)


@pytest.mark.timeout(1800)
async def test_thousands_refused_at_once_are_one_incident_on_postgresql(on_postgresql: Desk) -> None:
    await storm(on_postgresql)


async def storm(desk: Desk) -> None:
    """Five are held, all are asked about, one incident says why no more was done."""
    indexes = await crowd(desk, NUMBER)
    for index in indexes:
        error = await answer(desk, index)
        assert error is not None
        assert error.code == "refresh_refused"
    assert held(desk) == indexes[:5]
    assert await incidents(desk) == [(Shared.BOUNDS.value, "codex:refresh_refused", NUMBER - 5)]
    assert desk.directory.asking == {Action.REAUTH: NUMBER}
    asked = await desk.read(lambda connection: reading.page(connection, QueueSearch()))
    assert asked.total == NUMBER
