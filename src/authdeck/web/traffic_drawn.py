"""Traffic as the page shows it: charts with the numbers beside them, and shares. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authdeck import wording
from authdeck.clock import from_micros
from authdeck.event import FailureKind
from authdeck.operations.traffic import Cause, Group, Groups, Part, Traffic
from authdeck.spans import DAY, Span
from authdeck.storage.reading.requests import Gap
from authdeck.web.charts import NARROW, WIDE, Axes, Bar, Chart, Hole, bars, lines
from authdeck.web.preferences import Preferences
from authdeck.web.request_rows import TONES

_CLOCK_UP_TO: Final = 3 * DAY
_BAD: Final = ("bad", "bad")
NEXT_STEPS: Final = {
    FailureKind.QUOTA: "/quota",
    FailureKind.AUTH: "/oauth-login",
    FailureKind.TERMS: "/settings/terms",
    FailureKind.NO_ACCOUNT: "/auth-files",
}
"""Where a kind of failure is dealt with."""


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one bar. ``gap`` says what is missing in its time."""

    at: str
    part: Part
    gap: str


@dataclass(frozen=True, slots=True)
class ShownCause:
    tone: str
    glyph: str
    code: str
    text: str
    count: int
    failure: str
    status: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Share:
    """One row of shares: ``percent`` of the largest one for the bar, ``of_all`` of the whole in words."""

    name: str
    group: Group
    percent: float
    of_all: str


def charts(found: Traffic, now: datetime, prefs: Preferences) -> dict[str, Any]:
    """What the template draws."""
    requests = Axes(
        found.asked, WIDE, lambda number: wording.compact(number, prefs.locale), _moments(found, now, prefs), least=1
    )
    durations = Axes(found.asked, NARROW, lambda ms: f"{ms / 1000:g}", requests.moment)
    holes = [Hole(_hole(gap), _gap(gap, now, prefs)) for gap in found.gaps]
    spans = [part.span for part in found.parts]
    shown = [_bar(part, requests.moment, prefs.locale) for part in found.parts]
    medians, slow = [part.times.p50 for part in found.parts], [part.times.p95 for part in found.parts]
    return {
        "requests_chart": bars(requests, shown, holes),
        "durations_chart": _durations(durations, spans, medians, slow, holes),
        "numbers": [_row(part, found.gaps, now, prefs) for part in reversed(found.parts)],
        "gaps": [hole.title for hole in holes],
        "causes": [_cause(cause, prefs.locale) for cause in found.causes],
        "notes": _notes(found, now, prefs),
    }


def shares(
    rows: Sequence[Group], amount: Callable[[Group], int], whole: int, name: Callable[[str], str], locale: str
) -> list[Share]:
    """The largest first. ``whole`` is what they are shares of."""
    most = max((amount(row) for row in rows), default=0) or 1
    return [
        Share(
            name(row.name),
            row,
            round(100 * amount(row) / most, 1),
            wording.share(amount(row), max(whole, amount(row)), locale) if amount(row) else "–",
        )
        for row in rows
    ]


def shares_notes(found: Traffic, shares: Sequence[Groups], now: datetime, prefs: Preferences) -> list[str]:
    """Where shares are of less than the figures are."""
    begins = max(groups.covered.from_ms for groups in shares)
    if begins <= found.covered.from_ms:
        return []
    return [wording.sentence("traffic.newest_shares", {"at": _moment(begins, now, prefs)}, prefs.locale)]


def _durations(
    axes: Axes,
    spans: Sequence[Span],
    medians: Sequence[float | None],
    slow: Sequence[float | None],
    holes: Sequence[Hole],
) -> Chart:
    return lines(axes, spans, (("l-b", slow), ("l-a", medians)), holes)


def _bar(part: Part, moment: Callable[[int], str], locale: str) -> Bar:
    params = {
        "from": moment(part.span.from_ms), "answered": wording.count(part.sums.answered, locale),
        "failed": wording.count(part.sums.failures, locale),
    }  # fmt: skip
    amounts = (("k-ok", part.sums.answered), ("k-bad", part.sums.failures))
    return Bar(part.span, amounts, wording.sentence("traffic.bar", params, locale))


def _row(part: Part, gaps: Sequence[Gap], now: datetime, prefs: Preferences) -> Row:
    within = [gap for gap in gaps if gap.from_ms < part.span.until_ms and _hole(gap).until_ms > part.span.from_ms]
    whys = dict.fromkeys(wording.sentence(f"gap.{gap.why}", {}, prefs.locale) for gap in within)
    return Row(_moment(part.span.from_ms, now, prefs), part, " ".join(whys))


def _hole(gap: Gap) -> Span:
    """A gap of a single request has no length, and is in one part."""
    return Span(gap.from_ms, max(gap.until_ms, gap.from_ms + 1))


def _gap(gap: Gap, now: datetime, prefs: Preferences) -> str:
    why = wording.sentence(f"gap.{gap.why}", {}, prefs.locale)
    ends = {"from": _moment(gap.from_ms, now, prefs), "until": _moment(gap.until_ms, now, prefs), "why": why}
    if gap.count is None:
        return wording.sentence("gap_uncounted", ends, prefs.locale)
    code = "gap_left_out" if gap.why == "not_counted" else "gap_counted"
    return wording.sentence(code, {**ends, "count": wording.count(gap.count, prefs.locale)}, prefs.locale)


def _cause(cause: Cause, locale: str) -> ShownCause:
    kind = FailureKind(cause.kind) if cause.kind else None
    tone, glyph = TONES.get(kind, _BAD) if kind is not None else ("neutral", "neutral")
    return ShownCause(
        tone if tone != "bad" else "reauth",
        glyph,
        cause.code,
        wording.sentence(f"failure.{cause.kind}", {}, locale) if cause.kind else "",
        cause.count,
        f"{cause.kind}:{cause.code}" if cause.kind else "",
        "" if cause.kind else cause.code,
        NEXT_STEPS.get(kind, "") if kind is not None else "",
    )


def _notes(found: Traffic, now: datetime, prefs: Preferences) -> list[str]:
    """What the figures do not cover, or more than was asked for."""
    notes = []
    if found.covered.from_ms > found.asked.from_ms:
        at = _moment(found.covered.from_ms, now, prefs)
        notes.append(wording.sentence("traffic.newest_only", {"at": at}, prefs.locale))
    elif found.covered.from_ms < found.asked.from_ms:
        at = _moment(found.covered.from_ms, now, prefs)
        notes.append(wording.sentence("traffic.taken_whole", {"at": at}, prefs.locale))
    if found.covered.until_ms > found.asked.until_ms:
        at = _moment(found.covered.until_ms, now, prefs)
        notes.append(wording.sentence("traffic.taken_to_its_end", {"at": at}, prefs.locale))
    if found.timed.from_ms > found.asked.from_ms and found.timed != found.covered:
        at = _moment(found.timed.from_ms, now, prefs)
        notes.append(wording.sentence("traffic.newest_timed", {"at": at}, prefs.locale))
    if found.explained.from_ms > found.asked.from_ms and found.explained != found.covered:
        at = _moment(found.explained.from_ms, now, prefs)
        notes.append(wording.sentence("traffic.newest_explained", {"at": at}, prefs.locale))
    return notes


def _moments(found: Traffic, now: datetime, prefs: Preferences) -> Callable[[int], str]:
    """Below an axis: the clock within three days, else the day."""
    if found.asked.length <= _CLOCK_UP_TO:
        return lambda at_ms: wording.clock(from_micros(at_ms * 1000), prefs.zone, prefs.locale)
    return lambda at_ms: wording.day(from_micros(at_ms * 1000), now, prefs.zone, prefs.locale)


def _moment(at_ms: int, now: datetime, prefs: Preferences) -> str:
    return wording.moment(from_micros(at_ms * 1000), now, prefs.zone, prefs.locale)
