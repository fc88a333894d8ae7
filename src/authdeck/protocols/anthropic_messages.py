"""Anthropic Messages: ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from authdeck.event import Tokens
from authdeck.protocols.reading import BodyReader, Reader, StreamReader, decoded, event_data, safe_code

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def error(status: int, code: str, message: str, request_id: str) -> bytes:
    kind = _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    shown = {"type": kind, "message": message, "code": code}
    return msgspec.json.encode({"type": "error", "error": shown, "request_id": request_id})


def models(names: Iterable[str]) -> bytes:
    data = [{"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} for name in names]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return msgspec.json.encode({"data": data, "has_more": False, "first_id": first, "last_id": last})


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    type: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    input_tokens: int | None = None  # the whole answer of count_tokens


_event = msgspec.json.Decoder(_Event)
_MARKS: Final = (b"message_start", b"message_delta", b"message_stop", b'"error"')


def reader(streamed: bool) -> Reader:
    return StreamReader(_read_event, _MARKS) if streamed else BodyReader(_read_body)


def _read_event(into: StreamReader, event: bytes) -> None:
    found = decoded(_event, event_data(event))
    if found is None:
        return
    if found.type == "message_start" and found.message:
        into.tokens = _tokens(found.message.usage, into.tokens)
    elif found.type == "message_delta":
        into.tokens = _tokens(found.usage, into.tokens)
    elif found.type in ("message_stop", "error"):
        into.ended = True
        if found.type == "error":
            into.failure = safe_code(found.error and found.error.type)


def _read_body(into: BodyReader, body: bytes) -> None:
    if (found := decoded(_event, body)) is None:
        return
    into.tokens = _tokens(found.usage, Tokens(input=found.input_tokens))


def _tokens(usage: _Usage | None, before: Tokens) -> Tokens:
    """Anthropic counts fresh, newly cached and cached input apart; a later count replaces an earlier one."""
    if usage is None:
        return before
    read = usage.cache_read_input_tokens
    parts = (usage.input_tokens, usage.cache_creation_input_tokens, read)
    total = None if usage.input_tokens is None else sum(part or 0 for part in parts)
    return Tokens(
        before.input if total is None else total,
        before.output if usage.output_tokens is None else usage.output_tokens,
        before.cached if read is None else read,
        before.reasoning,
    )
