"""What a provider changed about its limits, between two looks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authdeck.evidence import Source
from authdeck.quota import Accuracy, QuotaWindow, Window
from authdeck.quota_answer import differences

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = 86_400


def lasting(name: str, seconds: int, **fields: Any) -> QuotaWindow:
    known = {"observed_at": NOON, "source": Source.HEADER, "accuracy": Accuracy.EXACT, "seconds": seconds}
    return QuotaWindow(name, 5.0, **{**known, **fields})


@pytest.mark.parametrize(
    ("name", "before", "after", "is_news"),
    [
        ("requests", 60, 3600, True),
        (Window.FIVE_HOUR, 18_000, 17_940, False),
        (Window.WEEKLY, 604_800, 604_740, False),
        (Window.MONTHLY, 28 * DAY, 31 * DAY, False),
    ],
    ids=["another length", "299 minutes", "10,079 minutes", "another month"],
)
def test_a_length_is_news_where_it_is_really_another(name: str, before: int, after: int, is_news: bool) -> None:
    found = differences([lasting(name, before)], [lasting(name, after)], (None, None), NOON, Source.HEADER)
    told = {"window": name, "scope": "", "before": before, "after": after}
    assert [(note.code, note.params) for note in found] == ([("limit_length", told)] if is_news else [])
