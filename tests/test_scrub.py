"""No secret survives scrubbing, wherever it stands."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.scrub import LIMIT, scrub

SECRETS = [
    "sk-FAKE-canary-1234567890",
    "sk-ant-oat01-FAKEcanary12345",
    "rt_FAKE_canary_123456",
    "ya29.FAKE_canary-1234",
    "AIzaFAKEcanary123456789",
    "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJl",
    "1//0FAKEcanary_12345",
    "c2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5MTIzNDU2Nzg5MA==",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "failed with {}.", '{{"error":"bad {}"}}', "x={}&y=1", "({})", "'{}'", "a\n{}\nb"]
)
def test_tokens_and_keys_go(secret: str, around: str) -> None:
    assert secret not in scrub(around.format(secret))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer canary99", "Authorization: ***"),
        ("use Bearer canary99 now", "use Bearer *** now"),
        ('{"access_token": "canary"}', '{"access_token": "***"}'),
        ('{\\"refresh_token\\": \\"canary\\"}', '{\\"refresh_token\\": \\"***\\"}'),
        ("api_key=canary&x=1", "api_key=***&x=1"),
        ("Cookie: a=canary; b=canary", "Cookie: ***"),
        ("socks5://ann:canary@127.0.0.1:1080 is dead", "socks5://***@127.0.0.1:1080 is dead"),
        ("GET https://x.example/p?key=canary failed", "GET https://x.example/p?*** failed"),
        ("mail ann@example.com or bob.b@mail.example.org", "mail a***@example.com or b***@mail.example.org"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----***",
        ),
        ("The usage limit has been reached", "The usage limit has been reached"),
        ("max_tokens: 128000 is too many", "max_tokens: 128000 is too many"),
        ("line\r\n\tbreak\x1b[31m", "line break [31m"),
    ],
)
def test_what_is_left(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_it_is_short() -> None:
    assert len(scrub("word " * 10_000)) <= LIMIT
    assert scrub("word " * 10_000).endswith("…")


def test_a_secret_cut_by_the_limit_does_not_show() -> None:
    text = "a " * 2040 + "eyJ" + "x" * 5000
    assert "eyJ" not in scrub(text, 10_000)
    assert "canary" not in scrub("canary" * 2000, 10_000)


@pytest.mark.parametrize(
    "part", ["a", "_", "a.", "@a.", "eyJ", "api_key", "a://", "http://x", "token:", "-----BEGIN ", "="]
)
def test_hostile_texts_take_no_longer_than_others(part: str) -> None:
    """Every pattern is linear in the text, or has a bound: an upstream's error page must not hold up the loop."""
    text = part * (4_096 // len(part))
    started = time.process_time()
    scrub(text)
    assert time.process_time() - started < 1  # a pattern that goes back and forth takes minutes


@given(st.text(max_size=300))
def test_any_text_becomes_one_line(text: str) -> None:
    assert scrub(text).isprintable()
    assert len(scrub(text)) <= LIMIT
    scrub(text).encode()
