"""Quota windows as a page shows them: unknown is neither empty nor full."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from authdeck.evidence import Source
from authdeck.quota import QuotaWindow
from authdeck.web.quota_rows import shown

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def window(used: float | None, **more: object) -> QuotaWindow:
    given_ = {"resets_at": NOON + timedelta(hours=1), **more}
    return QuotaWindow("five_hour", used, NOON, Source.HEADER, **given_)  # type: ignore[arg-type]


def test_it_works() -> None:
    row = shown(window(42.0), NOON, "en")
    assert (row.name, row.left, row.tone) == ("5 hours", 58, "")


def test_unknown_stays_unknown() -> None:
    row = shown(window(None), NOON, "en")
    assert (row.left, row.was_left) == (None, None)


def test_after_the_reset_only_what_was_seen_then_is_told() -> None:
    row = shown(window(42.0, resets_at=NOON), NOON, "en")
    assert (row.left, row.was_left) == (None, 58)


def test_a_limit_reached_is_nothing_left_whatever_the_figure() -> None:
    row = shown(window(97.0, limit_reached=True), NOON, "en")
    assert (row.left, row.tone) == (0, "exhausted")


@given(st.floats(0, 100))
def test_nothing_is_rounded_to_empty_or_full(used: float) -> None:
    left = shown(window(used), NOON, "en").left
    assert left is not None
    assert (left == 0) == (used == 100)
    assert (left == 100) == (used == 0)
