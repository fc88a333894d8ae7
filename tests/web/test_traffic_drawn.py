"""Monitoring's numbers as charts: each kind in its place, gaps where they are, shares of what they are shares of."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authdeck.operations.traffic import Group, Part, Traffic
from authdeck.spans import HOUR, Span
from authdeck.storage.reading.latencies import Percentiles
from authdeck.storage.reading.requests import Gap
from authdeck.storage.reading.sums import Sums
from authdeck.web.preferences import Preferences
from authdeck.web.traffic_drawn import charts, shares

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000) - 4 * HOUR
ASKED = Span(AT, AT + 4 * HOUR)
LATER = Span(AT + HOUR, AT + 4 * HOUR)
NONE = Percentiles()


def part(hour: int, sums: Sums = Sums(), times: Percentiles = NONE) -> Part:  # noqa: B008 - never changed
    return Part(Span(AT + hour * HOUR, AT + (hour + 1) * HOUR), sums, times)


def drawn(*some: Part, gaps: tuple[Gap, ...] = (), locale: str = "en") -> dict[str, Any]:
    parts = [*some, *(part(hour) for hour in range(len(some), 4))]
    found = Traffic(ASKED, ASKED, ASKED, ASKED, sum((one.sums for one in parts), Sums()), NONE, parts, (), gaps)
    return charts(found, NOW, Preferences(locale=locale))


@pytest.mark.parametrize(
    ("locale", "title"), [("en", "08:00: 2,000 answered, 500 failed"), ("zh-CN", "08:00：2,000 个已应答，500 个失败")]
)
def test_a_bar_is_answered_and_failed_and_says_so(locale: str, title: str) -> None:
    chart = drawn(part(0, Sums(2_500, 500)), part(1, Sums(1)), locale=locale)["requests_chart"]
    assert [(rect.kind, rect.title) for rect in chart.rects[:2]] == [("k-ok", title), ("k-bad", title)]
    assert chart.rects[0].height == pytest.approx(4 * chart.rects[1].height, abs=0.3)
    assert [rect.kind for rect in chart.rects[2:]] == ["k-ok"]


def test_one_request_is_no_half_ones() -> None:
    assert [mark.text for mark in drawn(part(0, Sums(1)))["requests_chart"].ys] == ["0", "1"]


def test_the_median_is_one_line_and_the_slowest_the_other() -> None:
    times = Percentiles(p50=1_000, p95=4_000, ttfb_p50=100, ttfb_p95=200)
    chart = drawn(part(0, Sums(9), times), part(1, Sums(9), times))["durations_chart"]
    assert {line.kind: line.path for line in chart.lines} == {
        "l-a": "M77.5 135.5L144.5 135.5",
        "l-b": "M77.5 8.0L144.5 8.0",
    }
    assert [mark.text for mark in chart.ys] == ["0", "1", "2", "3", "4"]


def test_numbers_are_those_of_the_bars_the_newest_first() -> None:
    first, second = part(0, Sums(2, 1, 30, 4)), part(1, Sums(1), Percentiles(p50=9))
    numbers = drawn(first, second)["numbers"]
    assert [row.part for row in numbers[2:]] == [second, first]
    assert [row.at for row in numbers] == ["11:00", "10:00", "09:00", "08:00"]


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "hours"),
    [
        (HOUR, 2 * HOUR, [1]),
        (HOUR, 2 * HOUR + 1, [1, 2]),
        (HOUR, HOUR, [1]),
        (2 * HOUR - 1, 2 * HOUR - 1, [1]),
        (-HOUR, 0, []),
        (-HOUR, 1, [0]),
    ],
)
def test_a_gap_is_in_the_numbers_of_its_own_time(from_ms: int, until_ms: int, hours: list[int]) -> None:
    """To its end, which is not part of it; one of a single moment is somewhere all the same."""
    numbers = drawn(gaps=(Gap(AT + from_ms, AT + until_ms, "store_failed", 2),))["numbers"]
    assert [hour for hour, row in enumerate(reversed(numbers)) if row.gap] == hours
    assert {row.gap for row in numbers} - {""} <= {"The store did not take them."}


def test_gaps_are_drawn_in_both_charts_with_their_cause() -> None:
    counted, unknown = Gap(AT, AT + HOUR, "store_failed", 1_200), Gap(AT + HOUR, AT + 2 * HOUR, "damaged", None)
    found = drawn(gaps=(counted, unknown))
    for name, width in (("requests_chart", 107.0), ("durations_chart", 67.0)):
        holes = [rect for rect in found[name].rects if rect.kind == "hole"]
        assert [(hole.x, hole.width) for hole in holes] == [(44.0, width), (44.0 + width, width)]
        assert [hole.title for hole in holes] == found["gaps"]
    assert found["gaps"] == [
        "08:00 to 09:00: 1,200 requests are missing. The store did not take them.",
        "09:00 to 10:00: requests may be missing. The file was damaged and set aside.",
    ]


@pytest.mark.parametrize(
    ("covered", "timed", "explained", "notes"),
    [
        (ASKED, ASKED, ASKED, []),
        (Span(AT - HOUR, AT + 4 * HOUR), ASKED, ASKED, ["begins within an hour", "figures begin at 07:00"]),
        (Span(AT, AT + 5 * HOUR), ASKED, ASKED, ["ends within an hour", "figures end at 13:00"]),
        (Span(AT - HOUR, AT + 5 * HOUR), ASKED, ASKED, ["begins within", "ends within"]),
        (LATER, ASKED, ASKED, ["Only single requests tell this: the figures begin at 09:00."]),
        (LATER, LATER, LATER, ["Only single requests tell this"]),
        (ASKED, LATER, ASKED, ["Durations are those of the newest requests, since 09:00."]),
        (ASKED, ASKED, LATER, ["Causes are counted among the newest failures, since 09:00."]),
    ],
)
def test_figures_of_another_time_than_was_asked_for_say_so(
    covered: Span, timed: Span, explained: Span, notes: list[str]
) -> None:
    found = Traffic(ASKED, covered, timed, explained, Sums(1), NONE, [part(hour) for hour in range(4)], (), ())
    told = charts(found, NOW, Preferences())["notes"]
    assert all(note in " ".join(told) for note in notes), told
    assert len(told) == len({covered, timed, explained} - {ASKED}) + (covered == Span(AT - HOUR, AT + 5 * HOUR))


def test_a_share_is_of_all_and_its_bar_of_the_largest() -> None:
    groups = [Group("b", Sums(60)), Group("a", Sums(20)), Group("c", Sums(0))]
    found = shares(groups, lambda group: group.sums.requests, 100, lambda name: f"Account {name}", "en")
    assert [(one.name, one.percent, one.of_all) for one in found] == [
        ("Account b", 100, "60%"), ("Account a", 33.3, "20%"), ("Account c", 0, "–"),
    ]  # fmt: skip
    assert shares([], lambda group: group.sums.requests, 0, str, "en") == []


def test_a_share_is_never_more_than_all() -> None:
    """Whole days of accounts may hold more than the time that the figures are of."""
    (one,) = shares([Group("b", Sums(60))], lambda group: group.sums.requests, 50, str, "en")
    assert one.of_all == "100%"
