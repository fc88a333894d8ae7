"""The Quota page's figures as drawn: shares add up, bars stand where their time is, nobody is counted twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from authdeck.account import Provider
from authdeck.capacity import Back, Left
from authdeck.health import Health
from authdeck.web import quota_board
from authdeck.web.preferences import Preferences

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PREFS = Preferences(locale="en", theme="auto", masked=False, zone=ZoneInfo("UTC"))
STATES = {"codex": {"available": 5, "low": 1, "exhausted": 3, "unknown": 1}, "claude": {"cooling": 2}}


def back(minutes: float, count: int, provider: Provider = Provider.CODEX, plans: tuple[str, ...] = ("team",)) -> Back:
    return Back(NOON + timedelta(minutes=minutes), provider, Health.EXHAUSTED, count, plans, "five_hour")


def board() -> quota_board.Board:
    left = {Provider.CODEX: Left(46.7, 8)}
    return quota_board.board(STATES, left, {Provider.CODEX: back(90, 2)}, "en")


def test_it_works() -> None:
    made = board()
    assert (made.serving, made.total, made.waiting, made.unknown) == (6, 12, 5, 1)
    codex, claude = made.lines
    assert (codex.serving, codex.total, codex.left, codex.told) == (6, 10, 46, 8)
    assert (claude.serving, claude.left, claude.back) == (0, None, None)
    assert codex.label == "5 Available, 1 Low, 3 Exhausted, 1 Unknown"
    last = codex.parts[-1]
    assert float(last.x) + float(last.width) <= 100


def test_each_row_counts_on_from_the_one_before() -> None:
    made = quota_board.timeline([back(10, 2), back(20, 1)], NOON, 24, board(), PREFS)
    assert [(line.count, line.after, line.total) for line in made.lines] == [(2, 8, 10), (1, 9, 10)]
    assert made.lines[0].who == "Codex Team, window of 5 hours"
    assert made.lines[0].within == "in 10 min"


def test_many_plans_are_not_named() -> None:
    plans = ("free", "plus", "team")
    made = quota_board.timeline([back(10, 3, plans=plans)], NOON, 24, board(), PREFS)
    assert made.lines[0].who == "Codex, window of 5 hours"


def test_bars_stand_where_their_time_is_and_tell_of_all() -> None:
    backs = [back(60 * n, n + 1) for n in range(20)]
    made = quota_board.timeline(backs, NOON, 24, board(), PREFS)
    assert sum(bar.count for bar in made.bars) == sum(each.count for each in backs)
    places = [float(bar.x) for bar in made.bars]
    assert places == sorted(places)
    assert all(0 <= float(bar.y) <= 88 for bar in made.bars)
    assert made.rest == sum(each.count for each in backs[quota_board.LISTED :])


def test_ticks_are_on_the_readers_hours() -> None:
    shanghai = Preferences(locale="en", theme="auto", masked=False, zone=ZoneInfo("Asia/Shanghai"))
    made = quota_board.timeline([], NOON, 24, board(), shanghai)
    assert [tick.text for tick in made.ticks][:2] == ["21:00", "00:00"]
    week = quota_board.timeline([], NOON, 168, board(), PREFS)
    assert [tick.text for tick in week.ticks][:2] == ["24 Nov", "25 Nov"]
