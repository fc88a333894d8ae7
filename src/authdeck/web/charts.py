"""Charts as shapes: bars in time, lines, holes, and the marks of their axes. The template draws them as SVG. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from authdeck.spans import Span

WIDE: Final = 480.0
NARROW: Final = 320.0
HEIGHT: Final = 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 8.0, 22.0
_STEPS: Final = 4
_LABELS: Final = 6
_TEXT: Final = 56.0
"""Units that a text below the axis takes."""
_THIN: Final = 3
_LEAST: Final = 1.5
"""Units of height: no failure is too small to be seen."""
_SLIM: Final = 0.6
"""Units of width: nor is a time too short, such as the beginning of a range a moment before a full hour."""
_NEWEST: Final = 4
"""Units of width of the last bar at least, into the margin: an hour that has just begun is what people look for."""


@dataclass(frozen=True, slots=True)
class Rect:
    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line or place of an axis, and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """In ``width`` × ``height``; ``base`` is the height of zero, ``left`` and ``right`` the ends of its lines."""

    rects: Sequence[Rect]
    lines: Sequence[Line]
    ys: Sequence[Mark]
    xs: Sequence[Mark]
    width: float
    base: float = HEIGHT - _BOTTOM
    left: float = _LEFT
    height: float = HEIGHT

    @property
    def right(self) -> float:
        return self.width - _RIGHT


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it stands on (kind and amount, from below), and what it says when pointed at."""

    span: Span
    amounts: Sequence[tuple[str, float]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Hole:
    span: Span
    title: str


@dataclass(frozen=True, slots=True)
class Axes:
    """The time that a chart spans, how wide it is, and how numbers and moments (unix milliseconds) are written.

    ``least`` is the finest step between marks: 1 where nothing lies between whole numbers.
    """

    whole: Span
    width: float
    number: Callable[[float], str]
    moment: Callable[[int], str]
    least: float = 0

    def x(self, at_ms: int) -> float:
        share = (at_ms - self.whole.from_ms) / self.whole.length if self.whole.length else 0
        return _LEFT + min(1.0, max(0.0, share)) * (self.width - _LEFT - _RIGHT)


def bars(axes: Axes, drawn: Sequence[Bar], holes: Sequence[Hole]) -> Chart:
    """Stacked bars; each as wide as the time that it stands for, where that is enough to be seen."""
    top, ys = _scale(max((sum(amount for _, amount in bar.amounts) for bar in drawn), default=0), axes)
    rects = [_hole(axes, hole) for hole in holes]
    for bar in drawn:
        rects += _stack(bar, top, *_place(axes, bar, is_last=bar is drawn[-1]))
    return Chart(rects, (), ys, _times(axes, [bar.span for bar in drawn]), axes.width)


def lines(
    axes: Axes, spans: Sequence[Span], drawn: Sequence[tuple[str, Sequence[float | None]]], holes: Sequence[Hole]
) -> Chart:
    """Lines through the middle of each span; they break where a value is unknown."""
    top, ys = _scale(max((value for _, values in drawn for value in values if value is not None), default=0), axes)
    paths = [Line(kind, _path(axes, spans, values, top)) for kind, values in drawn]
    return Chart([_hole(axes, hole) for hole in holes], paths, ys, _times(axes, spans), axes.width)


def _place(axes: Axes, bar: Bar, *, is_last: bool) -> tuple[float, float]:
    """Left end and width."""
    left, right = axes.x(bar.span.from_ms), axes.x(bar.span.until_ms)
    width = right - left - (1 if right - left > _THIN else 0.2)
    return (left, max(_NEWEST, width)) if is_last else (min(left, right - _SLIM), max(_SLIM, width))


def _stack(bar: Bar, top: float, left: float, width: float) -> list[Rect]:
    at, rects = HEIGHT - _BOTTOM, []
    for kind, amount in bar.amounts:
        if amount:
            high = max(_LEAST, _high(amount, top))
            at -= high
            rects.append(
                Rect(kind, round(left, 1), round(max(_TOP, at), 1), round(width, 1), round(high, 1), bar.title)
            )
    return rects


def _path(axes: Axes, spans: Sequence[Span], values: Sequence[float | None], top: float) -> str:
    path, is_down = [], False
    for place, (span, value) in enumerate(zip(spans, values, strict=True)):
        if value is None:
            is_down = False
            continue
        x, y = axes.x((span.from_ms + span.until_ms) // 2), HEIGHT - _BOTTOM - _high(value, top)
        path.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}")
        if not is_down and (place + 1 == len(spans) or values[place + 1] is None):
            path.append("h3")  # a point alone would not be seen
        is_down = True
    return "".join(path)


def _hole(axes: Axes, hole: Hole) -> Rect:
    left, right = axes.x(hole.span.from_ms), axes.x(hole.span.until_ms)
    left = min(left, axes.width - _RIGHT - 3)
    return Rect("hole", round(left, 1), _TOP, round(max(3, right - left), 1), HEIGHT - _BOTTOM - _TOP, hole.title)


def _scale(most: float, axes: Axes) -> tuple[float, list[Mark]]:
    """The top of the axis and its marks, at round numbers."""
    if most <= 0:
        return 1.0, [Mark(HEIGHT - _BOTTOM, axes.number(0))]
    rough = most / _STEPS
    power = 10 ** math.floor(math.log10(rough))
    step = max(axes.least, next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999))
    number = max(1, math.ceil(most / step - 1e-9))
    top = step * number
    values = [step * place for place in range(number + 1)]
    return top, [Mark(round(HEIGHT - _BOTTOM - _high(value, top), 1), axes.number(value)) for value in values]


def _times(axes: Axes, spans: Sequence[Span]) -> list[Mark]:
    """Some of the spans' beginnings, never so near that their texts would touch each other or the drawing's end."""
    marks: list[Mark] = []
    for span in spans[:: max(1, math.ceil(len(spans) / _LABELS))]:
        at = round(axes.x(span.from_ms), 1)
        if at <= axes.width - _TEXT and (not marks or at - marks[-1].at >= _TEXT):
            marks.append(Mark(at, axes.moment(span.from_ms)))
    return marks


def _high(value: float, top: float) -> float:
    return (HEIGHT - _BOTTOM - _TOP) * min(1.0, value / top)
