"""The smallest request that proves an account: a few tokens in, a few out. Pure.

Sign-ins of Codex take no bound on the answer (``max_output_tokens`` is refused there, facts of November 2026), so the
question asks for one word; everywhere else the answer is bounded as well.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authdeck.account import Kind
from authdeck.routing import Route

ASKED: Final = "Reply with the word OK."
BOUND: Final = 16
"""Tokens of an answer at most, where a bound can be given: the least that all providers take."""


@dataclass(frozen=True, slots=True)
class Smallest:
    """Where it goes below the gateway's origin, what it says, and which model it asks."""

    path: str
    model: str
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode()


def smallest(routes: Iterable[Route], kind: Kind, model: str) -> Smallest | None:
    """The request for an account that serves these routes; ``None`` where none of them takes a prompt."""
    served = frozenset(routes)
    write = next((write for route, write in _WRITERS if route in served), None)
    return None if write is None else write(kind, model)


def cheapest(names: Iterable[str]) -> str | None:
    """The model that is likely the cheapest by the words in its name; ``None`` where no name is known."""
    return min(names, key=_rank, default=None)


_SMALL_WORDS: Final = ("nano", "lite", "mini", "haiku", "flash", "fast", "spark", "turbo", "sonnet")
_MEDIA: Final = frozenset({"image", "video", "audio", "tts", "embedding", "live", "computer", "realtime"})


def _rank(name: str) -> tuple[bool, int, str]:
    """What makes pictures or sound comes last: it takes no plain prompt."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    small = next((place for place, word in enumerate(_SMALL_WORDS) if word in words), len(_SMALL_WORDS))
    return not _MEDIA.isdisjoint(words), small, name


def _responses(kind: Kind, model: str) -> Smallest:
    said = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": ASKED}]}]
    document = {"model": model, "instructions": ASKED, "input": said, "stream": True, "store": False}
    bound = {"max_output_tokens": BOUND} if kind is Kind.API_KEY else {}
    return Smallest("/v1/responses", model, {**document, **bound})


def _messages(_kind: Kind, model: str) -> Smallest:
    document = {"model": model, "max_tokens": BOUND, "messages": [{"role": "user", "content": ASKED}]}
    return Smallest("/v1/messages", model, document, {"anthropic-version": "2023-06-01"})


def _chat(_kind: Kind, model: str) -> Smallest:
    document = {"model": model, "max_tokens": BOUND, "messages": [{"role": "user", "content": ASKED}]}
    return Smallest("/v1/chat/completions", model, document)


def _contents() -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": ASKED}]}], "generationConfig": {"maxOutputTokens": BOUND}}


def _generate(_kind: Kind, model: str) -> Smallest:
    return Smallest(f"/v1beta/models/{model}:generateContent", model, _contents())


def _code_assist(_kind: Kind, model: str) -> Smallest:
    return Smallest("/v1internal:generateContent", model, {"model": model, "request": _contents()})


_WRITERS: Final[tuple[tuple[Route, Callable[[Kind, str], Smallest]], ...]] = (
    (Route.RESPONSES, _responses),
    (Route.MESSAGES, _messages),
    (Route.CHAT, _chat),
    (Route.GENERATE, _generate),
    (Route.CODE_ASSIST, _code_assist),
)
