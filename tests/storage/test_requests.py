"""Request events: stored with their sums, found again as they were."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, delete, func, select, text
from sqlalchemy.exc import IntegrityError

from authdeck.errors import DeckError
from authdeck.event import Attempt, Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.storage import opening
from authdeck.storage.database import Database, ReadConnection, WriteConnection
from authdeck.storage.latency import bucket_of, upper_end
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.requests import Gap, by_id, known_gaps, last_requests, page, recent_buckets
from authdeck.storage.tables import day_account, hour_model, latency_buckets, monitoring, names, requests
from authdeck.storage.writing.requests import mark_gap, open_run, prune, store
from fakes.clock import NOON, SetClock

Put = Callable[..., None]
Found = Callable[..., list[RequestEvent]]

ANN, BOB, EVE = "a" * 16, "b" * 16, "e" * 16
NOON_MS = int(NOON.timestamp() * 1000)
QUOTA = Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")


def event(minutes: float = 0.0, **fields: Any) -> RequestEvent:
    """A request of Ann's that went well, some minutes after noon."""
    at_ms = NOON_MS + int(minutes * 60_000)
    usual = {
        "id": new_request_id(at_ms),
        "at_ms": at_ms,
        "endpoint": "/v1/responses",
        "model": "gpt-5",
        "provider": "codex",
        "auth_index": ANN,
        "file_name": "codex-ann@example.com-plus.json",
        "client_key": "laptop",
        "status": 200,
        "latency_ms": 1234.567,
        "ttfb_ms": 89.012,
        "streamed": True,
        "tokens": Tokens(100, 20, 30, 4),
    }
    return RequestEvent(**{**usual, **fields})


@pytest.fixture
def put(monitoring: Database) -> Put:
    """Store events, and give back what a search finds of them."""
    return lambda *events: monitoring.write_now(lambda c: store(c, events, {}))


@pytest.fixture
def found(monitoring: Database) -> Found:
    return lambda **search: monitoring.read_now(lambda c: page(c, RequestSearch(**search))).items


def test_it_works(put: Put, found: Found, monitoring: Database) -> None:
    one = event(
        prefix="team",
        project="project-1",
        failure=QUOTA,
        status=429,
        attempts=[Attempt(BOB, None, "network", 12.5), Attempt(ANN, 429, "quota", 1200.0)],
    )
    put(one)
    assert found() == [one]
    assert monitoring.read_now(lambda c: by_id(c, one.id.hex())) == one


def test_unknown_stays_unknown(put: Put, found: Found) -> None:
    bare = RequestEvent(id=new_request_id(NOON_MS), at_ms=NOON_MS, endpoint="/v1/models", status=503)
    put(bare)
    assert found() == [bare]
    assert found()[0].tokens == Tokens(None, None, None, None)


def test_newest_first_and_page_by_page(put: Put, monitoring: Database) -> None:
    events = [event(minutes=minute // 2) for minute in range(7)]  # pairs of equal times
    put(*events)
    seen, cursor = [], None
    while True:
        got = monitoring.read_now(lambda c, cursor=cursor: page(c, RequestSearch(page_size=2, cursor=cursor)))
        assert len(got.items) <= 2
        seen += got.items
        if (cursor := got.next) is None:
            break
    assert seen == events[::-1]


def test_a_page_that_holds_all_has_no_next(put: Put, monitoring: Database) -> None:
    put(event(), event(1))
    assert monitoring.read_now(lambda c: page(c, RequestSearch(page_size=2))).next is None


@pytest.mark.parametrize("cursor", ["", "x", "1", "1-", "-1", "1-x", "1-2-3", "9" * 50, "\u0661-\u0662"])
def test_a_cursor_of_no_page_is_refused(monitoring: Database, cursor: str) -> None:
    with pytest.raises(DeckError, match="cursor_invalid"):
        monitoring.read_now(lambda c: page(c, RequestSearch(cursor=cursor)))


def test_each_filter_finds_its_own(put: Put, found: Found) -> None:
    ann = event()
    bob = event(1, auth_index=BOB, file_name="claude-bob.json", model="opus", provider="claude", client_key="phone")
    cut = event(2, failure=Failure(FailureKind.NETWORK, "reset"), status=502)
    over = event(3, failure=QUOTA, status=429)
    put(ann, bob, cut, over)
    for search, expected in (
        ({"auth_index": BOB}, [bob]),
        ({"auth_index": EVE}, []),
        ({"model": "opus"}, [bob]),
        ({"provider": "claude"}, [bob]),
        ({"client_key": "phone"}, [bob]),
        ({"status": "ok"}, [bob, ann]),
        ({"status": "failed"}, [over, cut]),
        ({"status": 502}, [cut]),
        ({"failure": "quota"}, [over]),
        ({"failure": "quota:usage_limit_reached"}, [over]),
        ({"failure": "quota:usage"}, []),
        ({"since": NOON + timedelta(minutes=2)}, [over, cut]),
        ({"until": NOON + timedelta(minutes=1)}, [ann]),
        ({"text": "BOB"}, [bob]),
        ({"text": "limit_reached"}, [over]),
        ({"text": "%"}, []),
        ({"text": cut.id.hex()}, [cut]),
        ({"model": "gpt-5", "status": "failed", "until": NOON + timedelta(minutes=3)}, [cut]),
    ):
        assert found(**search) == expected, search


def test_a_status_of_400_without_a_failure_is_failed(put: Put, found: Found) -> None:
    put(event(status=404))
    assert len(found(status="failed")) == 1
    assert found(status="ok") == []


def test_an_id_that_is_none_finds_nothing(put: Put, monitoring: Database) -> None:
    put(event())
    for wrong in ("", "no hex", "00" * 16, "00" * 15):
        assert monitoring.read_now(lambda c, wrong=wrong: by_id(c, wrong)) is None


def test_the_same_event_twice_is_refused_whole(put: Put, monitoring: Database) -> None:
    one = event()
    put(one)
    with pytest.raises(IntegrityError):
        put(one)
    assert monitoring.read_now(lambda c: c.execute(select(hour_model.c.requests)).scalars().all()) == [1]


@pytest.mark.parametrize("odd", ["nul\0here", "half \ud800 pair", "x" * 5000, "'; DROP TABLE requests; --", "%s ? :x"])
def test_what_a_client_calls_a_model_does_no_harm(put: Put, found: Found, odd: str) -> None:
    put(event(model=odd), event(1, model=odd.replace("\0", "\ufffd")), event(2))
    assert len(found()) == 3
    assert len(found()[2].model) <= 300


def test_names_are_stored_once(put: Put, monitoring: Database) -> None:
    put(*[event(minute) for minute in range(20)])
    put(*[event(minute) for minute in range(20)])
    assert monitoring.read_now(lambda c: c.execute(select(func.count()).select_from(names)).scalar()) == 6


def test_known_names_are_not_asked_for_again(monitoring: Database) -> None:
    known = {}
    monitoring.write_now(lambda c: store(c, [event()], known))
    assert known["account"][ANN] == monitoring.read_now(
        lambda c: c.execute(select(names.c.id).where(names.c.text == ANN)).scalar()
    )
    monitoring.write_now(lambda c: store(c, [event(1)], known))
    assert sum(map(len, known.values())) == 6


def test_the_last_request_of_each_account(put: Put, monitoring: Database) -> None:
    put(event(5), event(1), event(2, auth_index=BOB, failure=QUOTA, status=429), event(9, auth_index=None))
    assert monitoring.read_now(last_requests) == {
        ANN: (NOON_MS + 5 * 60_000, True),
        BOB: (NOON_MS + 2 * 60_000, False),
    }


def test_recent_requests_by_ten_minutes(put: Put, monitoring: Database) -> None:
    put(
        event(0),
        event(-1),
        event(-9.9),
        event(-10.1, status=500),
        event(-189.9),
        event(-190.1),
        event(3, auth_index=BOB),
    )
    now_ms = NOON_MS + 4 * 60_000
    got = monitoring.read_now(lambda c: recent_buckets(c, [ANN, BOB, EVE], now_ms))
    nothing = [(0, 0)] * 20
    assert got[ANN] == [(1, 0), *nothing[:16], (0, 1), (2, 0), (1, 0)]
    assert got[BOB] == [*nothing[:19], (1, 0)]
    assert got[EVE] == nothing


def test_gaps_are_found_by_the_time_they_touch(monitoring: Database) -> None:
    monitoring.write_now(lambda c: mark_gap(c, 10, 20, "store_failed", 3))
    monitoring.write_now(lambda c: open_run(c, 15))
    for since, until, found in ((0, 9, 0), (0, 10, 1), (20, 30, 1), (21, 30, 0), (12, 13, 1)):
        assert len(monitoring.read_now(lambda c, s=since, u=until: known_gaps(c, s, u))) == found
    (gap,) = monitoring.read_now(lambda c: known_gaps(c, 0, 100))
    assert gap == Gap(10, 20, "store_failed", 3)


def test_old_requests_go_some_at_a_time_and_their_sums_stay(put: Put, found: Found, monitoring: Database) -> None:
    events = [event(minute) for minute in range(5)]
    put(*events)
    before_ms = NOON_MS + 4 * 60_000
    pruned = [monitoring.write_now(lambda c: prune(c, before_ms, limit=3)) for _ in range(3)]
    assert pruned == [3, 1, 0]
    assert found() == [events[4]]
    assert monitoring.read_now(lambda c: c.execute(select(hour_model.c.requests)).scalar()) == 5


@given(st.integers(1, 10**12))
def test_a_bucket_of_latency_is_right_to_13_percent(micros: int) -> None:
    end = upper_end(bucket_of(micros))
    assert micros <= end * 1.000001
    assert end <= max(1, micros * 1.130001)


def test_the_list_of_an_account_takes_its_index(put: Put, monitoring: Database) -> None:
    put(event())
    if not monitoring.is_sqlite:
        return
    for where, index in (
        ("account = 1", "ix_requests_account_at_ms"),
        ("(failure IS NOT NULL OR status >= 400)", "ix_requests_failed_at_ms"),
    ):
        plan = f"EXPLAIN QUERY PLAN SELECT * FROM requests WHERE {where} ORDER BY at_ms DESC, n DESC LIMIT 50"
        assert index in str(monitoring.read_now(lambda c, plan=plan: c.execute(text(plan)).all()))


counts = st.none() | st.integers(0, 10**9)
events = st.builds(
    event,
    minutes=st.integers(-3000, 3000),
    model=st.sampled_from(["gpt-5", "opus", None]),
    provider=st.sampled_from(["codex", "claude", None]),
    auth_index=st.sampled_from([ANN, BOB, EVE, None]),
    status=st.sampled_from([200, 400, 429, 499, 502]),
    failure=st.none() | st.just(QUOTA),
    latency_ms=st.floats(0, 10**6),
    ttfb_ms=st.none() | st.floats(0, 10**6),
    tokens=st.builds(Tokens, counts, counts, counts, counts),
)

SUMS = """
    SELECT {keys}, count(*), sum(CASE WHEN failure IS NOT NULL OR status >= 400 THEN 1 ELSE 0 END),
        coalesce(sum(tokens_input), 0), coalesce(sum(tokens_output), 0), coalesce(sum(tokens_cached), 0),
        coalesce(sum(tokens_reasoning), 0), sum(latency_us)
    FROM requests WHERE {where} GROUP BY {keys} ORDER BY {keys}"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(events, min_size=1, max_size=12), max_size=4))
def test_sums_are_what_the_rows_add_up_to(monitoring: Database, groups: list[list[RequestEvent]]) -> None:
    known = {}
    monitoring.write_now(empty)
    for group in groups:
        monitoring.write_now(lambda c, group=group: store(c, group, known))

    def compare(c: ReadConnection) -> None:
        def rows(statement: Executable) -> list[tuple[int, ...]]:
            return [tuple(int(value) for value in row) for row in c.execute(statement)]

        by_hour = SUMS.format(keys="at_ms / 3600000, coalesce(model, 0), coalesce(provider, 0)", where="1 = 1")
        assert rows(text(by_hour)) == rows(select(hour_model).order_by(*hour_model.primary_key))
        by_day = SUMS.format(keys="at_ms / 86400000, account", where="account IS NOT NULL")
        assert rows(text(by_day)) == rows(select(day_account).order_by(*day_account.primary_key))
        latencies = dict(
            c.execute(select(latency_buckets.c.kind, func.sum(latency_buckets.c.count)).group_by("kind")).all()
        )
        every = [one for group in groups for one in group]
        assert latencies.get("latency", 0) == len(every)
        assert latencies.get("ttfb", 0) == sum(one.ttfb_ms is not None for one in every)

    monitoring.read_now(compare)


def empty(c: WriteConnection) -> None:
    for table in monitoring.sorted_tables:
        if table.name != "names":
            c.execute(delete(table))


def test_two_writers_code_names_alike(postgresql_url: str, clock: SetClock) -> None:
    """Two processes meet the same new names at once: each name has one number."""
    databases = [opening.monitoring(postgresql_url, clock) for _ in range(2)]

    def write(database: Database) -> None:
        for number in range(20):
            group = [replace(event(number), model=f"model-{number + step}") for step in range(5)]
            database.write_now(lambda c, group=group: store(c, group, {}))

    with ThreadPoolExecutor(2) as threads:
        for running in [threads.submit(write, database) for database in databases]:
            running.result()
    rows = databases[0].read_now(lambda c: c.execute(select(func.count()).select_from(requests)).scalar())
    total = databases[0].read_now(lambda c: c.execute(select(func.sum(hour_model.c.requests))).scalar())
    assert rows == total == 200
    for database in databases:
        database.close()
