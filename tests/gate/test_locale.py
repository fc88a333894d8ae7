"""Which language an answer speaks."""

import pytest
from starlette.requests import Request

from authdeck.gate.locale import locale_of


@pytest.mark.parametrize(
    ("wish", "cookie", "locale"),
    [
        ("", None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh-CN"),
        ("zh-TW", None, "zh-CN"),
        ("de-DE, en;q=0.7, zh;q=0.9", None, "zh-CN"),
        ("en-GB,zh;q=0.5", None, "en"),
        ("fr", None, "en"),
        ("zh;q=much, en", None, "en"),
        ("en", "zh-CN", "zh-CN"),
        ("zh", "en", "en"),
        ("zh", "xx", "zh-CN"),
    ],
)
def test_it_works(wish: str, cookie: str | None, locale: str) -> None:
    headers = [(b"accept-language", wish.encode())]
    if cookie:
        headers.append((b"cookie", f"authdeck_locale={cookie}".encode()))
    assert locale_of(Request({"type": "http", "headers": headers})) == locale
