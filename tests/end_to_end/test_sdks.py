"""The real SDKs of OpenAI, Anthropic and Google, and the other protocols by hand, each served by its provider."""

import pytest
from anthropic import BadRequestError

HELLO = "Hello from simulated {} account {}"
ASKED = ({"role": "user", "content": "hello"},)
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


class TestOpenAI:
    def test_responses(self, open_deck, simulator):
        open_deck.add(simulator.account("codex", "ann@example.com", kind="api_key"))

        with open_deck.openai(open_deck.new_key()) as sdk:
            answer = sdk.responses.create(model="gpt-5.5", input="hello")

        assert answer.output_text == HELLO.format("codex", "ann")
        assert open_deck.requests()[0]["tokens"]["output"] == answer.usage.output_tokens

    def test_chat(self, open_deck, simulator):
        open_deck.add(simulator.account("openai_compatible", "basement@example.com"))

        with open_deck.openai(open_deck.new_key()) as sdk:
            answer = sdk.chat.completions.create(model="local-llama", messages=ASKED)

        assert answer.choices[0].message.content == HELLO.format("openai compatible", "basement")
        assert open_deck.requests()[0]["tokens"]["input"] == answer.usage.prompt_tokens

    @pytest.mark.parametrize("provider", ["kimi", "openai_compatible"])
    def test_chat_streamed(self, open_deck, simulator, provider):
        (auth_index,) = open_deck.add(simulator.account(provider, "ann@example.com"))

        with open_deck.openai(open_deck.new_key()) as sdk:
            options = {"include_usage": True}
            chunks = list(sdk.chat.completions.create(model="m", messages=ASKED, stream=True, stream_options=options))

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        (event,) = open_deck.requests()
        assert text == HELLO.format(provider.replace("_", " "), "ann")
        assert event["auth_index"] == auth_index
        assert event["tokens"]["output"] == chunks[-1].usage.completion_tokens

    def test_models(self, open_deck, simulator):
        open_deck.add(simulator.account("codex", "ann@example.com"))

        with open_deck.openai(open_deck.new_key()) as sdk:
            listed = [model.id for model in sdk.models.list()]

        assert "gpt-5.5" in listed
        assert not [name for name in listed if "claude" in name]


class TestAnthropic:
    @pytest.mark.parametrize("kind", ["oauth", "api_key"])
    def test_messages(self, open_deck, simulator, kind):
        (auth_index,) = open_deck.add(simulator.account("claude", "ann@example.com", kind=kind))

        with open_deck.anthropic(open_deck.new_key()) as sdk:
            answer = sdk.messages.create(model="claude-sonnet-5", max_tokens=64, messages=ASKED)

        (event,) = open_deck.requests()
        assert answer.content[0].text == HELLO.format("claude", "ann")
        assert event["auth_index"] == auth_index
        assert event["tokens"]["input"] == answer.usage.input_tokens + answer.usage.cache_read_input_tokens

    def test_messages_streamed(self, open_deck, simulator):
        open_deck.add(simulator.account("claude", "ann@example.com"))

        with (
            open_deck.anthropic(open_deck.new_key()) as sdk,
            sdk.messages.stream(model="claude-sonnet-5", max_tokens=64, messages=ASKED) as stream,
        ):
            text = "".join(stream.text_stream)
            usage = stream.get_final_message().usage

        (event,) = open_deck.requests()
        assert text == HELLO.format("claude", "ann")
        assert event["streamed"] is True
        assert (event["tokens"]["output"], event["tokens"]["cached"]) == (
            usage.output_tokens,
            usage.cache_read_input_tokens,
        )

    def test_count_tokens(self, open_deck, simulator):
        open_deck.add(simulator.account("claude", "ann@example.com"))

        with open_deck.anthropic(open_deck.new_key()) as sdk:
            assert sdk.messages.count_tokens(model="claude-sonnet-5", messages=ASKED).input_tokens > 0

    def test_the_providers_own_error_passes(self, open_deck, simulator):
        open_deck.add(simulator.account("claude", "ann@example.com"))

        with open_deck.anthropic(open_deck.new_key()) as sdk, pytest.raises(BadRequestError) as caught:
            sdk.messages.create(model="fail-400", max_tokens=64, messages=ASKED)

        assert caught.value.body["error"]["type"] == "invalid_request_error"
        assert len(simulator.seen("/messages")) == 1

    def test_models(self, open_deck, simulator):
        open_deck.add(simulator.account("claude", "ann@example.com"))

        with open_deck.anthropic(open_deck.new_key()) as sdk:
            listed = [model.id for model in sdk.models.list()]

        assert "claude-opus-5" in listed
        assert not [name for name in listed if not name.startswith("claude")]


class TestGoogle:
    @pytest.mark.parametrize("provider", ["gemini", "vertex"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_sdk(self, open_deck, simulator, provider, stream):
        """With a base of its own it uses ``/v1`` or ``/v1beta``, as it likes."""
        (auth_index,) = open_deck.add(simulator.account(provider, "ann@example.com"))

        with open_deck.google(open_deck.new_key()) as sdk:
            asked = {"model": "gemini-3-flash", "contents": "hello"}
            if stream:
                text = "".join(piece.text or "" for piece in sdk.models.generate_content_stream(**asked))
            else:
                text = sdk.models.generate_content(**asked).text

        (event,) = open_deck.requests()
        assert text == HELLO.format(provider, "ann")
        assert (event["auth_index"], event["streamed"]) == (auth_index, stream)
        assert event["tokens"]["output"] is not None

    @pytest.mark.parametrize("provider", ["gemini", "vertex"])
    def test_generate(self, open_deck, simulator, provider):
        (auth_index,) = open_deck.add(simulator.account(provider, "ann@example.com"))

        with open_deck.client("") as client:
            answer = client.post(
                "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse",
                json=CONTENTS,
                headers={"x-goog-api-key": open_deck.new_key(), "authorization": ""},
            )

        assert answer.status_code == 200, answer.text
        assert '"finishReason":"STOP"' in answer.text
        (event,) = open_deck.requests()
        assert (event["auth_index"], event["model"]) == (auth_index, "gemini-3-flash")
        assert event["tokens"]["input"] is not None

    def test_code_assist(self, open_deck, simulator):
        ann = simulator.account("antigravity", "ann@example.com")
        open_deck.add(ann)

        with open_deck.client(open_deck.new_key()) as client:
            answer = client.post(
                "/v1internal:generateContent",
                json={"project": "somebody-elses", "model": "gemini-3-pro-preview", "request": CONTENTS},
            )

        assert answer.status_code == 200, answer.text
        assert simulator.seen("v1internal")[0].asked.document["project"] == ann.project_id


class TestXai:
    def test_responses(self, open_deck, simulator):
        open_deck.add(simulator.account("xai", "ann@example.com"))

        with open_deck.openai(open_deck.new_key()) as sdk:
            assert sdk.responses.create(model="grok-4.6", input="hello").output_text == HELLO.format("xai", "ann")


class TestCodexRoutes:
    def test_the_backends_own_path(self, open_deck, simulator):
        ann = simulator.account("codex", "ann@example.com")
        open_deck.add(ann)

        with open_deck.client(open_deck.new_key()) as client:
            answer = client.post(
                "/backend-api/codex/responses",
                json={"model": "gpt-5.5", "input": "hello", "stream": True},
                headers={"chatgpt-account-id": "somebody-elses"},
            )

        assert "response.completed" in answer.text
        assert simulator.seen("/codex/responses")[0].asked.headers["chatgpt-account-id"] == ann.organization

    def test_compact(self, open_deck, simulator):
        open_deck.add(simulator.account("codex", "ann@example.com"))

        with open_deck.client(open_deck.new_key()) as client:
            assert client.post("/v1/responses/compact", json={"model": "m", "input": "hello"}).status_code == 200
