"""Forecasts name their basis, and there is none where something is not known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import forecast
from authdeck.evidence import Source
from authdeck.forecast import Basis, Use
from authdeck.quota import Accuracy, Presence, QuotaWindow, Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIVE = QuotaWindow(
    Window.FIVE_HOUR, 40, NOON, Source.HEADER, resets_at=NOON + 3 * HOUR, seconds=5 * 3600
)  # began two hours ago


def test_it_works() -> None:
    found = forecast.of(FIVE, [], NOON)
    assert found is not None
    assert (found.basis, found.per_hour, found.used_up_at) == (Basis.QUOTA, 20, None)
    faster = forecast.of(replace(FIVE, used_percent=80), [], NOON)
    assert faster is not None
    assert faster.used_up_at == NOON + timedelta(minutes=30)


@pytest.mark.parametrize(
    "unknown",
    [
        {"used_percent": None},
        {"resets_at": None},
        {"seconds": None},
        {"accuracy": Accuracy.ESTIMATED},
        {"accuracy": Accuracy.UNKNOWN},
        {"resets_at": NOON - HOUR},
        {"presence": Presence.INACTIVE},
        {"used_percent": 100.0},
        {"limit_reached": True},
    ],
    ids=str,
)
def test_nothing_is_forecast_from_what_is_not_known_or_over(unknown: dict[str, object]) -> None:
    assert forecast.of(replace(FIVE, **unknown), [], NOON) is None  # type: ignore[arg-type]


def test_a_window_just_begun_goes_by_the_one_before() -> None:
    young = replace(FIVE, used_percent=0.0, resets_at=NOON + 5 * HOUR)
    before = [
        (replace(FIVE, used_percent=30.0, observed_at=NOON - 4 * HOUR), False),
        (replace(FIVE, used_percent=75.0, observed_at=NOON - HOUR), False),
        (replace(FIVE, window=Window.WEEKLY, used_percent=99.0, observed_at=NOON - HOUR), True),
        (young, True),
    ]
    found = forecast.of(young, before, NOON)
    assert found is not None
    assert (found.basis, found.per_hour, found.used_up_at, found.carries) == (Basis.PREVIOUS, 15, None, None)
    assert forecast.of(young, before[:2], NOON) is None


def test_what_a_window_carries_is_told_of_whole_accounts_and_fresh_figures_only() -> None:
    use = Use(120, 30_000)
    found = forecast.of(FIVE, [], NOON, use=use, last_use_at=NOON)
    assert found is not None
    assert found.carries == Use(300, 75_000)
    for other, last in ((replace(FIVE, scope="opus"), NOON), (FIVE, NOON + HOUR)):
        found = forecast.of(other, [], NOON, use=use, last_use_at=last)
        assert found is not None
        assert found.carries is None


@given(st.floats(0, 100), st.integers(0, 18_000), st.integers(0, 10**6))
def test_it_never_ends_before_it_was_seen_nor_carries_less_than_it_did(used: float, ago: int, requests: int) -> None:
    window = replace(FIVE, used_percent=used, resets_at=NOON + timedelta(seconds=18_000 - ago))
    found = forecast.of(window, [], NOON, use=Use(requests, requests))
    if found is not None:
        assert found.used_up_at is None or NOON <= found.used_up_at < window.ends_at
        assert found.carries is None or found.carries.requests >= requests
