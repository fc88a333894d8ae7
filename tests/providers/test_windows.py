"""Quota windows read from answers: one row a case in ``cases/windows.json``."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.providers import PROVIDERS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = json.loads((Path(__file__).parents[1] / "cases" / "windows.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}: {case['name']}")
def test_recorded_shapes(case: dict[str, Any]) -> None:
    module = PROVIDERS[Provider(case["provider"])]
    body = json.dumps(case["body"]).encode() if "body" in case else b""
    found = sorted(
        module.read_windows(case["headers"], body, NOON), key=lambda window: (window.window, str(window.scope))
    )
    shown = [
        {
            "window": window.window,
            "scope": window.scope,
            "used": window.used_percent,
            "resets_at": window.resets_at.isoformat().replace("+00:00", "Z") if window.resets_at else None,
            "accuracy": window.accuracy.value,
            "full": window.is_full(NOON),
            "limits": window.limits(NOON),
        }
        for window in found
    ]
    assert [{name: each[name] for name in wanted} for each, wanted in zip(shown, case["expect"], strict=True)] == case[
        "expect"
    ]


@given(
    st.sampled_from(Provider),
    st.dictionaries(st.sampled_from(sorted({h for c in CASES for h in c["headers"]})), st.text(max_size=20)),
)
def test_whatever_stands_in_the_headers_is_read_or_left(provider: Provider, headers: dict[str, str]) -> None:
    for window in PROVIDERS[provider].read_windows(headers, b"", NOON):
        assert window.used_percent is None or 0 <= window.used_percent <= 100
        assert window.resets_at is None or window.resets_at > NOON


def test_headers_that_announce_news_are_those_that_are_read() -> None:
    for case in CASES:
        ends = PROVIDERS[Provider(case["provider"])].WINDOW_HEADERS
        if case["headers"] and case["expect"]:
            assert any(name.encode().endswith(ends) for name in case["headers"])
