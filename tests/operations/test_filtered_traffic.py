"""Filters of a long time count every request, also of those that are gone, and say where they can't."""

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from authdeck.operations.traffic import grouped, traffic
from authdeck.spans import DAY, HOUR, Span
from authdeck.storage import opening
from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.migrations import Branch, upgrade
from authdeck.storage.reading import sums, tallies
from authdeck.storage.reading.request_search import SCATTERED, RequestSearch
from authdeck.storage.reading.requests import Gap
from authdeck.storage.writing.requests import prune, store
from authdeck.storage.writing.settling import derived
from fakes.clock import SetClock
from operations.test_traffic import DST, QUOTA, event, settle_all

Put = Callable[..., None]
MONTH = Span(DST - 30 * DAY, DST + DAY)
OUT_OF_QUOTA = RequestSearch(failure="quota")


@pytest.fixture
def put(monitoring: Database) -> Put:
    return lambda *some: monitoring.write_now(lambda c: store(c, some, {}))


def forget(monitoring: Database, before_ms: int) -> None:
    while monitoring.write_now(lambda c: prune(c, before_ms)):
        pass


def test_every_request_of_a_month_is_counted(put: Put, monitoring: Database) -> None:
    """More than anybody looks at one by one; durations are told from the newest ones."""
    many, alike = SCATTERED + 100, {"prefix": "team-a", "failure": QUOTA}
    put(*[event(DST - place % 29 * DAY - place, model=f"model-{place % 2}", **alike) for place in range(many)])
    settle_all(monitoring, DST)
    search = RequestSearch(prefix="team-a", failure="quota")
    found = monitoring.read_now(lambda c: traffic(c, search, MONTH, UTC))
    assert (found.sums.requests, found.covered, found.timed.from_ms > MONTH.from_ms) == (many, MONTH, True)
    models = monitoring.read_now(lambda c: grouped(c, search, MONTH, "model"))
    assert [(group.name, group.sums.requests) for group in models.rows] == [
        ("model-0", many // 2),
        ("model-1", many // 2),
    ]
    accounts = monitoring.read_now(lambda c: grouped(c, search, MONTH, "account"))
    assert accounts.whole is not None
    assert (accounts.rows[0].sums, accounts.covered.from_ms > MONTH.from_ms) == (accounts.whole, True)
    assert SCATTERED <= accounts.whole.requests < many


@pytest.mark.parametrize("search", [RequestSearch(), OUT_OF_QUOTA, RequestSearch(cache="hit")])
def test_models_are_timed_where_that_is_asked_for(put: Put, monitoring: Database, search: RequestSearch) -> None:
    """By kept sums, by tallies and by the newest requests."""
    put(event(DST, failure=QUOTA, latency_ms=1500))
    for timed, expected in ((True, [pytest.approx(1500, rel=0.14)]), (False, [])):
        models = monitoring.read_now(lambda c, timed=timed: grouped(c, search, MONTH, "model", timed=timed))
        assert [group.times.p50 for group in models.rows if group.times is not None] == expected
        assert len(models.rows) == 1


def test_they_are_known_after_the_requests_went(put: Put, monitoring: Database) -> None:
    put(*[event(DST - day * DAY, failure=QUOTA, project="project-1") for day in range(20)], event(DST - DAY))
    settle_all(monitoring, DST + HOUR)
    forget(monitoring, DST - 5 * DAY)
    for search in (OUT_OF_QUOTA, RequestSearch(project="project-1", status="failed")):
        found = monitoring.read_now(lambda c, search=search: traffic(c, search, MONTH, UTC))
        assert (found.sums.requests, found.covered) == (20, MONTH)
        assert [(cause.code, cause.count) for cause in found.causes] == [("usage_limit_reached", 20)]


def test_what_was_recorded_before_there_were_tallies_is_told_as_before(tmp_path: Path, clock: SetClock) -> None:
    """An hour that had settled then, with its requests and with the durations that were kept beside them."""
    url = f"sqlite:///{tmp_path}/monitoring.db"
    some = [event(DST - day * DAY, failure=QUOTA, latency_ms=1500) for day in range(1, 4)]
    with create_engine(url).begin() as connection:
        upgrade(connection, Branch.MONITORING, "2026_11_26_monitoring")
        store(WriteConnection(connection), some, {})
        connection.execute(text("INSERT INTO settled SELECT DISTINCT 'hour', hour, 1 FROM hour_model"))
    monitoring = opening.monitoring(url, clock)
    try:
        for _ in ("before", "after"):
            found = monitoring.read_now(lambda c: traffic(c, RequestSearch(), MONTH, UTC))
            assert (found.sums.requests, found.sums.failures) == (3, 3)
            assert found.times.p50 == pytest.approx(1500, rel=0.14)
            models = monitoring.read_now(lambda c: grouped(c, RequestSearch(), MONTH, "model", timed=True))
            assert [row.times.p50 for row in models.rows if row.times] == [pytest.approx(1500, rel=0.14)]
            assert monitoring.read_now(lambda c: traffic(c, OUT_OF_QUOTA, MONTH, UTC)).sums.requests == 3
            settle_all(monitoring, DST + HOUR)
    finally:
        monitoring.close()


def test_what_nobody_counted_before_the_requests_went_is_left_out_and_said(put: Put, monitoring: Database) -> None:
    put(*[event(DST - day * DAY, failure=QUOTA) for day in range(20)])
    forget(monitoring, DST - 5 * DAY)
    settle_all(monitoring, DST + HOUR)
    found = monitoring.read_now(lambda c: traffic(c, OUT_OF_QUOTA, MONTH, UTC))
    assert (found.sums.requests, found.covered) == (6, Span(DST - 6 * DAY + HOUR, MONTH.until_ms))


def test_a_late_request_among_forgotten_ones_makes_its_hour_unknown(put: Put, monitoring: Database) -> None:
    put(event(DST - 9 * DAY, failure=QUOTA), event(DST, failure=QUOTA))
    settle_all(monitoring, DST + HOUR)
    forget(monitoring, DST)
    put(event(DST - 9 * DAY + 1, failure=QUOTA))
    for _ in range(2):  # before it settles again, and after
        found = monitoring.read_now(lambda c: traffic(c, OUT_OF_QUOTA, MONTH, UTC))
        assert (found.sums.requests, found.covered.from_ms) == (1, DST - 9 * DAY + HOUR)
        settle_all(monitoring, DST + HOUR)


def test_an_older_request_that_comes_later_makes_no_forgotten_hour_known(put: Put, monitoring: Database) -> None:
    put(event(DST - 8 * DAY, failure=QUOTA), event(DST, failure=QUOTA))
    forget(monitoring, DST)
    put(event(DST - 9 * DAY, failure=QUOTA))
    for _ in range(2):  # before anything settles, and after
        found = monitoring.read_now(lambda c: traffic(c, OUT_OF_QUOTA, MONTH, UTC))
        assert (found.sums.requests, found.covered) == (1, Span(DST - 8 * DAY + HOUR, MONTH.until_ms))
        settle_all(monitoring, DST + HOUR)
    cut = Span(DST - 8 * DAY - 3 * HOUR, DST - 8 * DAY + HOUR // 2)
    whole = monitoring.read_now(lambda c: sums.cover(c, cut)).whole
    assert whole == Span(cut.from_ms, DST - 8 * DAY + HOUR)


def test_a_day_waits_for_its_hours(put: Put, monitoring: Database) -> None:
    put(event(DST - DAY), event(DST - DAY + 3 * HOUR))
    assert monitoring.read_now(lambda c: derived(c, "day", DST // DAY - 1)) is None


def test_of_hours_that_nobody_tallied_yet_only_so_many_are_looked_through(put: Put, monitoring: Database) -> None:
    put(*[event(DST - hour * HOUR, failure=QUOTA) for hour in range(5)])
    for most, from_ms in ((5, MONTH.from_ms), (3, DST - 2 * HOUR)):
        told = monitoring.read_now(lambda c, most=most: tallies.told(c, MONTH, most=most))
        assert told.covered == Span(from_ms, MONTH.until_ms)
        found = monitoring.read_now(lambda c, told=told: tallies.sums_by(c, told, OUT_OF_QUOTA, "hour"))
        assert sums.total(found).requests == most


def test_of_an_hour_with_too_many_the_newest_are_counted_and_tallied_hours_stay(put: Put, monitoring: Database) -> None:
    put(*[event(DST - hour * HOUR - 1, failure=QUOTA) for hour in range(3)])
    settle_all(monitoring, DST)
    put(event(DST + 1, failure=QUOTA), event(DST + 5, failure=QUOTA))
    told = monitoring.read_now(lambda c: tallies.told(c, MONTH, most=1))
    assert (told.covered, told.single) == (MONTH, (Span(DST + 5, DST + HOUR),))
    assert told.hours == tuple(DST // HOUR - hour for hour in (3, 2, 1))
    assert told.left_out == (Gap(DST, DST + 5, "not_counted", 1),)
    found = monitoring.read_now(lambda c: tallies.sums_by(c, told, OUT_OF_QUOTA, "hour"))
    assert sums.total(found).requests == 4
    assert monitoring.read_now(lambda c: tallies.told(c, MONTH, most=2)).left_out == ()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # 100,000 requests
def test_what_is_left_out_of_figures_and_causes_is_a_gap(put: Put, monitoring: Database) -> None:
    put(event(DST - 1, failure=QUOTA))
    settle_all(monitoring, DST)
    too_many = tallies.COUNTED_ONE_BY_ONE + 1
    for start in range(0, too_many, 5_000):
        put(*[event(DST + at * 30, failure=QUOTA) for at in range(start, min(too_many, start + 5_000))])
    gap = Gap(DST, DST + 30, "not_counted", 1)
    for search in (OUT_OF_QUOTA, RequestSearch()):
        found = monitoring.read_now(lambda c, search=search: traffic(c, search, MONTH, UTC))
        assert (found.covered, found.explained, found.gaps) == (MONTH, MONTH, [gap])
        assert [cause.count for cause in found.causes] == [too_many]
    models = monitoring.read_now(lambda c: grouped(c, OUT_OF_QUOTA, MONTH, "model"))
    assert ([group.sums.requests for group in models.rows], models.gaps) == ([too_many], (gap,))
