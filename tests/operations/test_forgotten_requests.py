"""When the oldest requests are gone: sums that are kept are as before, and every figure says what it is still of."""

from datetime import UTC

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authdeck.event import RequestEvent
from authdeck.operations.traffic import By, grouped, traffic
from authdeck.spans import DAY, HOUR, MINUTE, Span
from authdeck.storage.database import Database
from authdeck.storage.reading import sums
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.writing.requests import prune, store
from operations.test_traffic import (
    ANN,
    BOB,
    DST,
    added,
    assert_right,
    empty,
    event,
    events,
    failed,
    matches,
    ranges,
    settle_all,
)  # fmt: skip

FIELDS: dict[By, str] = {"model": "model", "account": "auth_index", "client_key": "client_key"}
SEARCHES = (
    RequestSearch(), RequestSearch(model="opus"), RequestSearch(auth_index=BOB), RequestSearch(client_key="phone"),
    RequestSearch(prefix="team-a"), RequestSearch(status="failed"), RequestSearch(failure="quota", auth_index=ANN),
    RequestSearch(project="project-1", client_key="phone"),
)  # fmt: skip

unless_slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
days = st.tuples(st.integers(-8, 7), st.integers(1, 16)).map(
    lambda pair: Span(DST - DST % DAY + pair[0] * DAY, DST - DST % DAY + sum(pair) * DAY)
)
cuts = st.integers(DST - 7 * DAY, DST + 7 * DAY)


def keep(monitoring: Database, some: list[RequestEvent], *, is_settled: bool = False) -> None:
    monitoring.write_now(empty)
    monitoring.write_now(lambda c: store(c, some, {}))
    if is_settled:
        settle_all(monitoring, DST + 10 * DAY)


def forget(monitoring: Database, before_ms: int) -> None:
    while monitoring.write_now(lambda c: prune(c, before_ms, limit=3)):
        pass


@unless_slow
@given(some=st.lists(events, max_size=30), asked=days, cut=cuts)
@example(some=[event(DST + 1), event(DST + 2 * HOUR)], asked=Span(DST - 6 * DAY, DST + 2 * DAY), cut=DST + HOUR)
def test_accounts_have_by_days_what_they_had(
    monitoring: Database, some: list[RequestEvent], asked: Span, cut: int
) -> None:
    """Wherever in a day the first request lies that is still there."""
    keep(monitoring, some)

    def told() -> object:
        every = monitoring.read_now(lambda c: grouped(c, RequestSearch(), asked, "account"))
        cover = monitoring.read_now(lambda c: sums.cover(c, asked, DAY))
        by_day = [
            monitoring.read_now(lambda c, of=of: sums.by_day_of_account(c, cover, of)) for of in (ANN, BOB)
        ]  # fmt: skip
        return every, by_day

    before = told()
    forget(monitoring, cut)
    assert told() == before
    every, by_day = before  # type: ignore[misc]
    there = [one for one in some if asked.from_ms <= one.at_ms < asked.until_ms]
    assert every.covered == asked
    assert {group.name: group.sums for group in every.rows} == _by(there, "auth_index")
    for of, told_days in zip((ANN, BOB), by_day, strict=True):
        mine = [one for one in there if one.auth_index == of]
        assert told_days == {
            day: added([one for one in mine if one.at_ms // DAY == day]) for day in {one.at_ms // DAY for one in mine}
        }


@unless_slow
@given(
    some=st.lists(events, max_size=30),
    asked=ranges | days,
    cut=cuts,
    search=st.sampled_from(SEARCHES),
    is_settled=st.booleans(),
)
@example(  # all are gone, and the time ends within the last one's hour
    some=[event(DST + 10 * MINUTE), event(DST + 50 * MINUTE)],
    asked=Span(DST - 3 * HOUR, DST + 30 * MINUTE),
    cut=DST + DAY,
    search=RequestSearch(),
    is_settled=False,
)
@example(  # of an hour some are gone
    some=[event(DST + 10 * MINUTE), event(DST + 50 * MINUTE)],
    asked=Span(DST - HOUR, DST + DAY),
    cut=DST + 30 * MINUTE,
    search=RequestSearch(auth_index=ANN),
    is_settled=False,
)
def test_figures_are_of_the_time_that_they_say(
    monitoring: Database, some: list[RequestEvent], asked: Span, cut: int, search: RequestSearch, is_settled: bool
) -> None:
    """From kept sums more than was asked for, never less; from the requests themselves no forgotten time."""
    keep(monitoring, some, is_settled=is_settled)
    forget(monitoring, cut)
    mine = [one for one in some if matches(one, search)]

    found = monitoring.read_now(lambda c: traffic(c, search, asked, UTC))
    assert found.sums == added(_within(mine, found.covered))
    assert found.sums == sum((part.sums for part in found.parts), sums.Sums())
    assert sum(cause.count for cause in found.causes) == sum(map(failed, _within(mine, found.explained)))
    if search not in (RequestSearch(), RequestSearch(model="opus")):  # told by the requests alone
        assert_right(found.times, _within(mine, found.timed))
    for by, field in FIELDS.items():
        groups = monitoring.read_now(lambda c, by=by: grouped(c, search, asked, by))
        assert {group.name: group.sums for group in groups.rows} == _by(_within(mine, groups.covered), field)


def test_older_requests_that_come_later_do_not_hide_what_is_gone(monitoring: Database) -> None:
    """By import, of an hour that had none: what was forgotten lies after them."""
    keep(monitoring, [event(DST - 3 * DAY), event(DST)])
    forget(monitoring, DST)
    monitoring.write_now(lambda c: store(c, [event(DST - 5 * DAY)], {}))
    asked = Span(DST - 7 * DAY, DST + HOUR)
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(auth_index=ANN), asked, UTC))
    assert (found.sums.requests, found.covered) == (1, Span(DST - 3 * DAY + HOUR, asked.until_ms))


def test_a_time_of_which_nothing_is_left_covers_nothing(monitoring: Database) -> None:
    keep(monitoring, [event(DST + MINUTE), event(DST + DAY)])
    forget(monitoring, DST + DAY)
    asked = Span(DST, DST + 2 * MINUTE)
    found = monitoring.read_now(lambda c: traffic(c, RequestSearch(), asked, UTC))
    assert (found.sums.requests, found.covered) == (0, Span(asked.until_ms, asked.until_ms))


def _within(some: list[RequestEvent], span: Span) -> list[RequestEvent]:
    return [one for one in some if span.from_ms <= one.at_ms < span.until_ms]


def _by(some: list[RequestEvent], field: str) -> dict[str, sums.Sums]:
    named = [one for one in some if getattr(one, field) is not None or field == "model"]
    return {
        name or "": added([one for one in named if getattr(one, field) == name])
        for name in {getattr(one, field) for one in named}
    }
