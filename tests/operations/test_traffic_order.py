"""Groups in the order that was asked for, page by page, wherever their sums come from; equal ones always alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from authdeck.event import RequestEvent, Tokens
from authdeck.operations.traffic import By, grouped
from authdeck.spans import DAY, HOUR, MINUTE, Span
from authdeck.storage.database import Database
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.sums import SUMS, Slice
from authdeck.storage.writing.requests import store
from operations.test_traffic import DST, QUOTA, event, settle_all

ORDERS: tuple[Any, ...] = ("requests", "failures", "tokens_input", "tokens_output", "latency_us")

AMOUNTS = {
    "a" * 16: (6, 0, 100, 30, 70),
    "b" * 16: (4, 3, 500, 10, 90),
    "c" * 16: (3, 1, 300, 50, 60),
    "e" * 16: (2, 2, 200, 20, 80),  # seen before the next one, which is like it in everything
    "d" * 16: (2, 2, 200, 20, 80),
}
"""By name: requests, and the others' sums (durations in milliseconds), such that no order is another's."""


@pytest.fixture
def filled(monitoring: Database) -> Database:
    """A day ago and now, half each, so that kept sums, settled hours and single requests are added up."""
    for name in AMOUNTS:
        monitoring.write_now(lambda c, name=name: store(c, list(_requests(name)), {}))
    settle_all(monitoring, DST)
    return monitoring


def _requests(name: str) -> Iterator[RequestEvent]:
    number, failures, in_, out, latency = AMOUNTS[name]
    for at in range(number):
        is_first = at == 0
        yield event(
            DST - DAY + at * MINUTE if at % 2 else DST - 10 * MINUTE + at, model=name, auth_index=name, client_key=name,
            prefix="team-a", failure=QUOTA if at < failures else None, latency_ms=latency if is_first else 0.0,
            tokens=Tokens(in_, out, 0, 0) if is_first else Tokens(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        (RequestSearch(), Span(DST - 2 * DAY, DST + HOUR)),
        (RequestSearch(), Span(DST - HOUR, DST)),
        (RequestSearch(prefix="team-a"), Span(DST - 2 * DAY, DST + HOUR)),
        (RequestSearch(cache="none"), Span(DST - 2 * DAY, DST + HOUR)),
    ],
    ids=["kept", "an hour", "tallied", "of the requests"],
)
@pytest.mark.parametrize("by", ["model", "account", "client_key"])
def test_the_most_come_first_and_equal_ones_as_they_were_seen_first(
    filled: Database, by: By, search: RequestSearch, asked: Span
) -> None:
    for order in ORDERS:
        told = {name: _sum(_asked(name, search, asked), order) for name in AMOUNTS}
        found: list[str] = []
        for offset in range(0, 6, 2):
            wanted = Slice(2, offset, order)
            page = filled.read_now(lambda c, wanted=wanted: grouped(c, search, asked, by, wanted))
            found += [group.name for group in page.rows]
            assert [getattr(group.sums, order) for group in page.rows] == [told[group.name] for group in page.rows]
            assert page.more == (offset < 4), order
        assert found == sorted(told, key=lambda name: -told[name]), order  # equal ones stay as they are above
        all_of_them = Slice(5, 0, order)
        assert not filled.read_now(lambda c, wanted=all_of_them: grouped(c, search, asked, by, wanted)).more


def _asked(name: str, search: RequestSearch, asked: Span) -> list[RequestEvent]:
    """With a filter for the cache, those of which nothing came from one; of those without tokens nobody knows."""
    some = [one for one in _requests(name) if asked.from_ms <= one.at_ms < asked.until_ms]
    return [one for one in some if search.cache is None or one.tokens.cached == 0]


def _sum(some: list[RequestEvent], order: str) -> int:
    return {
        "requests": len(some),
        "failures": sum(one.failure is not None for one in some),
        "tokens_input": sum(one.tokens.input or 0 for one in some),
        "tokens_output": sum(one.tokens.output or 0 for one in some),
        "latency_us": sum(round(one.latency_ms * 1000) for one in some),
    }[order]


def test_no_order_is_another_ones() -> None:
    """What this relies on; and every sum but two that no page sorts by is an order."""
    asked = RequestSearch(), Span(DST - 2 * DAY, DST + HOUR)
    orders = {tuple(sorted(AMOUNTS, key=lambda name: -_sum(_asked(name, *asked), order))) for order in ORDERS}
    assert len(orders) == len(ORDERS)
    assert set(ORDERS) == set(SUMS) - {"tokens_cached", "tokens_reasoning"}
