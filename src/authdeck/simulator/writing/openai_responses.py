"""OpenAI Responses: ``response.created`` … ``response.output_text.delta`` … ``response.completed``."""

from typing import Any

from authdeck.simulator.exchange import Said, sse


def whole(said: Said) -> dict[str, Any]:
    return _response(said, "completed", [_message(said, "completed", [_part(said.text)])], _usage(said))


def events(said: Said) -> list[bytes]:
    """Every event with its ``sequence_number``, as the provider counts them."""
    item, place = f"msg_{said.id}", {"output_index": 0, "content_index": 0}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _response(said, "in_progress", [], None)}),
        ("response.in_progress", {"response": _response(said, "in_progress", [], None)}),
        ("response.output_item.added", {"output_index": 0, "item": _message(said, "in_progress", [])}),
        ("response.content_part.added", {"item_id": item, **place, "part": _part("")}),
        *(
            ("response.output_text.delta", {"item_id": item, **place, "delta": word, "logprobs": []})
            for word in said.words
        ),
        ("response.output_text.done", {"item_id": item, **place, "text": said.text, "logprobs": []}),
        ("response.content_part.done", {"item_id": item, **place, "part": _part(said.text)}),
        ("response.output_item.done", {"output_index": 0, "item": whole(said)["output"][0]}),
        ("response.completed", {"response": whole(said)}),
    ]
    return [
        sse({"type": name, "sequence_number": number, **step}, event=name) for number, (name, step) in enumerate(steps)
    ]


def failed(said: Said, code: str, number: int) -> bytes:
    """The event that ends an answer instead of ``response.completed``."""
    response = {**_response(said, "failed", [], None), "error": {"code": code, "message": "It failed."}}
    event = {"type": "response.failed", "sequence_number": number, "response": response}
    return sse(event, event="response.failed")


def _response(said: Said, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": f"resp_{said.id}",
        "object": "response",
        "created_at": said.at,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": said.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "metadata": {},
        "usage": usage,
    }


def _message(said: Said, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"msg_{said.id}", "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": said.input,
        "input_tokens_details": {"cached_tokens": said.cached},
        "output_tokens": said.output,
        "output_tokens_details": {"reasoning_tokens": said.reasoning},
        "total_tokens": said.input + said.output,
    }
