import gzip
import json
import zlib

import brotli
import pytest
import zstandard

from authdeck.operations import client_keys
from fakes.people import ANN
from gateway.conftest import House

RESPONSES = {"model": "gpt-5.5", "input": "hello", "stream": True}
HELLO = [{"role": "user", "content": "hello"}]
MESSAGES = {"model": "claude-opus-5", "max_tokens": 5, "messages": HELLO, "stream": True}


async def test_it_streams_a_codex_answer_and_records_it(house: House) -> None:
    ann = house.simulator.account("codex", "ann@example.com")
    [auth_index] = await house.take_in(ann)
    await house.acknowledge("codex")

    async with house.post("/v1/responses", RESPONSES) as answer:
        body = await answer.read()

    assert answer.status == 200
    assert answer.headers["x-authdeck-account"] == auth_index
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert b"response.completed" in body
    [event] = await house.events()
    assert event.id.hex() == answer.headers["x-authdeck-request-id"]
    said = house.simulator.seen("/codex/responses")[0].said
    assert said is not None
    assert (event.tokens.input, event.tokens.output, event.tokens.cached) == (said.input, said.output, said.cached)
    assert (event.model, event.provider, event.auth_index, event.client_key) == (
        "gpt-5.5", "codex", auth_index, "ann's laptop",
    )  # fmt: skip
    assert event.status == 200
    assert event.streamed
    assert event.failure is None
    assert event.ttfb_ms is not None
    assert event.ttfb_ms <= event.latency_ms


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("codex", "/v1/responses", RESPONSES),
        ("codex", "/backend-api/codex/responses", RESPONSES),
        ("claude", "/v1/messages", MESSAGES),
        ("claude", "/v1/messages/count_tokens", MESSAGES),
        ("openai_compatible", "/v1/chat/completions", {"model": "m", "messages": []}),
    ],
)
async def test_what_the_client_sent_arrives_as_it_was(house: House, provider: str, path: str, body: dict) -> None:
    kind = {"kind": "api_key"} if provider == "openai_compatible" else {}
    await house.take_in(house.simulator.account(provider, "ann@example.com", **kind))
    await house.acknowledge()
    sent = json.dumps({"odd": 1.50, **body}, indent=3).encode()

    async with house.post(path, sent, content_type="application/json") as answer:
        await answer.read()

    assert answer.status == 200, await answer.text()
    arrived = house.simulator.requests[-1].asked
    assert arrived.body == sent
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    assert house.key not in str(headers)
    assert "cookie" not in headers


async def test_the_client_key_may_stand_in_other_places(house: House) -> None:
    await house.take_in(house.simulator.account("claude", "ann@example.com"))
    await house.acknowledge()
    key = house.key
    for headers, query in (({"x-api-key": key}, ""), ({"x-goog-api-key": key}, ""), ({}, f"?key={key}")):
        async with house.client.post(f"{house.url}/v1/messages{query}", json=MESSAGES, headers=headers) as answer:
            await answer.read()
            assert answer.status == 200
    assert all(house.key not in str(seen.asked) for seen in house.simulator.requests)


async def test_an_unknown_key_is_refused_in_the_protocols_shape(house: House) -> None:
    async with house.post("/v1/messages", MESSAGES, authorization="Bearer adk_FAKE") as answer:
        shown = json.loads(await answer.read())
    assert answer.status == 401
    assert shown["type"] == "error"
    assert shown["error"]["code"] == "client_key_invalid"
    assert house.gateway.counts.unknown_keys == 1
    assert await house.events() == []


async def test_terms_that_nobody_acknowledged(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    async with house.post("/v1/responses", RESPONSES) as answer:
        shown = json.loads(await answer.read())["error"]
    assert answer.status == 403
    assert shown["code"] == "terms_not_acknowledged"
    assert "authdeck terms acknowledge codex" in shown["message"]
    [event] = await house.events()
    assert event.failure is not None
    assert event.failure.code == "terms_not_acknowledged"


async def test_a_model_that_nobody_serves(house: House) -> None:
    async with house.post("/v1/responses", RESPONSES) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "model_not_found"


async def test_a_model_that_no_list_knows_is_served(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    async with house.post("/v1/responses", {**RESPONSES, "model": "gpt-of-tomorrow"}) as answer:
        assert answer.status == 200
        assert b"gpt-of-tomorrow" in await answer.read()


async def test_accounts_take_turns(house: House) -> None:
    accounts = [house.simulator.account("codex", f"{name}@example.com") for name in ("ann", "bob")]
    indexes = await house.take_in(*accounts)
    await house.acknowledge()
    served = []
    for _ in range(4):
        async with house.post("/v1/responses", RESPONSES) as answer:
            await answer.read()
            served.append(answer.headers["x-authdeck-account"])
    assert sorted(served[:2]) == sorted(indexes)
    assert served[:2] == served[2:]


async def test_a_prefix_in_the_url_or_the_model_chooses_among_its_accounts(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    [team] = await house.take_in(house.simulator.account("codex", "bob@example.com"), prefix="team")
    await house.acknowledge()
    for path, model in (("/p/team/v1/responses", "gpt-5.5"), ("/v1/responses", "team/gpt-5.5")):
        for _ in range(2):
            async with house.post(path, {**RESPONSES, "model": model}) as answer:
                await answer.read()
                assert answer.headers["x-authdeck-account"] == team
            assert json.loads(house.simulator.requests[-1].asked.body)["model"] == "gpt-5.5"


@pytest.mark.parametrize("coding", ["zstd", "gzip", "deflate", "br"])
async def test_a_compressed_body_passes_untouched(house: House, coding: str) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    pack = {"zstd": zstandard.compress, "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
    packed = pack[coding](json.dumps(RESPONSES).encode())
    async with house.post("/v1/responses", packed, content_encoding=coding, content_type="application/json") as answer:
        assert answer.status == 200
        assert b"response.completed" in await answer.read()
    [arrived] = house.simulator.seen("/responses")
    assert arrived.asked.body == packed
    assert (arrived.asked.headers["content-encoding"], arrived.asked.model) == (coding, "gpt-5.5")
    [event] = await house.events()
    assert event.model == "gpt-5.5"


async def test_a_body_that_unpacks_to_far_more_than_it_is_large_is_refused(house: House) -> None:
    packed = zstandard.compress(b" " * (30 * 1024 * 1024))
    async with house.post("/v1/responses", packed, content_encoding="zstd") as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("body", "code"), [(b"[1]", "body_invalid"), (b"{", "body_not_json"), (b'{"model": 1}', "body_invalid")]
)
async def test_a_body_that_is_no_object(house: House, body: bytes, code: str) -> None:
    async with house.post("/v1/responses", body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == code


async def test_a_websocket_is_asked_to_post(house: House) -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "x" * 22 + "==",
    }
    async with house.get("/v1/responses", **upgrade) as answer:
        assert answer.status == 426


@pytest.mark.parametrize("path", ["/backend-api/codex/../x", "/backend-api/codex%2fresponses", "/v1//responses"])
async def test_odd_paths_are_refused(house: House, path: str) -> None:
    from yarl import URL  # noqa: PLC0415 - only here a URL has to stay odd

    sent = {"authorization": f"Bearer {house.key}"}
    async with house.client.post(URL(house.url + path, encoded=True), json={}, headers=sent) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "path_refused"


async def test_codex_may_read_its_usage_and_nothing_else(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    async with house.get("/backend-api/wham/usage") as answer:
        assert answer.status == 200
        assert "rate_limit" in await answer.json()
    async with house.post("/backend-api/wham/rate-limit-reset-credits/consume", {}) as answer:
        assert answer.status == 404


async def test_models_are_listed_in_the_callers_language(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.take_in(house.simulator.account("claude", "bob@example.com"), prefix="team")
    await house.acknowledge()
    async with house.get("/v1/models") as answer:
        names = [each["id"] for each in (await answer.json())["data"]]
        assert "gpt-5.5" in names
    async with house.get("/v1/models", anthropic_version="2023-06-01") as answer:
        shown = await answer.json()
        assert "team/claude-opus-5" in [each["id"] for each in shown["data"]]
        assert shown["has_more"] is False


async def test_pages_of_configured_origins_may_read_answers(house: House) -> None:
    headers = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    async with house.client.options(f"{house.url}/v1/responses", headers=headers) as answer:
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    headers = {"origin": "https://eve.example.com"}
    async with house.client.options(f"{house.url}/v1/responses", headers=headers) as answer:
        assert "access-control-allow-origin" not in answer.headers


async def test_the_clients_trace_and_the_accounts_project_are_recorded(house: House) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await house.take_in(house.simulator.account("codex", "ann@example.com"), project_id="p-7")
    await house.acknowledge("codex")
    async with house.post("/v1/responses", RESPONSES, traceparent=f"00-{trace}-b7ad6b7169203331-01") as answer:
        await answer.read()
    [event] = await house.events()
    assert (event.trace, event.project) == (trace, "p-7")


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/whatever", "/v1//x", "/p/none", "/v1beta/models/m:explode"])
async def test_without_a_key_nothing_is_recorded_whatever_is_asked_for(house: House, path: str) -> None:
    async with house.client.post(house.url + path, json={}) as answer:
        assert answer.status == 401
    assert house.gateway.counts.unknown_keys == 1
    assert await house.events() == []


async def test_paths_that_callers_make_up_are_one_name_in_monitoring(house: House) -> None:
    for method, path in (("POST", "/v1/odd-1"), ("POST", "/v1/odd-2"), ("GET", "/v1beta/models/odd-3:generateContent")):
        async with house.client.request(method, house.url + path, headers={"x-api-key": house.key}) as answer:
            assert answer.status in (404, 405)
    found = await house.events()
    assert {event.endpoint for event in found} == {"(no route)"}
    assert {event.client_key for event in found} == {"ann's laptop"}
    assert "/v1/odd-1" in {event.failure.summary for event in found if event.failure}


async def test_a_websocket_without_a_key_is_refused_and_counted(house: House) -> None:
    upgrade = {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "x" * 22 + "==",
    }  # fmt: skip
    async with house.client.get(f"{house.url}/v1/whatever", headers=upgrade) as answer:
        assert answer.status == 401
    assert house.gateway.counts.unknown_keys == 1


async def test_models_listed_are_those_of_the_providers_a_key_may_reach(house: House) -> None:
    for provider in ("openai_compatible", "codex", "xai"):
        kind = {"kind": "api_key"} if provider == "openai_compatible" else {}
        await house.take_in(house.simulator.account(provider, "ann@example.com", **kind), prefix="team")
        await house.take_in(house.simulator.account(provider, "bob@example.com", **kind))
    await house.acknowledge()
    narrow = await client_keys.create(house.desk, "narrow", ANN, scope=client_keys.Scope(providers=frozenset({"xai"})))
    async with house.get("/v1/models", authorization=f"Bearer {narrow.key.open()}") as answer:
        names = {each["id"].removeprefix("team/") for each in (await answer.json())["data"]}
    assert names
    assert all(name.startswith("grok") for name in names)


async def test_errors_come_in_the_language_of_the_path_whatever_header_bears_the_key(house: House) -> None:
    sent = {"x-goog-api-key": house.key, "anthropic-version": "2023-06-01"}
    async with house.client.post(f"{house.url}/v1/responses", json=RESPONSES, headers=sent) as answer:
        assert (await answer.json())["error"]["code"] == "model_not_found"


async def test_a_stream_flag_of_another_type_is_passed_on(house: House) -> None:
    await house.take_in(house.simulator.account("codex", "ann@example.com"))
    await house.acknowledge()
    async with house.post("/v1/responses", {**RESPONSES, "stream": "true"}) as answer:
        assert answer.status == 200, await answer.text()
    assert json.loads(house.simulator.requests[-1].asked.body)["stream"] == "true"
