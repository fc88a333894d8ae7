"""Gemini generateContent: ``data:`` chunks, each with ``usageMetadata``; the last names a ``finishReason``."""

from typing import Any

from authdeck.simulator.exchange import Said, sse


def whole(said: Said) -> dict[str, Any]:
    return _chunk(said, said.text, "STOP")


def chunks(said: Said) -> list[dict[str, Any]]:
    *before, last = said.words
    return [*(_chunk(said, word, None) for word in before), _chunk(said, last, "STOP")]


def events(said: Said, *, wrapped: bool = False) -> list[bytes]:
    """``wrapped`` puts each chunk into the envelope that Code Assist (Antigravity) uses."""
    return [sse(wrap(chunk, said) if wrapped else chunk) for chunk in chunks(said)]


def wrap(chunk: dict[str, Any], said: Said) -> dict[str, Any]:
    return {"response": chunk, "traceId": f"trace-{said.id}"}


def _chunk(said: Said, text: str, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": said.input,
            "candidatesTokenCount": said.output - said.reasoning,
            "thoughtsTokenCount": said.reasoning,
            "cachedContentTokenCount": said.cached,
            "totalTokenCount": said.input + said.output,
        },
        "modelVersion": said.model,
        "responseId": said.id,
    }
