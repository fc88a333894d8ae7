import json

import pytest

from authdeck.errors import DeckError
from authdeck.protocols import anthropic_messages, gemini_generate, openai_chat, openai_responses
from authdeck.protocols.asking import asked, renamed
from authdeck.protocols.routes import ProtocolModule, language, recognise
from authdeck.routing import Route


def test_it_reads_the_model_wherever_it_stands() -> None:
    assert asked(b'{"messages": [{"model": "inner"}], "stream": true, "model": "m"}').model == "m"
    assert asked(b"{}").model is None


def test_a_renamed_body_keeps_every_other_byte() -> None:
    body = b'{"a": [1.50, {"b":  "\\u00e9"}], "model": "team/m", "z": 1e400}'
    assert renamed(body, "m") == b'{"a":[1.50, {"b":  "\\u00e9"}],"model":"m","z":1e400}'


@pytest.mark.parametrize(
    ("path", "route", "model"),
    [
        ("/v1/responses", Route.RESPONSES, None),
        ("/p/team/v1/messages", Route.MESSAGES, None),
        ("/v1beta/models/gemini-3:streamGenerateContent", Route.GENERATE, "gemini-3"),
        ("/v1internal:generateContent", Route.CODE_ASSIST, None),
    ],
)
def test_paths(path: str, route: Route, model: str | None) -> None:
    found = recognise("POST", path, path.encode(), lambda _: None)
    assert (found.route, found.model) == (route, model)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/files", 404),
        ("GET", "/v1/responses", 405),
        ("POST", "/backend-api/wham/usage", 405),
        ("POST", "/p/te%20am/v1/responses", 404),
        ("GET", "/v1/models/../responses", 404),
    ],
)
def test_other_paths_are_refused(method: str, path: str, status: int) -> None:
    with pytest.raises(DeckError) as refused:
        recognise(method, path, path.encode(), lambda _: None)
    assert refused.value.status == status


@pytest.mark.parametrize("protocol", [openai_chat, anthropic_messages, gemini_generate])
def test_errors_carry_the_stable_code(protocol) -> None:
    shown = json.loads(protocol.error(403, "terms_not_acknowledged", "Do this.", "id"))
    assert shown["error"]["message"] == "Do this."
    assert "terms_not_acknowledged" in json.dumps(shown)


@pytest.mark.parametrize(
    ("path", "header", "spoken"),
    [
        ("/v1/responses", b"x-goog-api-key", openai_responses),
        ("/p/team/v1/chat/completions", b"x-goog-api-key", openai_chat),
        ("/v1/messages", b"x-goog-api-key", anthropic_messages),
        ("/backend-api/wham/usage", b"anthropic-version", openai_responses),
        ("/p/team/v1/models/m:generateContent", b"authorization", gemini_generate),
        ("/v1internal:generateContent", b"authorization", gemini_generate),
        ("/v1/models", b"x-goog-api-key", gemini_generate),
        ("/v1/models", b"anthropic-version", anthropic_messages),
        ("/v1/models", b"authorization", openai_responses),
        ("/v1/whatever", b"x-goog-api-key", gemini_generate),
    ],
)
def test_the_path_says_the_language_and_headers_where_it_does_not(
    path: str, header: bytes, spoken: ProtocolModule
) -> None:
    assert language(path, {header: b"x"}.get) is spoken
