"""Readers: the same tokens, end and failure, whatever the pieces; and nothing that a stream holds stops them."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.event import Tokens
from authdeck.protocols import anthropic_messages, gemini_generate, openai_chat, openai_responses
from authdeck.protocols.events import Events
from authdeck.protocols.reading import Reader


def sse(*events: object, end: str = "\n") -> bytes:
    lines = []
    for event in events:
        if isinstance(event, dict) and "type" in event:
            lines.append(f"event: {event['type']}{end}")
        lines.append(f"data: {event if isinstance(event, str) else json.dumps(event)}{end}{end}")
    return "".join(lines).encode()


RESPONSES = sse(
    {"type": "response.created", "response": {"usage": None}},
    {"type": "response.output_text.delta", "delta": 'it says response.completed and "error"'},
    {
        "type": "response.completed",
        "response": {
            "usage": {
                "input_tokens": 11, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 3},
                "output_tokens_details": {"reasoning_tokens": 2},
            }
        },
    },
)  # fmt: skip
CHAT = sse(
    {"choices": [{"delta": {"content": '[DONE] "usage"'}}], "usage": None},
    {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7,
                              "prompt_tokens_details": {"cached_tokens": 3},
                              "completion_tokens_details": {"reasoning_tokens": 2}}},
    "[DONE]",
)  # fmt: skip
MESSAGES = sse(
    {"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 3,
                                                   "cache_creation_input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_delta", "delta": {"text": "message_stop"}},
    {"type": "message_delta", "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)  # fmt: skip
GEMINI = sse(
    {"candidates": [], "usageMetadata": {"promptTokenCount": 11}},
    {"usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
                       "cachedContentTokenCount": 3}},
)  # fmt: skip

STREAMS = [
    (openai_responses.reader, RESPONSES, Tokens(11, 7, 3, 2), True),
    (openai_chat.reader, CHAT, Tokens(11, 7, 3, 2), True),
    (anthropic_messages.reader, MESSAGES, Tokens(11, 7, 3, None), True),
    (gemini_generate.reader, GEMINI, Tokens(11, 7, 3, 2), False),
]


def fed(make: Callable[[bool], Reader], body: bytes, cuts: list[int], *, streamed: bool = True) -> Reader:
    reader = make(streamed)
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        reader.feed(body[start:end])
    reader.end()
    return reader


@pytest.mark.parametrize(("make", "body", "tokens", "ends"), STREAMS)
@given(cuts=st.lists(st.integers(0, 5000), max_size=30), crlf=st.booleans())
def test_any_pieces_give_the_same(make, body, tokens, ends, cuts, crlf) -> None:
    reader = fed(make, body.replace(b"\n", b"\r\n") if crlf else body, cuts)
    assert reader.tokens == tokens
    assert reader.ended is ends
    assert reader.failure is None


@pytest.mark.parametrize("make", [each[0] for each in STREAMS])
@given(body=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=8), streamed=st.booleans())
def test_nothing_makes_a_reader_fail(make, body, cuts, streamed) -> None:
    fed(make, body, cuts, streamed=streamed)


@pytest.mark.parametrize(
    ("make", "body", "code"),
    [
        (openai_responses.reader, sse({"type": "response.failed", "response": {"error": {"code": "server_error"}}}),
         "server_error"),
        (openai_responses.reader, sse({"type": "error", "code": "rate_limit_exceeded"}), "rate_limit_exceeded"),
        (openai_chat.reader, sse({"error": {"message": "at_FAKE leaked", "type": "overloaded"}}), "overloaded"),
        (anthropic_messages.reader, sse({"type": "error", "error": {"type": "overloaded_error"}}), "overloaded_error"),
        (gemini_generate.reader, sse({"error": {"status": "UNAVAILABLE"}}), "unavailable"),
        (openai_chat.reader, sse({"error": {"code": "prose with at_FAKE inside"}}), "upstream_error"),
    ],
)  # fmt: skip
def test_an_error_inside_a_stream_is_read_as_a_code(make, body, code) -> None:
    assert fed(make, body, []).failure == code


@pytest.mark.parametrize(
    ("make", "body", "tokens"),
    [
        (openai_responses.reader, {"usage": {"input_tokens": 4, "output_tokens": 2}}, Tokens(4, 2)),
        (openai_chat.reader, {"usage": {"prompt_tokens": 4, "completion_tokens": 2}}, Tokens(4, 2)),
        (anthropic_messages.reader, {"usage": {"input_tokens": 4, "output_tokens": 2}}, Tokens(4, 2)),
        (anthropic_messages.reader, {"input_tokens": 4}, Tokens(4)),
        (gemini_generate.reader, [{"usageMetadata": {"promptTokenCount": 4}}], Tokens(4)),
        (gemini_generate.reader, {"totalTokens": 4}, Tokens(4)),
        (openai_chat.reader, {"usage": "odd"}, Tokens()),
    ],
)
def test_whole_answers(make, body, tokens) -> None:
    assert fed(make, json.dumps(body).encode(), [3], streamed=False).tokens == tokens


@given(
    st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: b"\n" not in b and b"\r" not in b), max_size=6),
    st.lists(st.integers(0, 300), max_size=10),
)
def test_events_are_cut_where_they_end(events: list[bytes], cuts: list[int]) -> None:
    body = b"".join(event + b"\n\n" for event in events)
    cutter, found = Events(), []
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        found += cutter.feed(body[start:end])
    assert [event for event in found + cutter.end() if event] == events


def test_a_very_long_event_costs_bounded_memory_and_its_end_is_still_seen() -> None:
    reader = openai_responses.reader(True)
    reader.feed(b"event: response.completed\ndata: ")
    for _ in range(100):
        reader.feed(b"x" * 64 * 1024)
        assert len(reader._events._rest) <= reader._events.limit  # type: ignore[attr-defined]
    reader.feed(b"\n\n")
    assert reader.ended
    assert reader.tokens == Tokens()


@pytest.mark.parametrize(
    ("reader", "last", "finished"),
    [
        (openai_chat.reader, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, True),
        (openai_chat.reader, {"choices": [{"delta": {"content": "x"}, "finish_reason": None}]}, False),
        (gemini_generate.reader, {"candidates": [{"finishReason": "STOP"}]}, True),
        (gemini_generate.reader, {"response": {"candidates": [{"finishReason": "MAX_TOKENS"}]}}, True),
        (gemini_generate.reader, {"promptFeedback": {"blockReason": "SAFETY"}}, True),
        (gemini_generate.reader, {"candidates": [{"content": {}}], "usageMetadata": {}}, False),
    ],
)
@pytest.mark.parametrize("written", [json.dumps, lambda event: json.dumps(event, separators=(",", ":"))])
def test_the_reason_of_its_end_tells_that_a_stream_is_whole(
    reader: Callable[[bool], Reader], last: dict[str, object], written: Callable[[object], str], *, finished: bool
) -> None:
    made = reader(True)
    made.feed(f"data: {written(last)}\n\n".encode())
    assert (made.finished, made.ended, made.failure) == (finished, False, None)
