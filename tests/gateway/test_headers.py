"""Which headers pass, one by one."""

import asyncio

import pytest

from authdeck.gateway.coding import decoder
from authdeck.gateway.headers import READABLE_CODINGS, passed_back, passed_on
from gateway.conftest import House, Raw

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

_FRAMING = ("connection", "keep-alive", "trailer", "transfer-encoding", "upgrade")


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
    passed = {name for name, _ in passed_back(raw)}
    assert b"x-passes" in passed
    assert not passed & {b"x-one", b"x-two", b"x-three", b"connection"}


async def test_what_a_provider_could_say_to_a_browser_does_not_reach_one(house: House, raw: Raw) -> None:
    said = "".join(f"{name}: {value}\r\n" for name, value in FOREIGN.items() if name not in _FRAMING)

    async def odd(_: bytes, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nx-passes: 1\r\n"
        writer.write(f"{head}{said}\r\n".encode() + b"{}")

    await raw(odd)
    async with house.post("/v1/chat/completions", {"model": "m", "messages": []}) as answer:
        assert (answer.status, await answer.read()) == (200, b"{}")
        came = {(name.lower(), value) for name, value in answer.headers.items()}
    assert ("x-passes", "1") in came
    assert not came & set(FOREIGN.items())
    assert {name for name, _ in came} & FOREIGN.keys() == {"date", "x-authdeck-account", "x-authdeck-request-id"}
