"""Which headers pass, one by one."""

import pytest

from authdeck.gateway.coding import decoder
from authdeck.gateway.headers import READABLE_CODINGS, passed_back, passed_on

FOREIGN = {
    "set-cookie": "a=b",
    "set-cookie2": "a=b",
    "strict-transport-security": "max-age=1",
    "clear-site-data": '"*"',
    "refresh": "0; url=https://eve.example.com/",
    "location": "https://eve.example.com/",
    "content-location": "https://eve.example.com/",
    "alt-svc": 'h3="eve.example.com:443"',
    "nel": '{"report_to": "eve"}',
    "report-to": '{"group": "eve"}',
    "reporting-endpoints": 'eve="https://eve.example.com/"',
    "access-control-allow-origin": "*",
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "*",
    "access-control-max-age": "86400",
    "service-worker-allowed": "/",
    "www-authenticate": 'Basic realm="eve"',
    "content-security-policy-report-only": "report-uri https://eve.example.com/",
    "x-authdeck-account": "eve",
    "x-authdeck-request-id": "eve",
    "server": "eve",
    "date": "Wed, 25 Nov 2026 00:00:00 GMT",
    "via": "1.1 eve",
    "connection": "close",
    "keep-alive": "timeout=5",
    "proxy-authenticate": "Basic",
    "trailer": "x-checksum",
    "transfer-encoding": "chunked",
    "upgrade": "h2c",
}
"""What a provider, or whoever stands between, could say to a browser whose origin is the console's."""


def back(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return passed_back([(name.encode(), value.encode()) for name, value in pairs])


@pytest.mark.parametrize("name", FOREIGN)
def test_a_provider_sets_no_state_and_no_framing(name: str) -> None:
    assert back((name, FOREIGN[name])) == back()


def test_ours_replace_a_providers() -> None:
    passed = back(("content-security-policy", "default-src *"), ("x-content-type-options", "off"), ("x-passes", "1"))
    assert passed == [
        (b"x-passes", b"1"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]


def test_what_concerns_the_answer_itself_comes_back_as_it_was() -> None:
    given = [
        (b"content-type", b"application/json"), (b"content-length", b"2"), (b"content-encoding", b"br"),
        (b"vary", b"accept-encoding"), (b"vary", b"origin"), (b"retry-after", b"5"), (b"x-request-id", b"r1"),
        (b"openai-processing-ms", b"7"), (b"anthropic-ratelimit-requests-limit", b"50"), (b"etag", b'"a"'),
    ]  # fmt: skip
    assert passed_back(given)[: len(given)] == given


def test_what_connection_names_stays_on_its_hop() -> None:
    assert back(("connection", "X-Hop, close"), ("x-hop", "1"), ("x-passes", "1")) == back(("x-passes", "1"))


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate, br"),
        ("zstd;q=1.0, GZIP;q=0.5 ,br;q=0", "GZIP;q=0.5, br;q=0"),
        ("identity", "identity"),
        ("x-gzip", "x-gzip"),
        ("zstd", None),
        ("*", None),
        ("", None),
        ("dcb, dcz", None),
    ],
)
def test_only_codings_that_can_be_read_along_are_asked_for(asked: str, passed: str | None) -> None:
    assert passed_on([(b"accept-encoding", asked.encode())]) == ([("accept-encoding", passed)] if passed else [])


@pytest.mark.parametrize("coding", sorted(READABLE_CODINGS))
def test_each_of_them_can_be_read(coding: str) -> None:
    reader = decoder(coding)
    assert reader is None or reader.decode(b"") == b""


def test_headers_named_by_any_connection_header_stay_on_their_hop() -> None:
    raw = [
        (b"connection", b"keep-alive"), (b"connection", b"x-one, X-Two"), (b"connection", b"x-three"),
        (b"x-one", b"1"), (b"x-two", b"2"), (b"x-three", b"3"), (b"x-passes", b"4"),
    ]  # fmt: skip
    assert passed_on(raw) == [("x-passes", "4")]
    kept = {name for name, _ in passed_back(raw)}
    assert b"x-passes" in kept
    assert not kept & {b"x-one", b"x-two", b"x-three", b"connection"}
