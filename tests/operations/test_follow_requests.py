"""Following requests: each that is stored comes once, in order, and old ones that were imported do not."""

from collections.abc import Callable
from typing import Any

import pytest

from authdeck import tasks
from authdeck.operations.follow_requests import FAR, beginning, follow
from authdeck.storage.database import Database
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.writing.requests import store
from fakes.clock import SetClock
from operations.test_requests_file import event


@pytest.fixture
def put(monitoring: Database) -> Callable[..., None]:
    return lambda *some: monitoring.write_now(lambda c: store(c, some, {}))


async def test_it_works(monitoring: Database, put: Callable[..., None], clock: SetClock) -> None:
    put(event())
    begins = await beginning(monitoring, "")
    following = follow(monitoring, RequestSearch(status="ok"), begins, clock, every=0.001)
    first = [event(1), event(2, status=500), event(3)]
    put(*first, event(-120))
    assert [row.event for row in await anext(following)] == [first[0], first[2]]
    waiting = tasks.start(anext(following), name="test")
    put(event(4, status=404))
    later = event(5)
    put(later)
    assert [row.event for row in await waiting] == [later]
    await following.aclose()


async def test_one_who_was_away_goes_on(monitoring: Database, put: Callable[..., None], clock: SetClock) -> None:
    put(event(), event(1))
    begins = await beginning(monitoring, "")
    missed = event(2)
    put(missed)
    following: Any = follow(monitoring, RequestSearch(), await beginning(monitoring, str(begins)), clock, every=0.001)
    assert [row.event for row in await anext(following)] == [missed]
    await following.aclose()


@pytest.mark.parametrize("given", ["", "x", "-4", "9" * 30, "²", "1.5"])
async def test_a_place_that_is_none_is_now(monitoring: Database, put: Callable[..., None], given: str) -> None:
    put(event())
    assert await beginning(monitoring, given) == await beginning(monitoring, "")


async def test_nobody_goes_back_too_far(monitoring: Database, put: Callable[..., None]) -> None:
    put(event())
    newest = await beginning(monitoring, "")
    assert await beginning(monitoring, "0") == max(0, newest - FAR)
