"""Gemini's generateContent family, and the same wrapped for Code Assist."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from authdeck.event import Tokens
from authdeck.protocols.reading import BodyReader, Reader, StreamReader, decoded, event_data, safe_code

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error(status: int, code: str, message: str, request_id: str) -> bytes:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": code,
        "domain": "authdeck",
        "metadata": {"request_id": request_id},
    }
    name = _STATUSES.get(status) or ("INTERNAL" if status >= 500 else "FAILED_PRECONDITION")  # noqa: PLR2004
    return msgspec.json.encode({"error": {"code": status, "message": message, "status": name, "details": [info]}})


def models(names: Iterable[str]) -> bytes:
    actions = ["generateContent", "streamGenerateContent", "countTokens"]
    data = [{"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": actions} for name in names]
    return msgspec.json.encode({"models": data})


class _Usage(msgspec.Struct):
    prompt: int | None = msgspec.field(default=None, name="promptTokenCount")
    candidates: int | None = msgspec.field(default=None, name="candidatesTokenCount")
    thoughts: int | None = msgspec.field(default=None, name="thoughtsTokenCount")
    cached: int | None = msgspec.field(default=None, name="cachedContentTokenCount")


class _Error(msgspec.Struct):
    status: Any = None


class _Candidate(msgspec.Struct):
    finish_reason: Any = msgspec.field(default=None, name="finishReason")


class _Feedback(msgspec.Struct):
    block_reason: Any = msgspec.field(default=None, name="blockReason")


class _Inner(msgspec.Struct):
    usage: _Usage | None = msgspec.field(default=None, name="usageMetadata")
    candidates: list[_Candidate] | None = None
    feedback: _Feedback | None = msgspec.field(default=None, name="promptFeedback")

    @property
    def is_last(self) -> bool:
        """Whether it says why the answer stops: at its end, or before it began."""
        is_blocked = self.feedback is not None and bool(self.feedback.block_reason)
        return is_blocked or any(candidate.finish_reason for candidate in self.candidates or ())


class _Answer(_Inner):
    total: int | None = msgspec.field(default=None, name="totalTokens")  # the answer of countTokens
    response: _Inner | None = None
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)
_answers = msgspec.json.Decoder(list[_Answer])
_MARKS: Final = (b"usageMetadata", b'"error"', b"finishReason", b"blockReason")


def reader(streamed: bool) -> Reader:
    """Read events if ``streamed``; without ``alt=sse`` a stream is one JSON array. There is no terminal event."""
    return StreamReader(_read_event, _MARKS) if streamed else BodyReader(_read_body)


def _read_event(into: StreamReader, event: bytes) -> None:
    _read(into, decoded(_answer, event_data(event)))


def _read_body(into: BodyReader, body: bytes) -> None:
    for found in decoded(_answers, body) or (decoded(_answer, body),):
        _read(into, found)


def _read(into: StreamReader | BodyReader, found: _Answer | None) -> None:
    if found is None:
        return
    if usage := found.usage or (found.response.usage if found.response else None):
        into.tokens = _tokens(usage)
    elif found.total is not None:
        into.tokens = Tokens(input=found.total)
    if found.is_last or (found.response is not None and found.response.is_last):
        into.finished = True
    if found.error is not None:
        into.failure = safe_code(found.error.status)


def _tokens(usage: _Usage) -> Tokens:
    written = [part for part in (usage.candidates, usage.thoughts) if part is not None]
    return Tokens(usage.prompt, sum(written) if written else None, usage.cached, usage.thoughts)
