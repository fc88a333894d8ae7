"""What a gateway must get right for real clients, learnt from running them. Each point, and where it is shown:

1.  Codex signed in with ChatGPT refuses plain http, so a provider of its own with ``env_key`` is documented:
    ``end_to_end/test_real_clients`` runs that very configuration.
2.  Codex compresses bodies with zstd: ``test_requests.test_a_compressed_body_passes_untouched``,
    ``test_a_compressed_body_may_name_a_prefix`` here.
3.  Codex prefers a websocket and goes on by POST after 426: ``test_sockets.test_not_enabled_is_answered_so_that_…``,
    ``end_to_end/test_real_clients.test_codex_that_prefers_websockets``.
4.  A conversation on a websocket is stateful: ``test_sockets.test_each_turn_is_an_event_and_all_stay_on_one_account``,
    ``test_sockets.test_what_refers_to_the_connection_is_not_moved``.
5.  A turn and a session stay on their account: ``test_a_conversation_stays_and_its_names_are_passed_on`` and
    ``test_a_turns_state_comes_back`` here, ``test_conversations``.
6.  Anthropic's two versions and key headers: ``test_both_ways_to_speak_to_anthropic`` here.
7.  A long Retry-After freezes clients: ``test_how_long_to_wait_…`` and ``test_one_accounts_limits_…`` here,
    ``test_failures.test_when_all_are_full_the_client_learns_until_when``.
8.  ``/v1/models`` is three APIs: ``test_models_are_three_apis`` here.
9.  An upstream break breaks off at the client:
    ``test_failures.test_an_answer_that_breaks_off_breaks_off_at_the_client``,
    ``test_an_answer_that_just_ends_with_its_connection_is_not_whole`` here.
10. Schemas pass: ``test_nothing_is_validated_or_dropped`` here.
11. ``system`` inside ``messages`` and many betas pass, and a sign-in gets its own beta:
    ``test_nothing_is_validated_or_dropped`` and ``test_a_sign_in_gets_its_beta_beside_the_clients_own`` here,
    ``end_to_end/test_real_clients.test_claude_code``.
12. Side calls of Claude Code do not come here: docs/clients.md says so, there is nothing to serve.
13. An error event has one of ``status_code`` and ``status``:
    ``test_sockets.test_no_account_left_is_an_error_event_with_one_status``.
14. Terms: ``test_requests.test_terms_that_nobody_acknowledged``.
"""

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import zstandard

from authdeck.event import FailureKind
from gateway.conftest import House, Raw

RESPONSES = {"model": "gpt-5.5", "input": "hello", "stream": True}
MESSAGES = {"model": "claude-opus-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}


async def codex(house: House, *names: str) -> list[str]:
    indexes = await house.take_in(*(house.simulator.account("codex", f"{name}@example.com") for name in names))
    await house.acknowledge()
    return indexes


async def test_a_compressed_body_may_name_a_prefix(house: House) -> None:
    """The name is rewritten, so the body goes out uncompressed, and says so."""
    await house.take_in(house.simulator.account("codex", "ann@example.com"), prefix="team")
    await house.acknowledge()
    packed = zstandard.compress(json.dumps({**RESPONSES, "model": "team/gpt-5.5"}).encode())
    async with house.post("/v1/responses", packed, content_encoding="zstd") as answer:
        assert answer.status == 200
        await answer.read()
    asked = house.simulator.requests[-1].asked
    assert "content-encoding" not in asked.headers
    assert json.loads(asked.body) == RESPONSES


async def test_a_conversation_stays_and_its_names_are_passed_on(house: House) -> None:
    await codex(house, "ann", "bob")
    for number in range(3):
        async with house.post(
            "/v1/responses", RESPONSES, session_id="one", x_codex_turn_state=f"state-{number}"
        ) as one:
            await one.read()
    asked = [seen.asked.headers for seen in house.simulator.seen("/codex/responses")]
    assert [headers["x-codex-turn-state"] for headers in asked] == ["state-0", "state-1", "state-2"]
    assert {headers["session-id"] for headers in asked} == {"one"}
    assert len({headers["authorization"] for headers in asked}) == 1


async def test_a_turns_state_comes_back(house: House) -> None:
    await codex(house, "ann")
    house.simulator.fail(status=400, headers={"x-codex-turn-state": "state-1"})
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.headers["x-codex-turn-state"] == "state-1"


@pytest.mark.parametrize(
    ("key", "version"),
    [("x-api-key", "2023-06-01"), ("authorization", "2026-10-21"), ("x-api-key", "2026-10-21")],
)
@pytest.mark.parametrize("kind", ["oauth", "api_key"])
async def test_both_ways_to_speak_to_anthropic(house: House, key: str, version: str, kind: str) -> None:
    await house.take_in(house.simulator.account("claude", "ann@example.com", kind=kind))
    await house.acknowledge()
    presented = {key: house.key if key == "x-api-key" else f"Bearer {house.key}", "anthropic-version": version}
    async with house.client.post(f"{house.url}/v1/messages", json=MESSAGES, headers=presented) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()
    headers = house.simulator.requests[-1].asked.headers
    assert headers["anthropic-version"] == version
    assert house.key not in str(headers)


async def test_a_sign_in_gets_its_beta_beside_the_clients_own(house: House) -> None:
    await house.take_in(house.simulator.account("claude", "ann@example.com"))
    await house.acknowledge()
    betas = ",".join(f"beta-{number}-2026-01-01" for number in range(10))
    async with house.post("/v1/messages", MESSAGES, anthropic_beta=betas) as answer:
        assert answer.status == 200
    sent = house.simulator.requests[-1].asked.headers["anthropic-beta"].split(",")
    assert {beta.strip() for beta in sent} == {*betas.split(","), "oauth-2025-04-20"}


ODD = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello", "later": [1.50, None]},
    ],
    "of_tomorrow": {"deep": [{"er": True}]},
    "generationConfig": {"responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
}


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("claude", "/v1/messages", {"model": "claude-opus-5", "max_tokens": 5, **ODD}),
        ("codex", "/v1/responses", {**RESPONSES, **ODD}),
        ("kimi", "/v1/chat/completions", {"model": "kimi-k3", **ODD}),
        ("gemini", "/v1beta/models/gemini-3-flash:generateContent", {"contents": [], **ODD}),
    ],
)
async def test_nothing_is_validated_or_dropped(house: House, provider: str, path: str, body: dict[str, Any]) -> None:
    await house.take_in(house.simulator.account(provider, "ann@example.com"))
    await house.acknowledge()
    sent = json.dumps(body, indent=1).encode()
    async with house.post(path, sent, content_type="application/json", x_of_tomorrow="1") as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()
    asked = house.simulator.requests[-1].asked
    assert asked.body == sent
    assert asked.headers["x-of-tomorrow"] == "1"


async def test_models_are_three_apis(house: House) -> None:
    for provider in ("codex", "claude", "gemini"):
        await house.take_in(house.simulator.account(provider, "ann@example.com"))
    await house.acknowledge()
    async with house.get("/v1/models") as answer:
        openai = await answer.json()
    async with house.get("/v1/models", anthropic_version="2026-10-21") as answer:
        anthropic = await answer.json()
    async with house.client.get(f"{house.url}/v1/models", headers={"x-goog-api-key": house.key}) as answer:
        google = await answer.json()
    assert (openai["object"], "has_more" in anthropic, "models" in google) == ("list", True, True)
    assert all(name["id"].startswith("claude") for name in anthropic["data"])
    assert all(name["name"].startswith("models/gemini") for name in google["models"])


@pytest.mark.parametrize(
    ("given", "told", "retry"),
    [("7", "7", None), ("3600", "120", "false"), ("Wed, 25 Nov 2099 00:00:00 GMT", "120", "false")],
)
async def test_how_long_to_wait_is_bounded_and_said_only_when_no_account_is_left(
    house: House, given: str, told: str, retry: str | None
) -> None:
    await codex(house, "ann")
    house.simulator.fail(status=429, kind="rate_limit_exceeded", headers={"retry-after": given}, times=1)
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.status == 429
        assert (answer.headers["retry-after"], answer.headers.get("x-should-retry")) == (told, retry)


GENERATE = "/v1beta/models/gemini-3-flash:generateContent"
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3600s"}
TELLING: dict[str, tuple[str, dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "codex": (
        "/v1/responses", RESPONSES,
        {"retry-after": "3600", "x-codex-primary-used-percent": "100", "x-codex-primary-reset-at": "1795471200"},
        {"type": "usage_limit_reached", "resets_at": 1795471200, "resets_in_seconds": 3600},
    ),
    "claude": (
        "/v1/messages", MESSAGES,
        {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": "1795471200"},
        {"type": "rate_limit_error", "message": "resets at 1795471200"},
    ),
    "gemini": (
        GENERATE, {"contents": []}, {},
        {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "3600s", "details": [RETRY_INFO]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("house", [{"AUTHDECK_GATEWAY__MAX_ATTEMPTS": "1"}], indirect=True)
@pytest.mark.parametrize("provider", TELLING)
async def test_one_accounts_limits_are_not_told_where_another_account_is_left(house: House, provider: str) -> None:
    path, body, headers, error = TELLING[provider]
    await house.take_in(*(house.simulator.account(provider, f"{name}@example.com") for name in ("ann", "bob")))
    await house.acknowledge()
    limit = json.dumps({"error": error}).encode()
    house.simulator.fail(status=429, headers={"content-type": "application/json", **headers}, body=limit, times=2)
    async with house.post(path, body) as first:
        told, text = first.headers, await first.text()
    async with house.post(path, body) as second:
        assert (first.status, second.status) == (429, 429)
        assert await second.read() == limit  # nobody is left: the account's own words
    assert told["retry-after"] == "1"
    assert not set(told) & (headers.keys() - {"retry-after"})
    assert "attempts_used_up" in text
    assert "3600" not in text
    assert "1795471200" not in text
    [_, event] = await house.events()
    assert event.failure is not None
    assert (event.status, event.failure.kind) == (429, FailureKind.QUOTA)  # Monitoring knows what it was


@pytest.mark.parametrize("house", [{"AUTHDECK_GATEWAY__MAX_ATTEMPTS": "1"}], indirect=True)
async def test_a_sign_in_that_waits_is_not_the_clients_where_another_is_left(house: House) -> None:
    gone = timedelta(minutes=-5)
    people = [house.simulator.account("codex", f"{name}@example.com", expires_in=gone) for name in ("ann", "bob")]
    await house.take_in(*people)
    await house.acknowledge()
    house.simulator.fail(path="/oauth/token", status=503, headers={"retry-after": "90"})
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "attempts_used_up")
        assert answer.headers["retry-after"] == "1"
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.status == 200


# ---- providers that answer in odd ways ----

CHAT = {"model": "m", "messages": [], "stream": True}
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
PIECE = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'


async def test_an_answer_that_just_ends_with_its_connection_is_not_whole(house: House, raw: Raw) -> None:
    async def ends(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE + PIECE)
        raise ConnectionError

    await raw(ends)
    async with house.post("/v1/chat/completions", CHAT) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    [event] = await house.events()
    assert event.failure is not None
    assert (event.failure.kind, event.failure.code) == (FailureKind.UPSTREAM, "upstream_reset")


CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize(
    ("last", "framing", "failure"),
    [
        pytest.param(b"", "chunks", "upstream_reset", id="nothing"),
        pytest.param(b"", "length", "upstream_reset", id="nothing, with a length"),
        pytest.param(b"data: [DONE]\n\n", "chunks", None, id="the terminal event"),
        pytest.param(LAST, "chunks", None, id="the reason of its end, from a provider without a terminal event"),
        pytest.param(b'data: {"error":{"code":"overloaded"}}\n\n', "chunks", "overloaded", id="an error"),
    ],
)
async def test_a_stream_that_is_ended_properly_is_an_answer_only_with_its_end(
    house: House, raw: Raw, last: bytes, framing: str, failure: str | None
) -> None:
    """It is passed on as it came; Monitoring does not call it served, and pauses of the account stay."""

    async def ends(_: bytes, writer: asyncio.StreamWriter) -> None:
        body = PIECE + last
        if framing == "chunks":
            writer.write(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        else:
            writer.write(SSE.replace(b"\r\n\r\n", b"\r\ncontent-length: %d\r\n\r\n" % len(body)) + body)

    await raw(ends)
    [account] = [entry.account for entry in house.desk.directory.entries()]
    now = house.desk.clock.now().timestamp()
    house.pool.block(account.auth_index, "m", now + 50, "server_error", now)  # rests, but is taken rather than nothing
    async with house.post("/v1/chat/completions", CHAT) as answer:
        assert await answer.read() == PIECE + last
    [event] = await house.events()
    assert (event.status, event.failure.code if event.failure else None) == (200, failure)
    assert house.pool.may_serve(account.auth_index, "m", now) == (failure is None)


async def test_with_its_terminal_event_it_is(house: House, raw: Raw) -> None:
    async def ends(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE + PIECE + b"data: [DONE]\n\n")
        raise ConnectionError

    await raw(ends)
    async with house.post("/v1/chat/completions", CHAT) as answer:
        assert await answer.read() == PIECE + b"data: [DONE]\n\n"
    [event] = await house.events()
    assert event.failure is None


async def test_nothing_of_an_answers_framing_or_state_reaches_the_client(house: House, raw: Raw) -> None:
    async def odd(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\nconnection: x-hop, keep-alive\r\n"
            b"x-hop: 1\r\nx-authdeck-account: eve\r\nstrict-transport-security: max-age=1\r\nx-passes: 1\r\n"
            b"transfer-encoding: chunked\r\n\r\n2;ext=1\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"
        )

    await raw(odd)
    async with house.post("/v1/chat/completions", CHAT) as answer:
        assert await answer.read() == b"{}"
        names = {name.lower() for name in answer.headers}
        assert answer.headers.getall("x-authdeck-account") != ["eve"]
    assert "x-passes" in names
    assert not names & {"set-cookie", "x-hop", "strict-transport-security", "x-trailer"}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /", id="length and chunks"),
        pytest.param(b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", id="two lengths"),
        pytest.param(b"content-length : 5\r\n\r\nhello", id="a space before the colon"),
        pytest.param(b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", id="an unknown coding"),
        pytest.param(b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", id="a chunk length that is none"),
        pytest.param(b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n", id="a folded header"),
        pytest.param(b"x: a\0b\r\ncontent-length: 0\r\n\r\n", id="a NUL in a header"),
        pytest.param(b"content-length: -1\r\n\r\n", id="a negative length"),
    ],
)
async def test_a_request_that_could_be_read_in_two_ways_is_refused(house: House, sent: bytes) -> None:
    """Nothing of it is passed on, and the connection ends: what follows can't be taken for a request."""
    await codex(house, "ann")
    port = int(house.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + house.key.encode() + b"\r\n" + sent
    )
    answered = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answered.startswith(b"HTTP/1.1 400")
    assert answered.count(b"HTTP/1.1") == 1
    assert house.simulator.seen("/responses") == []


async def test_headers_of_one_hop_and_of_where_it_came_from_are_not_passed_on(house: House) -> None:
    await codex(house, "ann")
    sent = {
        "connection": "keep-alive, x-hop", "x-hop": "1", "te": "trailers", "cookie": "a=b", "expect": "100-continue",
        "origin": "https://example.com", "referer": "https://example.com/", "x-forwarded-for": "10.0.0.1",
        "forwarded": "for=10.0.0.1", "via": "1.1 proxy", "proxy-authorization": "Basic FAKE",
        "x-authdeck-account": "eve", "x-passes": "1",
    }  # fmt: skip
    async with house.client.post(
        f"{house.url}/v1/responses", json=RESPONSES, headers={"authorization": f"Bearer {house.key}", **sent}
    ) as answer:
        assert answer.status == 200
        await answer.read()
    asked = house.simulator.requests[-1].asked.headers
    assert asked["x-passes"] == "1"
    assert not set(asked) & (set(sent) - {"x-passes", "connection"})
    assert "x-hop" not in asked.get("connection", "")


@pytest.mark.parametrize("environment", [{"AUTHDECK_GATEWAY__TOTAL_TIMEOUT": "2"}])
async def test_a_request_ends_when_its_time_is_over(house: House) -> None:
    await codex(house, "ann")
    house.simulator.fail(stall_after_events=2)
    async with house.post("/v1/responses", RESPONSES) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    house.simulator.fail(delay=5)
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.status == 504
        assert (await answer.json())["error"]["code"] == "request_timed_out"
    assert [event.failure.code for event in await house.events()] == ["request_timed_out"] * 2


async def test_a_client_that_reads_slowly_holds_the_provider_back(house: House, raw: Raw) -> None:
    """The provider can't put a whole large answer into the gateway's memory while the client takes none of it."""
    sent = 0

    async def much(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(SSE)
        for _n in range(64):
            writer.write(b"data: " + b"x" * 1_000_000 + b"\n\n")
            await writer.drain()
            sent += 1
        writer.write(b"data: [DONE]\n\n")
        raise ConnectionError

    await raw(much)
    port = int(house.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    body = json.dumps(CHAT).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
        % (house.key.encode(), len(body), body)
    )
    await asyncio.sleep(1)
    held, taken = sent, 0
    async with asyncio.timeout(60):
        while piece := await reader.read(1 << 20):
            taken += len(piece)
            if piece.endswith(b"0\r\n\r\n"):
                break
    writer.close()
    assert held < 48
    assert taken > 64_000_000
