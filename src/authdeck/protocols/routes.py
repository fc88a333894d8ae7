"""Which path asks for what, and in which language. Anything that is not in the tables is refused."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from authdeck.errors import DeckError, NotFound
from authdeck.protocols import anthropic_messages, gemini_generate, openai_chat, openai_responses
from authdeck.protocols.reading import Reader
from authdeck.routing import Route


class ProtocolModule(Protocol):
    """What each protocol's file offers."""

    def reader(self, streamed: bool, /) -> Reader: ...

    def error(self, status: int, code: str, message: str, request_id: str, /) -> bytes:
        """Shape an error of ours; ``code`` is stable."""
        ...

    def models(self, names: Iterable[str], /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Recognised:
    """``route`` is ``None`` for model lists. ``endpoint`` is the path without prefix and model, for monitoring.

    ``tail`` as in ``exchange.Passed``; ``model`` where the path names it.
    """

    route: Route | None
    protocol: ProtocolModule
    endpoint: str
    tail: str = ""
    model: str | None = None
    prefix: str | None = None


PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A prefix that can stand in a path. An imported one of another form works by model name only."""

_POSTS: Final[dict[str, tuple[Route, ProtocolModule]]] = {
    "/v1/responses": (Route.RESPONSES, openai_responses),
    "/v1/responses/compact": (Route.RESPONSES_COMPACT, openai_responses),
    "/v1/chat/completions": (Route.CHAT, openai_chat),
    "/v1/messages": (Route.MESSAGES, anthropic_messages),
    "/v1/messages/count_tokens": (Route.COUNT_TOKENS, anthropic_messages),
    "/backend-api/codex/responses": (Route.CODEX, openai_responses),
    "/backend-api/codex/responses/compact": (Route.CODEX, openai_responses),
    "/backend-api/codex/alpha/search": (Route.CODEX, openai_responses),
}
_GETS: Final = frozenset(
    {
        "/backend-api/codex/models",
        "/backend-api/wham/usage",
        "/backend-api/wham/accounts/check",
        "/backend-api/wham/settings/user",
        "/backend-api/wham/rate-limit-reset-credits",
    }
)
"""What Codex asks beside its turns. All of them read; none spends, buys or changes anything."""

_MODEL_LISTS: Final = frozenset({"/v1/models", "/v1beta/models"})
_GENERATE: Final = re.compile(r"/v1(?:beta)?/models/([^:]{1,256}):([A-Za-z]{1,64})")
_GENERATE_ACTIONS: Final = frozenset(
    {"generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents", "predict"}
)
_CODE_ASSIST: Final = re.compile(r"/v1internal:([A-Za-z]{1,64})")
_CODE_ASSIST_ACTIONS: Final = frozenset(
    {
        "generateContent", "streamGenerateContent", "countTokens", "loadCodeAssist", "fetchAvailableModels",
        "retrieveUserQuota", "listExperiments",
    }
)  # fmt: skip
_WEBSOCKETS: Final = frozenset({"/v1/responses", "/backend-api/codex/responses"})
_STARTS: Final = ("/v1/", "/v1beta/", "/v1internal:", "/backend-api/", "/p/")
_SUSPICIOUS: Final = re.compile(rb"//|\\|%2[ef]|%5c|%00|/\.{1,2}(?:/|$)|[\x00-\x20\x7f-\xff]", re.IGNORECASE)


def is_gateway(path: str) -> bool:
    """Whether the gateway, and no page or management route, answers this path."""
    return path.startswith(_STARTS)


def recognise(method: str, path: str, raw_path: bytes, header: Callable[[bytes], bytes | None]) -> Recognised:
    """What the request asks for. ``header`` looks up a lower-case name.

    Raises ``DeckError``: ``path_refused``, ``route_unknown`` (404), ``method_not_allowed`` (405),
    ``websocket_not_enabled`` (426).
    """
    prefix, path = _split(path, raw_path)
    found = _POSTS.get(path)
    if found is not None and method == "POST":
        route, protocol = found
        tail = path.removeprefix("/backend-api") if route is Route.CODEX else ""
        return Recognised(route, protocol, path, tail, prefix=prefix)
    return _other(method, path, prefix, header)


def recognise_websocket(path: str, raw_path: bytes) -> Recognised:
    """The same for an upgrade to a websocket. Raises ``path_refused``, ``route_unknown``."""
    prefix, path = _split(path, raw_path)
    if path not in _WEBSOCKETS:
        raise NotFound("route_unknown", path=path[:200])
    return Recognised(Route.WEBSOCKET, openai_responses, path, prefix=prefix)


def language(path: str, header: Callable[[bytes], bytes | None]) -> ProtocolModule:
    """The protocol to answer in: the path's, if it has one; headers tell for model lists and paths that are none."""
    bare = path if not path.startswith("/p/") else "/" + path[3:].partition("/")[2]
    if (found := _POSTS.get(bare)) is not None:
        return found[1]
    if bare in _GETS:
        return openai_responses
    if _GENERATE.fullmatch(bare):
        return gemini_generate
    if "/v1beta/" in path or "/v1internal" in path or header(b"x-goog-api-key") is not None:
        return gemini_generate
    if "/messages" in path or header(b"anthropic-version") is not None:
        return anthropic_messages
    return openai_responses


def _split(path: str, raw_path: bytes) -> tuple[str | None, str]:
    """The prefix that the path names, and the path without it. Raises ``path_refused``, ``route_unknown``."""
    if _SUSPICIOUS.search(raw_path):
        raise NotFound("path_refused", path=path[:200])
    if not path.startswith("/p/"):
        return None, path
    prefix, slash, rest = path[3:].partition("/")
    if not slash or not PREFIX.fullmatch(prefix):
        raise NotFound("route_unknown", path=path[:200])
    return prefix, f"/{rest}"


def _other(method: str, path: str, prefix: str | None, header: Callable[[bytes], bytes | None]) -> Recognised:
    if path in _MODEL_LISTS:
        _only("GET", method, path)
        return Recognised(None, language(path, header), path, prefix=prefix)
    if path in _GETS:
        _only("GET", method, path)
        return Recognised(Route.CODEX, openai_responses, path, path.removeprefix("/backend-api"), prefix=prefix)
    if path in _POSTS:
        if (header(b"upgrade") or b"").lower() == b"websocket":
            raise DeckError("websocket_not_enabled", status=426)
        _only("POST", method, path)
    if (match := _GENERATE.fullmatch(path)) and match[2] in _GENERATE_ACTIONS:
        _only("POST", method, path)
        version = path.split("/", 2)[1]
        endpoint = f"/{version}/models:{match[2]}"
        tail = path.removeprefix(f"/{version}")
        return Recognised(Route.GENERATE, gemini_generate, endpoint, tail, match[1], prefix)
    if (match := _CODE_ASSIST.fullmatch(path)) and match[1] in _CODE_ASSIST_ACTIONS:
        _only("POST", method, path)
        return Recognised(Route.CODE_ASSIST, gemini_generate, path, path, prefix=prefix)
    raise NotFound("route_unknown", path=path[:200])


def _only(allowed: str, method: str, path: str) -> None:
    if method != allowed:
        raise DeckError("method_not_allowed", status=405, method=method, path=path[:200], allowed=allowed)
