"""Each provider answers in its own protocol, streamed and whole, with usage and quota."""

import anthropic
import openai
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from authdeck.simulator.providers.vertex import ASSERTION
from fakes.wire import codex_headers

HELLO = "Hello from simulated {} account ann"
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


@pytest.fixture
def openai_sdk(simulator):
    ann = simulator.account("codex", "ann@example.com", kind="api_key")
    with openai.OpenAI(api_key=ann.api_key, base_url=f"{simulator.url}/openai/v1", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def anthropic_sdk(simulator, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    ann = simulator.account("claude", "ann@example.com", kind="api_key")
    with anthropic.Anthropic(api_key=ann.api_key, base_url=f"{simulator.url}/claude", max_retries=0) as sdk:
        yield sdk


class TestOpenAI:
    def test_responses(self, openai_sdk, simulator):
        answer = openai_sdk.responses.create(model="gpt-5.5", input="hello")

        said = simulator.seen("responses")[0].said
        assert answer.output_text == HELLO.format("codex")
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (said.input, said.output)

    def test_responses_streamed(self, openai_sdk, simulator):
        with openai_sdk.responses.stream(model="gpt-5.5", input="hello") as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()

        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"
        assert kinds.count("response.output_text.delta") == len(HELLO.split())
        assert final.output_text == HELLO.format("codex")
        assert final.usage.input_tokens_details.cached_tokens == simulator.seen("responses")[0].said.cached

    def test_chat(self, openai_sdk):
        answer = openai_sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])

        assert answer.choices[0].message.content == HELLO.format("codex")
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    @pytest.mark.parametrize("asked_for", [True, False])
    def test_chat_streamed_with_usage_where_asked(self, openai_sdk, asked_for):
        options = {"stream_options": {"include_usage": True}} if asked_for else {}
        chunks = list(
            openai_sdk.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hello"}], stream=True, **options
            )
        )

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == HELLO.format("codex")
        assert any(chunk.usage for chunk in chunks) is asked_for

    def test_models(self, openai_sdk):
        assert "gpt-5.5" in [model.id for model in openai_sdk.models.list()]


class TestClaude:
    MESSAGES = ({"role": "user", "content": "hello"},)

    def test_messages(self, anthropic_sdk, simulator):
        answer = anthropic_sdk.messages.create(model="claude-sonnet-5", max_tokens=9, messages=self.MESSAGES)

        said = simulator.seen("messages")[0].said
        assert answer.content[0].text == HELLO.format("claude")
        assert answer.usage.input_tokens + answer.usage.cache_read_input_tokens == said.input

    def test_messages_streamed(self, anthropic_sdk, simulator):
        with anthropic_sdk.messages.stream(model="claude-sonnet-5", max_tokens=9, messages=self.MESSAGES) as stream:
            assert "".join(stream.text_stream) == HELLO.format("claude")
            usage = stream.get_final_message().usage

        assert usage.output_tokens == simulator.seen("messages")[0].said.output

    def test_count_tokens(self, anthropic_sdk):
        assert anthropic_sdk.messages.count_tokens(model="m", messages=self.MESSAGES).input_tokens > 0

    def test_quota_of_a_sign_in(self, simulator, client):
        ann = simulator.account("claude", "ann@example.com")
        ann.quota.primary = 42
        headers = {"authorization": f"Bearer {ann.access_token}", "anthropic_beta": "oauth-2025-04-20"}

        usage = client.ask("GET", "/claude/api/oauth/usage", **headers).document
        answer = client.ask("POST", "/claude/v1/messages", {"model": "m"}, anthropic_version="2023-06-01", **headers)

        assert usage["five_hour"]["utilization"] == 42
        assert answer.headers["anthropic-ratelimit-unified-5h-utilization"] == "0.42"


class TestCodex:
    def test_streamed_with_quota_headers(self, simulator, client):
        ann = simulator.account("codex", "ann@example.com", plan="pro")
        ann.quota.primary = 42

        answer = client.codex(ann)

        assert answer.data[0]["type"] == "response.created"
        assert answer.data[-1]["response"]["usage"]["output_tokens"] > 0
        assert answer.headers["x-codex-primary-used-percent"] == "42"
        assert answer.headers["x-codex-plan-type"] == "pro"

    def test_a_used_up_quota_refuses_until_it_starts_anew(self, simulator, client, clock):
        ann = simulator.account("codex", "ann@example.com")
        simulator.use_up(ann)

        refused = client.codex(ann)
        clock.move(hours=1)

        assert refused.status == 429
        assert refused.document["error"]["type"] == "usage_limit_reached"
        assert refused.document["error"]["resets_in_seconds"] == 3600
        assert client.codex(ann).status == 200

    def test_usage(self, simulator, client):
        ann = simulator.account("codex", "ann@example.com", plan="team")
        simulator.use_up(ann)

        usage = client.ask("GET", "/backend-api/wham/usage", **codex_headers(ann)).document

        assert usage["plan_type"] == "team"
        assert usage["rate_limit"]["limit_reached"] is True
        assert usage["rate_limit"]["primary_window"]["used_percent"] == 100
        assert usage["rate_limit"]["secondary_window"]["limit_window_seconds"] == 604_800

    @pytest.mark.parametrize("path", ["codex/models", "wham/accounts/check", "wham/settings/user"])
    def test_side_calls(self, simulator, client, path):
        ann = simulator.account("codex", "ann@example.com")

        assert client.ask("GET", f"/backend-api/{path}", **codex_headers(ann)).status == 200

    def test_compact(self, simulator, client):
        ann = simulator.account("codex", "ann@example.com")

        answer = client.ask("POST", "/backend-api/codex/responses/compact", {"model": "m"}, **codex_headers(ann))

        assert answer.document["output"][0]["content"][0]["text"] == HELLO.format("codex")


class TestGoogle:
    def test_gemini(self, simulator, client):
        key = simulator.account("gemini", "ann@example.com").api_key
        path = "/gemini/v1beta/models/gemini-3-pro"

        whole = client.ask("POST", f"{path}:generateContent", CONTENTS, x_goog_api_key=key)
        stream = client.ask("POST", f"{path}:streamGenerateContent?alt=sse&key={key}", CONTENTS)
        count = client.ask("POST", f"{path}:countTokens", CONTENTS, x_goog_api_key=key)

        assert whole.document["candidates"][0]["content"]["parts"][0]["text"] == HELLO.format("gemini")
        assert stream.data[-1]["candidates"][0]["finishReason"] == "STOP"
        assert stream.data[-1]["usageMetadata"]["totalTokenCount"] > 0
        assert count.document["totalTokens"] > 0

    def test_vertex_trades_a_signed_assertion(self, simulator, client, clock):
        robot = simulator.account("vertex", "ann@example.com")
        token = client.ask("POST", "/google/token", assertion(robot, robot.signing_key, clock)).document["access_token"]
        path = f"/vertex/v1/projects/{robot.project_id}/locations/global/publishers/google/models/gemini-3-pro"

        answer = client.ask("POST", f"{path}:generateContent", CONTENTS, authorization=f"Bearer {token}")
        foreign = client.ask(
            "POST",
            f"{path.replace(robot.project_id, 'bobs-project')}:generateContent",
            CONTENTS,
            authorization=f"Bearer {token}",
        )

        assert answer.document["modelVersion"] == "gemini-3-pro"
        assert foreign.status == 403

    def test_vertex_refuses_another_key(self, simulator, client, clock):
        robot = simulator.account("vertex", "ann@example.com")
        forged = assertion(robot, RSAKey.generate_key(2048), clock)

        assert client.ask("POST", "/google/token", forged).document["error"] == "invalid_grant"

    def test_antigravity(self, simulator, client):
        ann = simulator.account("antigravity", "ann@example.com")
        headers = {"authorization": f"Bearer {ann.access_token}"}
        envelope = {"project": ann.project_id, "model": "gemini-3-pro-preview", "request": CONTENTS}
        path = "/antigravity/v1internal"

        stream = client.ask("POST", f"{path}:streamGenerateContent?alt=sse", envelope, **headers)
        foreign = client.ask("POST", f"{path}:generateContent", {**envelope, "project": "bobs"}, **headers)
        quota = client.ask("POST", f"{path}:retrieveUserQuotaSummary", {}, **headers)

        assert stream.data[0]["response"]["modelVersion"] == "gemini-3-pro-preview"
        assert foreign.status == 403
        assert quota.document["groups"][0]["buckets"][0]["remainingFraction"] == 0.88


def assertion(robot, key, clock):
    now = int(clock.now().timestamp())
    claims = {"iss": robot.identity, "aud": "FAKE", "iat": now, "exp": now + 3600}
    return {"grant_type": ASSERTION, "assertion": jwt.encode({"alg": "RS256"}, claims, key)}


class TestOthers:
    def test_kimi(self, simulator, client):
        ann = simulator.account("kimi", "ann@example.com")
        headers = {"authorization": f"Bearer {ann.access_token}"}

        chat = client.ask("POST", "/kimi/v1/chat/completions", {"model": "kimi-k3"}, **headers)
        messages = client.ask("POST", "/kimi/v1/messages", {"model": "kimi-k3", "stream": True}, **headers)
        usages = client.ask("GET", "/kimi/v1/usages", **headers)

        assert chat.document["choices"][0]["message"]["content"] == HELLO.format("kimi")
        assert messages.data[-1] == {"type": "message_stop"}
        assert usages.document["usage"]["used"] == "34"

    @pytest.mark.parametrize("kind", ["oauth", "api_key"])
    def test_xai(self, simulator, client, kind):
        ann = simulator.account("xai", "ann@example.com", kind=kind)
        headers = {"authorization": f"Bearer {ann.access_token or ann.api_key}"}

        answer = client.ask("POST", "/xai/v1/responses", {"model": "grok-4.6", "stream": True}, **headers)

        assert answer.data[-1]["type"] == "response.completed"

    def test_xai_discovery_leads_to_the_token_endpoint(self, simulator, client):
        found = client.ask("GET", "/xai-auth/.well-known/openid-configuration").document

        assert found["token_endpoint"] == f"{simulator.url}/xai-auth/oauth2/token"

    def test_openai_compatible(self, simulator, client):
        ann = simulator.account("openai_compatible", "ann@example.com")
        headers = {"authorization": f"Bearer {ann.api_key}"}

        answer = client.ask("POST", "/compatible/v1/chat/completions", {"model": "m", "stream": True}, **headers)

        assert answer.data[-1] == "[DONE]"

    def test_an_unknown_path(self, client):
        assert client.ask("GET", "/elsewhere").status == 404
