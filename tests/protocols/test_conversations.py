import json

import pytest

from authdeck.protocols.asking import asked
from authdeck.protocols.conversations import conversation


def named(body: dict | None = None, **headers: str) -> str | None:
    given = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    naming = asked(json.dumps({"model": "m", **(body or {})}).encode()).naming
    return conversation(given.get, naming)


def test_it_works() -> None:
    assert named({"prompt_cache_key": "thread-1"}) == "thread-1"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {"x_claude_code_session_id": "it"}),
        ({"metadata": {"user_id": '{"device_id": "d", "session_id": "it"}'}}, {}),
        ({"metadata": {"user_id": "user_1_account__session_it"}}, {}),
        ({}, {"session_id": "it"}),
        ({}, {"x_session_id": "it"}),
        ({}, {"x_session_affinity": "it"}),
        ({}, {"x_client_request_id": "it"}),
        ({"session_id": "it"}, {}),
        ({"sessionId": " it "}, {}),
        ({"conversation": "it"}, {}),
        ({"conversation": {"id": "it"}}, {}),
        ({"metadata": {"user_id": "it"}}, {}),
        ({"conversation_id": "it"}, {}),
    ],
)
def test_where_clients_name_their_conversation(body: dict, headers: dict[str, str]) -> None:
    assert named(body, **headers) == "it"


def test_the_header_with_an_underscore() -> None:
    assert conversation({b"session_id": b"it"}.get) == "it"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": None, "conversation": None, "session_id": 5},
        {"metadata": [], "prompt_cache_key": {}, "conversation": []},
        {"metadata": {"user_id": 7}, "prompt_cache_key": ""},
        {"messages": [{"role": "user", "content": "hello"}]},
    ],
)
def test_what_names_none(body: dict) -> None:
    assert named(body) is None


def test_a_user_id_that_only_looks_like_json_is_a_name() -> None:
    assert named({"metadata": {"user_id": "{broken"}}) == "{broken"


def test_the_next_place_counts_where_a_name_is_too_long_or_has_control_characters() -> None:
    assert named({"prompt_cache_key": "it"}, x_session_id="x" * 257) == "it"
    assert named({"session_id": "a\nb", "prompt_cache_key": "it"}) == "it"


def test_the_order() -> None:
    body = {"prompt_cache_key": "cache", "metadata": {"user_id": "u_session_meta"}}
    assert named(body, x_claude_code_session_id="claude", session_id="header") == "claude"
    assert named(body, session_id="header") == "meta"
    assert named({"prompt_cache_key": "cache"}, session_id="header") == "header"
