"""Anthropic Messages: ``message_start`` … ``content_block_delta`` … ``message_delta`` with usage, ``message_stop``.

Here ``input_tokens`` leaves cached input out, as Anthropic counts it.
"""

from typing import Any

from authdeck.simulator.exchange import Said, sse


def whole(said: Said) -> dict[str, Any]:
    content = [{"type": "text", "text": said.text}]
    usage = {**_input_usage(said), "output_tokens": said.output}
    return {**_head(said), "content": content, "stop_reason": "end_turn", "usage": usage}


def events(said: Said) -> list[bytes]:
    start = {**_head(said), "content": [], "stop_reason": None, "usage": {**_input_usage(said), "output_tokens": 1}}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in said.words
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": said.output},
        },
        {"type": "message_stop"},
    ]
    return [sse(step, event=step["type"]) for step in steps]


def _head(said: Said) -> dict[str, Any]:
    return {
        "id": f"msg_{said.id}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "stop_sequence": None,
    }


def _input_usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.input - said.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached,
    }
