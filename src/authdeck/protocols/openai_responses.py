"""OpenAI Responses: ``/v1/responses`` and the codex backend."""

from typing import Any, Final

import msgspec

from authdeck.event import Tokens
from authdeck.protocols import openai_chat
from authdeck.protocols.reading import BodyReader, Reader, StreamReader, decoded, event_data, safe_code

TERMINAL: Final = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})

error = openai_chat.error
models = openai_chat.models


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Error(msgspec.Struct):
    code: Any = None
    type: Any = None


class _Response(msgspec.Struct):
    usage: _Usage | None = None
    error: _Error | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Response | None = None
    error: _Error | None = None
    code: Any = None


_event = msgspec.json.Decoder(_Event)
_response = msgspec.json.Decoder(_Response)
_MARKS: Final = (b"response.completed", b"response.failed", b"response.incomplete", b'"error"', b"event: error")


def reader(streamed: bool) -> Reader:
    return StreamReader(_read_event, _MARKS) if streamed else BodyReader(_read_body)


def _read_event(into: StreamReader, event: bytes) -> None:
    found = decoded(_event, event_data(event))
    kind = found.type if found else _name(event)
    if kind not in TERMINAL:
        return
    into.ended = True
    if found and found.response and found.response.usage:
        into.tokens = _tokens(found.response.usage)
    if kind in ("response.failed", "error"):
        cause = (found.error or (found.response and found.response.error)) if found else None
        into.failure = safe_code(cause and cause.code, cause and cause.type, found and found.code)


def _read_body(into: BodyReader, body: bytes) -> None:
    found = decoded(_response, body)
    if found and found.usage:
        into.tokens = _tokens(found.usage)


def _tokens(usage: _Usage) -> Tokens:
    return Tokens(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details.cached_tokens if usage.input_tokens_details else None,
        usage.output_tokens_details.reasoning_tokens if usage.output_tokens_details else None,
    )


def _name(event: bytes) -> str:
    """The event line: what is left where the data is too long to be kept, or is not JSON."""
    first = event.split(b"\n", 1)[0]
    return first[6:].strip().decode("ascii", "replace") if first.startswith(b"event:") else ""
