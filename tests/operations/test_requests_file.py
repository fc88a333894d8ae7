"""Requests out as JSON lines and in again: nothing lost, nothing twice, no secret, no foreign nonsense."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.operations.requests_file import export_requests, import_requests, line, lines, take_in
from authdeck.storage import opening
from authdeck.storage.database import Database
from authdeck.storage.reading import audit
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import page
from authdeck.storage.tables import hour_caller, hour_model
from authdeck.storage.writing.requests import prune, store
from fakes.clock import NOON, SetClock
from fakes.people import BOB

AT = int(NOON.timestamp() * 1000)
ANN = "a" * 16


def event(minutes: float = 0, **fields: Any) -> RequestEvent:
    at_ms = AT + int(minutes * 60_000)
    usual = {
        "id": new_request_id(at_ms), "at_ms": at_ms, "endpoint": "/v1/responses", "model": "gpt-5", "provider": "codex",
        "auth_index": ANN, "file_name": "codex-key.json", "client_key": "laptop", "prefix": "team", "project": "p-1",
        "status": 200, "latency_ms": 1234.567, "ttfb_ms": 89.012, "streamed": True, "tokens": Tokens(100, 20, None, 4),
        "attempts": [Attempt(ANN, 200, None, 1200.0)], "trace": "0af7651916cd43dd8448eb211c80319c",
    }  # fmt: skip
    return RequestEvent(**{**usual, **fields})


@pytest.fixture
def put(monitoring: Database) -> Callable[..., None]:
    return lambda *some: monitoring.write_now(lambda c: store(c, some, {}))


def all_of(database: Database) -> list[RequestEvent]:
    return database.read_now(lambda c: page(c, RequestSearch(page_size=1000))).items


async def test_it_works(monitoring: Database, put: Callable[..., None], clock: SetClock, tmp_path: Any) -> None:
    """Another home has the same requests and the same sums afterwards; a second time changes nothing."""
    quota = Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")
    put(*[event(minute) for minute in range(20)], event(30, failure=quota, status=429))
    content = b"".join([piece async for piece in lines(monitoring, RequestSearch())])
    other = opening.monitoring(f"sqlite:///{tmp_path / 'other.db'}", clock)
    clock.move(hours=2)
    for added, known in ((21, 0), (0, 21)):
        taken = await take_in(other, clock, content.splitlines())
        assert (taken.added, taken.known, taken.forgotten, taken.refused) == (added, known, 0, 0)
    assert all_of(other) == all_of(monitoring)
    for table in (hour_model, hour_caller):
        of_both = [
            one.read_now(lambda c, table=table: c.execute(select(table.c.requests, table.c.tokens_input)).all())
            for one in (other, monitoring)
        ]
        assert [tuple(row) for row in of_both[0]] == [tuple(row) for row in of_both[1]]
    other.close()


async def test_a_search_chooses(monitoring: Database, put: Callable[..., None]) -> None:
    put(event(), event(1, model="opus"))
    content = b"".join([piece async for piece in lines(monitoring, RequestSearch(model="opus"))])
    assert [msgspec.json.decode(one)["model"] for one in content.splitlines()] == ["opus"]


def test_what_leaves_is_sanitised() -> None:
    """Events hold no secrets; were one to slip into a failure's text all the same, it would not leave."""
    failure = Failure(FailureKind.UPSTREAM, "broken", "Bearer at_FAKE_0123456789abcdef of ann@example.com")
    told = line(event(file_name="codex-ann.lee@example.com-plus.json", failure=failure)).decode()
    assert "at_FAKE" not in told
    assert "ann.lee@" not in told
    assert "ann@" not in told
    assert msgspec.json.decode(told)["auth_index"] == ANN


GOOD = msgspec.json.decode(line(event()))


@pytest.mark.parametrize(
    "wrong",
    [
        b"no json", b"[]", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000,
        *(
            msgspec.json.encode({**GOOD, **fields})
            for fields in (
                {"id": "short"}, {"id": "z" * 32}, {"at": "yesterday"}, {"at": "2026-11-23T12:00:00"},
                {"at": "2999-01-01T00:00:00Z"}, {"at": "1960-01-01T00:00:00Z"}, {"latency_ms": -1}, {"status": 70_000},
                {"latency_ms": 1e300}, {"tokens": {"input": -4}}, {"tokens": {"input": 10**30}},
                {"failure": {"kind": "nonsense", "code": "x"}}, {"attempts": [{"auth_index": ANN, "ms": 1.0}] * 51},
                {"model": "x" * 301}, {"model": 7},
            )
        ),
    ],
)  # fmt: skip
async def test_a_line_that_is_none_is_named_and_left_out(monitoring: Database, clock: SetClock, wrong: bytes) -> None:
    taken = await take_in(monitoring, clock, [line(event()), wrong, b"  ", line(event(1))])
    assert (taken.added, taken.refused) == (2, 1)
    assert taken.problems[0][0] == 2


async def test_foreign_texts_are_sanitised_on_the_way_in(monitoring: Database, clock: SetClock) -> None:
    failure = {"kind": "upstream", "code": "broken", "summary": "token=at_FAKE_0123456789abcdef"}
    await take_in(monitoring, clock, [msgspec.json.encode({**GOOD, "failure": failure})])
    (found,) = all_of(monitoring)
    assert found.failure is not None
    assert "at_FAKE" not in found.failure.summary


async def test_what_was_deleted_here_is_not_counted_again(
    monitoring: Database, put: Callable[..., None], clock: SetClock
) -> None:
    old, new = [event(minute) for minute in range(5)], event(300)
    put(*old, new)
    content = [line(one) for one in [*old, new, event(90)]]
    while monitoring.write_now(lambda c: prune(c, AT + 60 * 60_000)):
        pass
    clock.move(hours=6)
    taken = await take_in(monitoring, clock, content)
    assert (taken.added, taken.known, taken.forgotten) == (1, 1, 5)
    sums = monitoring.read_now(lambda c: c.execute(select(hour_model.c.requests)).scalars().all())
    assert sorted(map(int, sums)) == [1, 1, 5]


async def test_a_forgotten_request_beside_an_older_one_is_not_counted_again(
    monitoring: Database, put: Callable[..., None], clock: SetClock
) -> None:
    """The older one is there from the first time on: an hour after it is not whole for that."""
    forgotten, older = event(-8 * 24 * 60), event(-9 * 24 * 60)
    put(forgotten, event())
    assert monitoring.write_now(lambda c: prune(c, AT)) == 1
    for added, known in ((1, 0), (0, 1), (0, 1)):
        taken = await take_in(monitoring, clock, [line(forgotten), line(older)])
        assert (taken.added, taken.known, taken.forgotten) == (added, known, 1)
        sums = monitoring.read_now(lambda c: c.execute(select(hour_model.c.requests)).scalars().all())
        assert list(map(int, sums)) == [1, 1, 1]


async def test_a_request_twice_in_one_file_is_one(monitoring: Database, clock: SetClock) -> None:
    one = line(event())
    taken = await take_in(monitoring, clock, [one, one])
    assert (taken.added, taken.known) == (1, 1)


async def test_both_ways_are_audited(desk: Any, monitoring: Database, clock: SetClock) -> None:
    name, content = await export_requests(desk, monitoring, RequestSearch(), BOB)
    assert name.endswith(".jsonl")
    assert [piece async for piece in content] == []
    await import_requests(desk, monitoring, [line(event())], BOB)
    said = [entry.what for entry in await desk.read(partial(audit.newest, limit=10))]
    assert {"requests:file:exported", "requests:file:imported"} <= set(said)
    assert clock.now() - NOON < timedelta(hours=1)
