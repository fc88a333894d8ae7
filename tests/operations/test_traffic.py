"""Figures of any time are what the requests add up to, whichever sums they come from."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from authdeck.event import Failure, FailureKind, RequestEvent, Tokens
from authdeck.ids import new_request_id
from authdeck.operations.traffic import grouped, traffic
from authdeck.spans import DAY, FINE, HOUR, Span
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import sums
from authdeck.storage.reading.latencies import Percentiles
from authdeck.storage.reading.request_search import SCATTERED, RequestSearch
from authdeck.storage.reading.sums import Slice, Sums
from authdeck.storage.tables import monitoring as tables
from authdeck.storage.writing.requests import mark_gap, prune, store
from authdeck.storage.writing.settling import derived, due, pack, settle

DST = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp() * 1000)
"""Summer time ends in Berlin an hour later."""

ANN, BOB = "a" * 16, "b" * 16
QUOTA = Failure(FailureKind.QUOTA, "usage_limit_reached", "The usage limit has been reached")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")

counts = st.none() | st.integers(0, 10**6)


def event(at_ms: int, **fields: Any) -> RequestEvent:
    usual = {
        "id": new_request_id(at_ms), "at_ms": at_ms, "endpoint": "/v1/responses", "model": "gpt-5", "provider": "codex",
        "auth_index": ANN, "client_key": "laptop", "status": 200, "latency_ms": 1500.0, "ttfb_ms": 200.0,
        "tokens": Tokens(100, 20, 30, 4),
    }  # fmt: skip
    return RequestEvent(**{**usual, **fields})


events = st.builds(
    event,
    at_ms=st.integers(DST - 6 * DAY, DST + 6 * DAY),
    model=st.sampled_from(["gpt-5", "opus", None]),
    provider=st.sampled_from(["codex", "claude", None]),
    auth_index=st.sampled_from([ANN, BOB, None]),
    client_key=st.sampled_from(["laptop", "phone", None]),
    prefix=st.sampled_from(["team-a", None]),
    project=st.sampled_from(["project-1", None]),
    status=st.sampled_from([200, 404, 429]),
    failure=st.none() | st.just(QUOTA),
    latency_ms=st.floats(0.001, 10**6),
    ttfb_ms=st.none() | st.floats(0.001, 10**6),
    tokens=st.builds(Tokens, counts, counts, counts, counts),
)
ranges = st.tuples(
    st.integers(DST - 7 * DAY, DST + 6 * DAY),
    st.one_of(st.integers(1, FINE), st.integers(FINE, 3 * DAY), st.integers(FINE, 40 * DAY)),
).map(lambda pair: Span(pair[0], sum(pair)))
whole_hours = st.tuples(st.integers(-7 * 24, 6 * 24), st.integers(1, 40 * 24)).map(
    lambda pair: Span(DST + pair[0] * HOUR, DST + sum(pair) * HOUR)
)


@pytest.fixture
def put(monitoring: Database) -> Callable[..., None]:
    return lambda *some: monitoring.write_now(lambda c: store(c, some, {}))


def empty(c: WriteConnection) -> None:
    for table in tables.sorted_tables:
        c.execute(delete(table))


def settle_all(monitoring: Database, before_ms: int) -> None:
    for span in ("hour", "day"):
        for number in monitoring.read_now(lambda c, span=span: due(c, span, before_ms // HOUR)):
            if span == "hour":
                monitoring.write_now(lambda c, number=number: pack(c, number))
            made = monitoring.read_now(lambda c, span=span, number=number: derived(c, span, number))
            assert made is not None
            monitoring.write_now(lambda c, made=made: settle(c, made))


def failed(event: RequestEvent) -> bool:
    return event.failure is not None or event.status >= 400


def added(some: list[RequestEvent]) -> Sums:
    return sum(
        (
            Sums(
                1, int(failed(one)), *(
                    count or 0
                    for count in (one.tokens.input, one.tokens.output, one.tokens.cached, one.tokens.reasoning)
                ), round(one.latency_ms * 1000),
            )
            for one in some
        ),
        Sums(),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    early=st.lists(events, max_size=25),
    late=st.lists(events, max_size=5),
    asked=ranges,
    zone=st.sampled_from(ZONES),
    search=st.sampled_from(
        [
            RequestSearch(),
            RequestSearch(model="opus"),
            RequestSearch(provider="claude"),
            RequestSearch(auth_index=BOB),
            RequestSearch(client_key="phone"),
            RequestSearch(status="failed"),
            RequestSearch(status="ok", model="opus"),
            RequestSearch(status=404, prefix="team-a"),
            RequestSearch(prefix="team-a", failure="quota", provider="codex"),
            RequestSearch(project="project-1"),
            RequestSearch(project="project-1", failure="quota:usage_limit_reached"),
            RequestSearch(failure="network"),
        ]
    ),
)
def test_figures_are_what_the_requests_add_up_to(
    monitoring: Database, early: list[RequestEvent], late: list[RequestEvent], asked: Span, zone: str,
    search: RequestSearch,
) -> None:  # fmt: skip
    """Some come after their hours were settled. Every bar is exact, across the end of summer time and half hours."""
    monitoring.write_now(empty)
    monitoring.write_now(lambda c: store(c, early, {}))
    settle_all(monitoring, DST + 10 * DAY)
    monitoring.write_now(lambda c: store(c, late, {}))
    there = [one for one in early + late if asked.from_ms <= one.at_ms < asked.until_ms and matches(one, search)]

    found = monitoring.read_now(lambda c: traffic(c, search, asked, ZoneInfo(zone)))
    assert found.covered == asked
    assert found.sums == added(there)
    for part in found.parts:
        within = [one for one in there if part.span.from_ms <= one.at_ms < part.span.until_ms]
        assert part.sums == added(within)
    for by, field in (("model", "model"), ("account", "auth_index"), ("client_key", "client_key")):
        groups = monitoring.read_now(lambda c, by=by: grouped(c, search, asked, by))
        named = [one for one in there if getattr(one, field) is not None or by == "model"]
        assert {group.name: group.sums for group in groups.rows} == {
            name or "": added([one for one in named if getattr(one, field) == name])
            for name in {getattr(one, field) for one in named}
        }
        assert [group.sums.requests for group in groups.rows] == sorted(
            (group.sums.requests for group in groups.rows), reverse=True
        )
    assert sum(cause.count for cause in found.causes) == found.sums.failures


def matches(one: RequestEvent, search: RequestSearch) -> bool:
    fields = ("model", "provider", "client_key", "auth_index", "prefix", "project")
    outcome = {None: True, "ok": not failed(one), "failed": failed(one)}.get(search.status, one.status == search.status)
    kinds = ("", one.failure.kind, f"{one.failure.kind}:{one.failure.code}") if one.failure else ("",)
    return all(getattr(search, name) in (None, getattr(one, name)) for name in fields) and (
        outcome and (search.failure or "") in kinds
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    early=st.lists(events, max_size=30),
    late=st.lists(events, max_size=5),
    model=st.sampled_from([None, "opus"]),
    asked=whole_hours,
    zone=st.sampled_from(ZONES),
)
def test_percentiles_are_right_to_13_percent(
    monitoring: Database, early: list[RequestEvent], late: list[RequestEvent], model: str | None, asked: Span, zone: str
) -> None:
    """Of the whole, of every bar and of every model, wherever days and hours begin and end."""
    monitoring.write_now(empty)
    monitoring.write_now(lambda c: store(c, early, {}))
    settle_all(monitoring, DST + 10 * DAY)
    monitoring.write_now(lambda c: store(c, late, {}))
    there = [
        one for one in early + late if asked.from_ms <= one.at_ms < asked.until_ms and model in (None, one.model)
    ]  # fmt: skip
    search = RequestSearch(model=model)
    found = monitoring.read_now(lambda c: traffic(c, search, asked, ZoneInfo(zone)))
    assert_right(found.times, there)
    for part in found.parts:
        assert_right(part.times, [one for one in there if part.span.from_ms <= one.at_ms < part.span.until_ms])
    groups = monitoring.read_now(lambda c: grouped(c, search, asked, "model")).rows
    assert {group.name for group in groups} == {one.model or "" for one in there}
    for group in groups:
        assert group.times is not None
        assert_right(group.times, [one for one in there if (one.model or "") == group.name])


def assert_right(found: Percentiles, some: list[RequestEvent]) -> None:
    times = sorted(one.latency_ms for one in some)
    first_bytes = sorted(one.ttfb_ms for one in some if one.ttfb_ms is not None)
    for ordered, share, told in (
        (times, 50, found.p50), (times, 95, found.p95), (first_bytes, 50, found.ttfb_p50),
        (first_bytes, 95, found.ttfb_p95),
    ):  # fmt: skip
        assert (told is None) == (not ordered)
        if told is not None:
            exact = round(ordered[-(-len(ordered) * share // 100) - 1] * 1000) / 1000  # as it is stored
            assert exact * 0.999 <= told <= max(0.001, exact * 1.131)


def test_a_model_is_timed_over_ten_years(put: Callable[..., None], monitoring: Database) -> None:
    """One statement could not name so many hours."""
    put(event(DST - 3650 * DAY, latency_ms=100), event(DST, latency_ms=9000), event(DST, model="opus"))
    settle_all(monitoring, DST + DAY)
    asked = Span(DST + DAY - 3660 * DAY, DST + DAY)
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(model="gpt-5"), asked, UTC))
    assert found.sums.requests == 2
    assert (found.times.p50, found.times.p95) == (pytest.approx(100, rel=0.14), pytest.approx(9000, rel=0.14))


def test_late_requests_count_in_a_settled_day(put: Callable[..., None], monitoring: Database) -> None:
    put(event(DST + 5 * HOUR, latency_ms=100))
    settle_all(monitoring, DST + 3 * DAY)
    assert monitoring.read_now(lambda c: due(c, "day", (DST + 3 * DAY) // HOUR)) == []
    put(*[event(DST + 6 * HOUR, latency_ms=9000) for _ in range(9)])
    assert monitoring.read_now(lambda c: due(c, "day", (DST + 3 * DAY) // HOUR)) == [DST // DAY]
    asked = Span(DST, DST + 2 * DAY)
    (group,) = monitoring.read_now(lambda c: grouped(c, RequestSearch(), asked, "model")).rows
    assert group.times is not None
    assert group.times.p95 == pytest.approx(9000, rel=0.14)


def test_a_day_that_is_not_over_is_not_settled(put: Callable[..., None], monitoring: Database) -> None:
    put(event(DST + HOUR))
    assert monitoring.read_now(lambda c: due(c, "day", (DST + 5 * HOUR) // HOUR)) == []
    assert monitoring.read_now(lambda c: due(c, "hour", (DST + HOUR) // HOUR)) == []
    assert monitoring.read_now(lambda c: due(c, "hour", (DST + 2 * HOUR) // HOUR)) == [(DST + HOUR) // HOUR]


def test_sums_stay_when_the_requests_go(put: Callable[..., None], monitoring: Database) -> None:
    """An hour whose requests are gone can't be cut any more: it is taken whole, and that is said."""
    put(*[event(DST + minute * 60_000) for minute in range(0, 300, 10)])
    whole = Span(DST, DST + 5 * HOUR)
    before = monitoring.read_now(lambda c: traffic(c, RequestSearch(), whole, UTC))
    while monitoring.write_now(lambda c: prune(c, DST + 4 * HOUR)):
        pass
    after = monitoring.read_now(lambda c: traffic(c, RequestSearch(), whole, UTC))
    assert (after.sums, after.times) == (before.sums, before.times)
    asked = Span(DST + HOUR // 2, DST + 5 * HOUR)
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(), asked, UTC))
    assert found.covered == Span(DST, DST + 5 * HOUR)
    assert (found.sums.requests, sum(part.sums.requests for part in found.parts)) == (30, 30)


def test_a_unit_with_too_many_is_taken_whole(put: Callable[..., None], monitoring: Database) -> None:
    put(*[event(DST + minute * 60_000) for minute in range(0, 240, 10)])
    asked = Span(DST + HOUR // 3, DST + 3 * HOUR)
    for most, edges, from_ms in ((4, 1, asked.from_ms), (3, 0, DST)):
        covered = monitoring.read_now(lambda c, most=most: sums.cover(c, asked, most=most))
        assert (len(covered.edges), covered.whole.from_ms) == (edges, from_ms)


def test_a_day_some_of_whose_requests_are_gone_is_cut_behind_them(
    put: Callable[..., None], monitoring: Database
) -> None:
    midnight = DST // DAY * DAY
    put(*[event(midnight + hour * HOUR) for hour in range(48)])
    while monitoring.write_now(lambda c: prune(c, midnight + 5 * HOUR)):
        pass
    for begins, counted, from_ms in ((20, 28, 20), (5, 43, 5), (4, 48, 0)):
        asked = Span(midnight + begins * HOUR, midnight + 2 * DAY)
        groups = monitoring.read_now(lambda c, asked=asked: grouped(c, RequestSearch(), asked, "account"))
        assert (groups.covered.from_ms - midnight) // HOUR == from_ms
        assert sum(group.sums.requests for group in groups.rows) == counted


@pytest.mark.parametrize("search", [RequestSearch(auth_index=ANN), RequestSearch(client_key="laptop")])
def test_over_a_month_every_request_of_an_account_and_a_caller_is_counted(
    put: Callable[..., None], monitoring: Database, search: RequestSearch
) -> None:
    """However many there are; durations and causes are told from the newest ones, and say so."""
    many = SCATTERED + 100
    put(*[event(DST - place * 29 * DAY // many) for place in range(many)])
    found = monitoring.read_now(lambda c: traffic(c, search, Span(DST - 30 * DAY, DST + HOUR), UTC))
    assert (found.sums.requests, found.covered.from_ms) == (many, DST - 30 * DAY)
    assert sum(part.sums.requests for part in found.parts) == many
    assert found.times.p50 == pytest.approx(1500)
    if search.auth_index is not None:
        assert found.timed.from_ms > DST - 29 * DAY


def test_the_most_come_first_page_by_page(put: Callable[..., None], monitoring: Database) -> None:
    for number in range(5):
        put(*[event(DST, auth_index=f"{number:016x}") for _ in range(number + 1)])
    asked = Span(DST - DAY, DST + DAY)
    first = monitoring.read_now(lambda c: grouped(c, RequestSearch(), asked, "account", Slice(3)))
    assert ([group.sums.requests for group in first.rows], first.more) == ([5, 4, 3], True)
    rest = monitoring.read_now(lambda c: grouped(c, RequestSearch(), asked, "account", Slice(3, 3)))
    assert ([group.sums.requests for group in rest.rows], rest.more) == ([2, 1], False)


def test_gaps_and_causes_are_told(put: Callable[..., None], monitoring: Database) -> None:
    put(event(DST, failure=QUOTA, status=429), event(DST, failure=QUOTA, status=429), event(DST + 1, status=404))
    monitoring.write_now(lambda c: mark_gap(c, DST - HOUR, DST - HOUR // 2, "store_failed", 7))
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(), Span(DST - DAY, DST + DAY), UTC))
    assert [(cause.kind, cause.code, cause.count) for cause in found.causes] == [
        ("quota", "usage_limit_reached", 2),
        ("", "404", 1),
    ]
    assert [gap.count for gap in found.gaps] == [7]


def test_it_is_the_same_in_any_order(put: Callable[..., None], monitoring: Database) -> None:
    some = [event(DST + at * 1000) for at in range(100)]
    random.Random(7).shuffle(some)
    put(*some)
    asked = Span(DST, DST + int(timedelta(minutes=1).total_seconds() * 1000))
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(), asked, UTC))
    assert found.sums.requests == 60
