"""What a quota window says in a row."""

from datetime import UTC, datetime, timedelta

import pytest

from authdeck.evidence import Source
from authdeck.quota import Presence, QuotaWindow
from authdeck.web.preferences import Preferences
from authdeck.web.quota_lines import MOST, lines

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def window(used: float | None, name: str = "five_hour", hours: float = 4, **fields: object) -> QuotaWindow:
    return QuotaWindow(
        name, used, NOW - timedelta(minutes=3), Source.HEADER, resets_at=NOW + timedelta(hours=hours), **fields
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("used", "left", "tone"),
    [
        (17.2, 82, ""),
        (80.0, 20, ""),
        (80.1, 19, "low"),
        (99.5, 0, "exhausted"),
        (100.0, 0, "exhausted"),
        (None, None, ""),
    ],
)
def test_what_is_left_is_rounded_down(used: float | None, left: int | None, tone: str) -> None:
    (line,) = lines([window(used)], NOW, Preferences())
    assert (line.left, line.tone, line.name, line.reset, line.age) == (left, tone, "5 h", "16:00", "3 m")


def test_what_began_anew_since_is_not_known() -> None:
    (line,) = lines([window(100.0, hours=-1)], NOW, Preferences())
    assert (line.left, line.reset) == (None, "not known")


def test_a_limit_that_the_provider_says_is_reached_is_used_up() -> None:
    (line,) = lines([window(40.0, limit_reached=True)], NOW, Preferences())
    assert line.left == 0


def test_the_accounts_own_windows_come_first_and_few() -> None:
    found = [window(1, "weekly", scope="opus"), window(2, "monthly"), window(3, "weekly"), window(4)]
    assert [line.left for line in lines(found, NOW, Preferences())] == [96, 97]
    assert len(found) > MOST


def test_windows_no_longer_listed_are_left_out() -> None:
    assert lines([window(4, presence=Presence.INACTIVE)], NOW, Preferences()) == []
