"""Codex's messages about limits and refusals, read as headers: what any message holds, it is read or left."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Provider
from authdeck.providers import PROVIDERS, codex_messages

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = int(NOON.timestamp()) + 3600
WINDOW = {"used_percent": 12.5, "window_minutes": 300, "reset_at": LATER}

texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def limits(**fields: Any) -> dict[str, str]:
    message = json.dumps({"type": "codex.rate_limits", **fields}).encode()
    return {name.decode(): value.decode() for name, value in codex_messages.limits(message)}


def test_limits_are_told_as_headers_tell_them() -> None:
    assert limits(plan_type="pro", rate_limits={"primary": WINDOW, "secondary": None}) == {
        "x-codex-plan-type": "pro",
        "x-codex-primary-used-percent": "12.5",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": str(LATER),
    }


@pytest.mark.parametrize(
    ("named", "scope"),
    [
        ({"metered_limit_name": "codex"}, None),
        ({"limit_name": "codex"}, None),
        ({"metered_limit_name": "codex_bengalfox"}, "codex_bengalfox"),
        ({"metered_limit_name": "codex_bengalfox", "limit_name": "gpt-5.2-codex-sonic"}, "gpt-5.2-codex-sonic"),
    ],
)
def test_a_limit_of_its_own_is_not_the_accounts(named: dict[str, str], scope: str | None) -> None:
    [window] = PROVIDERS[Provider.CODEX].read_windows(limits(**named, rate_limits={"primary": WINDOW}), b"", NOON)
    assert window.used_percent == 12.5
    assert (window.scope is None) is (scope is None)
    if scope is not None:
        by_post = {
            f"x-{named['metered_limit_name'].replace('_', '-')}-primary-used-percent": "12.5",
            f"x-{named['metered_limit_name'].replace('_', '-')}-limit-name": named.get("limit_name", ""),
        }
        [expected] = PROVIDERS[Provider.CODEX].read_windows(by_post, b"", NOON)
        assert window.scope == expected.scope


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"status_code": 429, "headers": {"X-Codex-A": "1", "Content-Encoding": "zstd"}},
            (429, [(b"x-codex-a", b"1")]),
        ),
        ({"status": 500, "headers": {"a": 5, "b": ["6", "7"], "c": None}}, (500, [(b"a", b"5"), (b"b", b"6")])),
        ({"status_code": 429, "headers": "no"}, (429, [])),
        ({"error": {"message": "no status"}}, None),
        ({"status_code": True}, None),
    ],
)
def test_refusals(said: dict[str, Any], expected: tuple[int, list[tuple[bytes, bytes]]] | None) -> None:
    found = codex_messages.refusal(json.dumps({"type": "error", **said}).encode())
    assert (None if found is None else (found.status, found.headers)) == expected


@given(texts, st.sampled_from(["codex.rate_limits", "error", "response.created"]))
def test_whatever_a_message_holds_is_read_or_left(found: Any, kind: str) -> None:
    fields = ("rate_limits", "headers", "status_code", "plan_type", "metered_limit_name", "error")
    message = json.dumps({"type": kind, **dict.fromkeys(fields, found)}).encode()
    for headers in (codex_messages.limits(message), getattr(codex_messages.refusal(message), "headers", [])):
        assert all(isinstance(name, bytes) and isinstance(value, bytes) for name, value in headers)
