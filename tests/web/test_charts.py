"""Charts' shapes: what stands where, how high it is, and that nothing known is invisible or in another's place."""

import re
from collections.abc import Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.spans import DAY, HOUR, MINUTE, Span, parts
from authdeck.web.charts import HEIGHT, NARROW, WIDE, Axes, Bar, Chart, Hole, Mark, Rect, bars, lines

TOP, BASE, LEFT = 8.0, 178.0, 44.0
PLOT = BASE - TOP
AT = 1_795_000_000_000
ROUNDED = 0.051
"""Shapes are written with one digit behind the point."""

amounts = st.integers(0, 3) | st.integers(0, 10**9)
widths = st.sampled_from([WIDE, NARROW])
ranges = st.tuples(
    st.integers(AT, AT + DAY), st.one_of(st.integers(1, 2 * HOUR), st.integers(2 * HOUR, 40 * DAY), st.just(3660 * DAY))
).map(lambda pair: Span(pair[0], sum(pair)))
cuts = st.builds(lambda whole, zone: parts(whole, ZoneInfo(zone)), ranges, st.sampled_from(["UTC", "Asia/Kolkata"]))


def axes(spans: Sequence[Span], width: float = WIDE, least: float = 1) -> Axes:
    """Numbers are written so that they can be read back; moments too."""
    whole = Span(spans[0].from_ms, spans[-1].until_ms) if spans else Span(AT, AT)
    return Axes(whole, width, repr, str, least)


def hours(number: int) -> list[Span]:
    return [Span(AT + place * HOUR, AT + (place + 1) * HOUR) for place in range(number)]


def most_of(chart: Chart) -> float:
    return float(chart.ys[-1].text)


def high(amount: float, chart: Chart) -> float:
    return max(1.5, PLOT * amount / most_of(chart))


def drawn_as(chart: Chart, title: str) -> list[Rect]:
    return [rect for rect in chart.rects if rect.title == title]


@given(cut=cuts, some=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=20), width=widths)
def test_bars_stand_on_each_other_as_high_as_their_amounts(
    cut: list[Span], some: list[tuple[int, int]], width: float
) -> None:
    shown = [
        Bar(span, (("k-ok", some[at % len(some)][0]), ("k-bad", some[at % len(some)][1])), f"bar {at}")
        for at, span in enumerate(cut)
    ]
    chart = bars(axes(cut, width), shown, ())
    for bar in shown:
        found, foot = drawn_as(chart, bar.title), BASE
        assert [rect.kind for rect in found] == [kind for kind, amount in bar.amounts if amount]
        for rect, amount in zip(found, [amount for _, amount in bar.amounts if amount], strict=True):
            assert rect.height == pytest.approx(high(amount, chart), abs=ROUNDED)
            foot -= rect.height
            assert rect.y == pytest.approx(max(TOP, foot), abs=3 * ROUNDED)


@given(cut=cuts, width=widths)
def test_bars_are_within_the_drawing_in_the_order_of_time_beside_each_other(cut: list[Span], width: float) -> None:
    shown = [Bar(span, (("k-ok", 7), ("k-bad", 3))) for span in cut]
    chart = bars(axes(cut, width), shown, ())
    feet = [rect for rect in chart.rects if rect.kind == "k-ok"]
    assert [(rect.x, rect.width) for rect in chart.rects if rect.kind == "k-bad"] == [(r.x, r.width) for r in feet]
    assert len(feet) == len(cut)
    for span, rect in zip(cut, feet, strict=True):
        least = 4 if rect is feet[-1] else 0.6
        assert rect.width >= least
        assert LEFT - 0.7 <= rect.x < rect.x + rect.width <= chart.right + (4 if rect is feet[-1] else 0.1)
        assert rect.x == pytest.approx(place(span.from_ms, chart, cut), abs=0.7)
        assert rect.width <= max(least, place(span.until_ms, chart, cut) - place(span.from_ms, chart, cut)) + ROUNDED
    for rect, following in pairwise(feet):
        assert rect.x + rect.width <= following.x + 1e-6


def place(at_ms: int, chart: Chart, cut: Sequence[Span]) -> float:
    whole = cut[-1].until_ms - cut[0].from_ms
    return LEFT + (chart.right - LEFT) * (at_ms - cut[0].from_ms) / whole


@pytest.mark.parametrize(("answered", "y"), [(1_099_999, 51.8), (999_999, TOP)])
def test_one_failure_among_a_million_is_seen(answered: int, y: float) -> None:
    """Above them, or where they reach the top, before them."""
    (below, failed) = bars(axes(hours(1)), [Bar(hours(1)[0], (("k-ok", answered), ("k-bad", 1)))], ()).rects
    assert (below.kind, failed.kind, failed.height) == ("k-ok", "k-bad", 1.5)
    assert failed.y == pytest.approx(max(TOP, below.y - 1.5), abs=2 * ROUNDED) == pytest.approx(y, abs=2 * ROUNDED)


def test_three_answered_and_one_failed_of_four() -> None:
    chart = bars(axes(hours(2)), [Bar(hours(2)[0], (("k-ok", 3), ("k-bad", 1)), "3 and 1")], ())
    assert [mark.text for mark in chart.ys] == ["0", "1", "2", "3", "4"]
    assert chart.rects == [
        Rect("k-ok", 44.0, 50.5, 213.0, 127.5, "3 and 1"),
        Rect("k-bad", 44.0, 8.0, 213.0, 42.5, "3 and 1"),
    ]


@given(most=st.integers(1, 10**15) | st.floats(0.001, 10**9), least=st.sampled_from([0, 1]))
def test_the_scale_has_round_steps_up_to_the_largest(most: float, least: float) -> None:
    chart = bars(axes(hours(1), least=least), [Bar(hours(1)[0], (("k-ok", most),))], ())
    values = [float(mark.text) for mark in chart.ys]
    step = values[1]
    assert values[0] == 0
    assert float(f"{step:e}".partition("e")[0]) in (1, 2, 5)
    assert step >= least
    assert values == pytest.approx([step * place for place in range(len(values))])
    assert most * (1 - 1e-9) <= values[-1] <= max(most, step) + step
    assert 2 <= len(values) <= 6
    assert [mark.at for mark in chart.ys] == pytest.approx(
        [BASE - PLOT * value / values[-1] for value in values], abs=ROUNDED
    )


@pytest.mark.parametrize(("most", "marks"), [(1, "0 1"), (2, "0 1 2"), (3, "0 1 2 3"), (7, "0 2 4 6 8")])
def test_there_is_no_half_a_request(most: int, marks: str) -> None:
    chart = bars(axes(hours(1)), [Bar(hours(1)[0], (("k-ok", most),))], ())
    assert " ".join(f"{float(mark.text):g}" for mark in chart.ys) == marks


known = st.none() | st.floats(0.01, 10**6)


@given(cut=cuts, values=st.lists(known, min_size=1, max_size=30), width=widths)
def test_lines_go_through_what_is_known_and_break_where_nothing_is(
    cut: list[Span], values: list[float | None], width: float
) -> None:
    course = [values[at % len(values)] for at in range(len(cut))]
    chart = lines(axes(cut, width, least=0), cut, (("l-a", course), ("l-b", [None] * len(cut))), ())
    assert [line.kind for line in chart.lines] == ["l-a", "l-b"]
    assert chart.lines[1].path == ""
    strokes = re.findall(r"([MLh])([\d. -]+)", chart.lines[0].path)
    assert "".join(letter for letter, _ in strokes) == expected(course)
    points = [tuple(map(float, at.split())) for letter, at in strokes if letter != "h"]
    there = [(span, value) for span, value in zip(cut, course, strict=True) if value is not None]
    for (x, y), (span, value) in zip(points, there, strict=True):
        assert x == pytest.approx(place((span.from_ms + span.until_ms) // 2, chart, cut), abs=ROUNDED)
        assert y == pytest.approx(BASE - PLOT * value / most_of(chart), abs=ROUNDED)
        assert TOP <= y <= BASE


def expected(course: Sequence[float | None]) -> str:
    """A move to each run's first point, a stroke to every further one; a short stroke where there is none."""
    runs = "".join(" " if value is None else "." for value in course).split()
    return "".join("Mh" if len(run) == 1 else "M" + "L" * (len(run) - 1) for run in runs)


def test_a_line_with_a_lone_point() -> None:
    (line,) = lines(axes(hours(4)), hours(4), [("l-a", [4, 2, None, 4])], ()).lines
    assert line.path == "M97.5 8.0L204.5 93.0M418.5 8.0h3"


@given(cut=cuts, of=st.tuples(st.floats(-0.5, 1.5), st.floats(0, 1)), width=widths)
def test_a_hole_covers_its_time_and_says_why(cut: list[Span], of: tuple[float, float], width: float) -> None:
    whole = cut[-1].until_ms - cut[0].from_ms
    from_ms = cut[0].from_ms + int(of[0] * whole)
    gap = Span(from_ms, from_ms + max(1, int(of[1] * whole)))
    for chart in (
        bars(axes(cut, width), [Bar(cut[0], (("k-ok", 1),))], [Hole(gap, "damaged")]),
        lines(axes(cut, width), cut, (), [Hole(gap, "damaged")]),
    ):
        hole = chart.rects[0]  # below the bars
        assert (hole.kind, hole.title, hole.y, hole.height) == ("hole", "damaged", TOP, PLOT)
        begin, end = (min(chart.right, max(LEFT, place(at, chart, cut))) for at in (gap.from_ms, gap.until_ms))
        assert hole.x >= LEFT
        assert hole.x + hole.width <= chart.right + 2 * ROUNDED
        if end - begin >= 3:
            assert (hole.x, hole.width) == (
                pytest.approx(begin, abs=ROUNDED), pytest.approx(end - begin, abs=2 * ROUNDED),
            )  # fmt: skip
        else:  # never too slim to be seen
            assert (hole.width, hole.x <= begin + ROUNDED) == (pytest.approx(3, abs=ROUNDED), True)


@given(cut=cuts, width=widths)
def test_texts_below_the_axis_have_room(cut: list[Span], width: float) -> None:
    marks = bars(axes(cut, width), [Bar(span, ()) for span in cut], ()).xs
    begins = {str(span.from_ms): span for span in cut}
    assert marks[0] == Mark(LEFT, str(cut[0].from_ms))
    for mark in marks:
        assert mark.at == pytest.approx(place(begins[mark.text].from_ms, Chart((), (), (), (), width), cut), abs=0.051)
        assert mark.at + 56 <= width
    assert all(following.at - mark.at >= 56 for mark, following in pairwise(marks))
    assert len(marks) <= 7


def test_a_day_by_hours_has_several_texts() -> None:
    assert len(bars(axes(hours(24)), [Bar(span, ()) for span in hours(24)], ()).xs) == 6


def test_an_empty_range_is_an_empty_drawing() -> None:
    for chart in (bars(axes([]), (), ()), lines(axes([]), (), (("l-a", ()),), ())):
        assert (list(chart.rects), list(chart.xs)) == ([], [])
        assert [(mark.at, mark.text) for mark in chart.ys] == [(BASE, "0")]
    assert lines(axes([]), (), (("l-a", ()),), ()).lines[0].path == ""
    assert bars(axes([]), (), [Hole(Span(AT, AT + 1), "damaged")]).rects == [
        Rect("hole", 44.0, TOP, 3, PLOT, "damaged")
    ]
    assert (chart.height, chart.base) == (HEIGHT, BASE)


def test_a_time_without_requests_has_its_axis_and_no_bar() -> None:
    spans = [Span(AT + at * MINUTE, AT + (at + 1) * MINUTE) for at in range(60)]
    chart = bars(axes(spans), [Bar(span, (("k-ok", 0), ("k-bad", 0))) for span in spans], ())
    assert (list(chart.rects), [mark.text for mark in chart.ys]) == ([], ["0"])
    assert len(chart.xs) > 1
