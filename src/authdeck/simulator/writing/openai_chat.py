"""OpenAI Chat Completions: chunks, a usage chunk where ``stream_options`` asks for it, ``[DONE]``."""

from typing import Any

from authdeck.simulator.exchange import Said, sse


def whole(said: Said) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head(said, "chat.completion"), "choices": [choice], "usage": _usage(said)}


def events(said: Said, *, with_usage: bool) -> list[bytes]:
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        *(({"content": word}, None) for word in said.words),
        ({}, "stop"),
    ]
    head = _head(said, "chat.completion.chunk")
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    if with_usage:
        chunks.append({**head, "choices": [], "usage": _usage(said)})
    return [*(sse(chunk) for chunk in chunks), sse("[DONE]")]


def _head(said: Said, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{said.id}", "object": kind, "created": said.at, "model": said.model}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.input,
        "completion_tokens": said.output,
        "total_tokens": said.input + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cached},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning},
    }
