"""Headers that are kept: by name, sanitised by what they are, within bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.seen_headers import KEPT, LONGEST, MOST, SeenAnswer, each, from_json, kept, merged, to_json

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OWN = (b"x-codex-",)


def keep(name: str, value: str) -> str | None:
    return kept([(name.encode(), value.encode())], OWN).get(name)


@pytest.mark.parametrize("name", [
    "set-cookie", "cookie", "authorization", "x-codex-authorization", "x-codex-user-id", "x-codex-account-id",
    "x-codex-org-id", "x-codex-session-id", "x-codex-email", "x-codex-token", "x-codex-api-key", "x-codex-turn-state",
    "x-codex-accountid", "x-codex-credential", "x-codex-workspace-id", "x-codex-turn-metadata", "x-codex-thread",
    "x-ratelimit-user", "server", "X-Codex-Upper", "x-codex-" + "a" * 90, "x-codex-b l",
])  # fmt: skip
def test_names_that_are_not_kept(name: str) -> None:
    assert keep(name, "1") is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x-ratelimit-remaining-tokens", "198000", "198000"),
        ("x-codex-primary-used-percent", "42.5%", "42.5%"),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("x-ratelimit-reset-requests", "6m0s", "6m0s"),
        ("x-request-id", "0f9a1c3e-77aa-4b10-9b5e-0123456789ab", "0f9a1c3e-77aa-4b10-9b5e-0123456789ab"),
        ("x-request-id", "eyJhbGciOiJub25lIn0.e30.x", None),
        ("x-request-id", "sk-FAKE0123456789", None),
        ("x-request-id", "<script>", None),
        ("x-codex-promo-message", "Write to ann@example.com\r\nnow", "Write to a***@example.com now"),
        ("x-codex-promo-message", "Bearer abcdef0123456789", "Bearer ***"),
        ("x-codex-promo-message", "Bearer abcdefghijklmnopqrst", "Bearer ***"),
        ("x-request-id", "sk-abcdefghijklmnopqrstuv", None),
        ("x-codex-rate-limit-reached-type", "workspace_member_credits_depleted", "workspace_member_credits_depleted"),
        ("x-codex-promo-message", "rt_FAKE_0123456789abc", "***"),
        ("x-codex-note", "", None),
        ("x-codex-note", "a\x9b31mb", "a 31mb"),
    ],
)
def test_values_are_sanitised_by_what_they_are(name: str, value: str, expected: str | None) -> None:
    assert keep(name, value) == expected


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=1200)), max_size=100))
def test_whatever_comes_stays_within_bounds(headers: list[tuple[bytes, bytes]]) -> None:
    found = kept([(b"x-codex-" + name, value) for name, value in headers], OWN)
    assert len(found) <= MOST
    assert all(len(value) <= LONGEST and value.isprintable() for value in found.values())


def test_each_header_is_that_of_the_newest_answer_that_had_it() -> None:
    older = SeenAnswer(NOON, {"retry-after": "30", "cf-ray": "a"}, "1")
    newer = SeenAnswer(NOON + timedelta(seconds=1), {"cf-ray": "b"}, "2")
    found = each(merged([older, newer], NOON))
    assert (found["cf-ray"].value, found["cf-ray"].request_id) == ("b", "2")
    assert (found["retry-after"].value, found["retry-after"].at) == ("30", NOON)
    assert from_json(to_json(merged([newer, older], NOON))) == merged([older, newer], NOON)


def test_old_ones_and_too_many_are_forgotten() -> None:
    answers = [SeenAnswer(NOON + timedelta(seconds=n), {f"x-codex-{n}-{i}": "1" for i in range(20)}) for n in range(5)]
    found = each(merged(answers, NOON))
    assert len(found) == MOST
    assert "x-codex-4-0" in found
    assert "x-codex-0-0" not in found
    assert merged([SeenAnswer(NOON, {"cf-ray": "a"})], NOON + KEPT) == ()
