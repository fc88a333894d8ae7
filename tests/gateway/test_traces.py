"""Ids under which others know a request."""

import pytest

from authdeck.gateway.traces import client_trace, provider_trace

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_it_works() -> None:
    assert client_trace(f"00-{TRACE}-b7ad6b7169203331-01".encode()) == TRACE
    assert provider_trace([(b"content-type", b"x"), (b"Request-Id", b"req_011CSHoEeqs5C35K2UUqR7Fy")]) == (
        "req_011CSHoEeqs5C35K2UUqR7Fy"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        b"",
        b"x",
        f"00-{'0' * 32}-b7ad6b7169203331-01".encode(),
        f"00-{TRACE.upper()}-b7ad6b7169203331-01".encode(),
    ],
)
def test_another_form_is_none(wrong: bytes | None) -> None:
    assert client_trace(wrong) is None


@pytest.mark.parametrize("wrong", [b"", b"x" * 65, b"has space", b"<script>", b"a\xe9"])
def test_a_provider_s_id_is_harmless_or_none(wrong: bytes) -> None:
    assert provider_trace([(b"x-request-id", wrong)]) is None
