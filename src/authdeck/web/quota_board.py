"""The Quota page's first two answers: who can serve now, and who comes back when. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from authdeck import wording
from authdeck.account import Provider
from authdeck.capacity import SERVING, WAITING, Back, Left
from authdeck.health import Health
from authdeck.web.account_rows import NAMES, TONES, window_name
from authdeck.web.addresses import address
from authdeck.web.preferences import Preferences

PATH: Final = "/quota"
RANGES: Final = (24, 168)
"""Hours that the timeline shows: a day, a week."""

LISTED: Final = 8
_SHOWN: Final = (
    Health.AVAILABLE, Health.LOW, Health.COOLING, Health.EXHAUSTED, Health.UNREADABLE, Health.NEEDS_REAUTH,
    Health.NEEDS_REVIEW, Health.DISABLED, Health.UNKNOWN,
)  # fmt: skip
_PLANS_NAMED: Final = 2
"""More plans than that say nothing."""

_GAP: Final = 0.35
_WIDTH: Final = 1120
_LEFT: Final = 8
_RIGHT: Final = 1112
_BASE: Final = 88
_BAR: Final = 14
_BARS: Final = 72
_TALLEST: Final = 52.0
_LEAST: Final = 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a share bar, in hundredths of its width."""

    tone: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One provider's row. ``left`` is whole percent, ``None`` where nobody's figure is known."""

    provider: str
    href: str
    total: int
    serving: int
    parts: Sequence[Part]
    label: str
    left: int | None
    told: int
    back: Back | None


@dataclass(frozen=True, slots=True)
class Board:
    """``unknown``: accounts of which nobody knows whether they can serve; they are tried."""

    lines: Sequence[ProviderLine]
    total: int
    serving: int
    waiting: int
    unknown: int


def board(
    states: Mapping[str, Mapping[str, int]], left: Mapping[Provider, Left], nexts: Mapping[Provider, Back], locale: str
) -> Board:
    """Providers that have accounts, in their usual order."""
    lines = [_line(name, states[name], left, nexts, locale) for name in NAMES if states.get(name)]
    counts = {state: sum(of.get(state.value, 0) for of in states.values()) for state in Health}
    return Board(
        lines,
        sum(line.total for line in lines),
        sum(line.serving for line in lines),
        sum(counts[state] for state in WAITING),
        counts[Health.UNKNOWN],
    )


def _line(
    name: str, counts: Mapping[str, int], left: Mapping[Provider, Left], nexts: Mapping[Provider, Back], locale: str
) -> ProviderLine:
    total, known = sum(counts.values()), left.get(Provider(name))
    said = [
        f"{wording.count(counts[state], locale)} {wording.sentence(f'health.{state.value}', {}, locale)}"
        for state in _SHOWN
        if counts.get(state.value)
    ]
    return ProviderLine(
        provider=name,
        href=address(PATH, {"provider": name}),
        total=total,
        serving=sum(counts.get(state.value, 0) for state in SERVING),
        parts=_parts(counts, total),
        label=", ".join(said),
        left=None if known is None else int(known.percent),
        told=0 if known is None else known.accounts,
        back=nexts.get(Provider(name)),
    )


def _parts(counts: Mapping[str, int], total: int) -> list[Part]:
    parts, x = [], 0.0
    for state in _SHOWN:
        if number := counts.get(state.value, 0):
            width = 100 * number / total
            parts.append(Part(TONES[state.value], f"{x:.2f}", f"{max(width - _GAP, 0.3):.2f}"))
            x += width
    return parts


# ---- who comes back when ----


@dataclass(frozen=True, slots=True)
class Bar:
    """Who comes back within one step of the timeline."""

    tone: str
    x: str
    y: str
    height: str
    middle: str
    count: int
    above: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class BackLine:
    """One row of the list: ``after`` is how many of the provider can serve then, of ``total``."""

    at: datetime
    within: str
    tone: str
    count: int
    who: str
    href: str
    provider: str
    after: int
    total: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """``rest``: accounts that come back later within the range, beyond the rows listed."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    lines: Sequence[BackLine]
    rest: int


def timeline(backs: Sequence[Back], now: datetime, hours: int, shown: Board, prefs: Preferences) -> Timeline:
    lines = _lines(backs, now, shown, prefs)
    rest = sum(back.count for back in backs[LISTED:])
    return Timeline(_bars(backs, now, hours), _ticks(now, hours, prefs), lines, rest)


def _lines(backs: Sequence[Back], now: datetime, shown: Board, prefs: Preferences) -> list[BackLine]:
    serving = {line.provider: (line.serving, line.total) for line in shown.lines}
    lines: list[BackLine] = []
    for back in backs[:LISTED]:
        before, total = serving[back.provider.value]
        serving[back.provider.value] = before + back.count, total
        query = {"provider": back.provider.value, "state": back.state.value}
        lines.append(
            BackLine(
                at=back.at,
                within=_within(back.at, now, prefs.locale),
                tone=TONES[back.state.value],
                count=back.count,
                who=_who(back, prefs.locale),
                href=f"{address(PATH, query)}#accounts",
                provider=NAMES[back.provider.value],
                after=before + back.count,
                total=total,
            )
        )
    return lines


def _who(back: Back, locale: str) -> str:
    """``Codex Team and Plus, 5 hours``: plans where there are few, the window where one is known."""
    plans = [plan.replace("_", " ").title() for plan in back.plans if plan != "unknown"]
    name = NAMES[back.provider.value]
    if 0 < len(plans) <= _PLANS_NAMED:
        name = f"{name} {wording.sentence('back.and', {}, locale).join(plans)}"
    if back.window is None:
        return name
    return wording.sentence("back.after", {"who": name, "window": window_name(back.window, locale)}, locale)


def _within(at: datetime, now: datetime, locale: str) -> str:
    return wording.sentence("back.in", {"time": wording.duration(max(at - now, timedelta(0)), locale)}, locale)


def _bars(backs: Sequence[Back], now: datetime, hours: int) -> list[Bar]:
    step = timedelta(hours=hours) / _BARS
    together: dict[tuple[int, str], int] = {}
    for back in backs:
        place = min(_BARS - 1, max(0, int((back.at - now) / step)))
        key = place, TONES[back.state.value]
        together[key] = together.get(key, 0) + back.count
    sums: dict[int, int] = {}
    for (place, _), count in together.items():
        sums[place] = sums.get(place, 0) + count
    most = max(sums.values(), default=1)
    parts = {place: [(tone, n) for (at, tone), n in together.items() if at == place] for place in sorted(sums)}
    return [_bar(place, some, most) for place, some in parts.items()]


def _bar(place: int, parts: Sequence[tuple[str, int]], most: int) -> Bar:
    """One colour a bar, that of most of them: a bar is too narrow for more."""
    count = sum(number for _, number in parts)
    tone = max(parts, key=lambda part: part[1])[0]
    height = _LEAST + (_TALLEST - _LEAST) * count / max(most, 12)
    x = _LEFT + (_RIGHT - _LEFT) * place / _BARS
    top = _BASE - height
    return Bar(tone, f"{x:.1f}", f"{top:.1f}", f"{height:.1f}", f"{x + _BAR / 2:.1f}", count, f"{top - 5:.1f}")


def _ticks(now: datetime, hours: int, prefs: Preferences) -> list[Tick]:
    """Every three hours of a day, every day of a week, on the hour of the reader's clock."""
    is_a_day = hours == RANGES[0]
    step = timedelta(hours=3 if is_a_day else 24)
    local = now.astimezone(prefs.zone).replace(minute=0, second=0, microsecond=0)
    at = local.replace(hour=local.hour - local.hour % 3 if is_a_day else 0)
    ticks = []
    while (at := at + step) < now + timedelta(hours=hours):
        share = (at - now) / timedelta(hours=hours)
        if 0.04 < share < 0.98:  # noqa: PLR2004 - else it would run into the edge
            name = wording.clock(at, prefs.zone, prefs.locale)
            text = name if is_a_day else wording.day(at, now, prefs.zone, prefs.locale)
            ticks.append(Tick(f"{_LEFT + (_RIGHT - _LEFT) * share:.1f}", text, "middle"))
    return ticks
