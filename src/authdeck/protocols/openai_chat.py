"""OpenAI Chat Completions, as many providers speak it; also the error and list shapes of OpenAI's other routes."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from authdeck.event import Tokens
from authdeck.protocols.reading import BodyReader, Reader, StreamReader, decoded, event_data, safe_code

_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error(status: int, code: str, message: str, request_id: str) -> bytes:
    del request_id  # clients read it from the header
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def models(names: Iterable[str]) -> bytes:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "authdeck"} for name in names]
    return msgspec.json.encode({"object": "list", "data": data})


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Error(msgspec.Struct):
    code: Any = None
    type: Any = None


class _Choice(msgspec.Struct):
    usage: _Usage | None = None
    finish_reason: Any = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    error: _Error | None = None
    choices: list[_Choice] | None = None


_answer = msgspec.json.Decoder(_Answer)
_MARKS: Final = (b'"usage"', b"[DONE]", b'"error"', b'"finish_reason":"', b'"finish_reason": "')


def reader(streamed: bool) -> Reader:
    return StreamReader(_read_event, _MARKS) if streamed else BodyReader(_read_body)


def _read_event(into: StreamReader, event: bytes) -> None:
    data = event_data(event)
    if data.strip() == b"[DONE]":
        into.ended = True
        return
    _read(into, decoded(_answer, data))


def _read_body(into: BodyReader, body: bytes) -> None:
    _read(into, decoded(_answer, body))


def _read(into: StreamReader | BodyReader, found: _Answer | None) -> None:
    if found is None:
        return
    # Kimi reports usage inside the last choice.
    usages = (found.usage, *(choice.usage for choice in found.choices or ()))
    if usage := next((usage for usage in usages if usage), None):
        into.tokens = _tokens(usage)
    if any(choice.finish_reason for choice in found.choices or ()):
        into.finished = True
    if found.error is not None:
        into.failure = safe_code(found.error.code, found.error.type)


def _tokens(usage: _Usage) -> Tokens:
    details = usage.prompt_tokens_details
    return Tokens(
        usage.prompt_tokens,
        usage.completion_tokens,
        details.cached_tokens if details else usage.cached_tokens,
        usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None,
    )
