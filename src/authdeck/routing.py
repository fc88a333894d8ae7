"""What a request asks for, and in which order accounts are tried. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Strategy(StrEnum):
    """Whose turn it is among ready accounts of one priority."""

    ROUND_ROBIN = "round_robin"  # one after the other
    WEIGHTED = "weighted"  # by their weights, evenly spread; weight 0 gets nothing
    FILL_FIRST = "fill_first"  # the oldest account serves all until it can't
    LEAST_RECENTLY_LIMITED = "least_recently_limited"  # whose last limit is longest ago; among equals in turn


class Route(StrEnum):
    """A thing the gateway can be asked to do. Providers say which of them they serve."""

    RESPONSES = "responses"  # POST /v1/responses
    WEBSOCKET = "websocket"  # GET /v1/responses, upgraded
    RESPONSES_COMPACT = "responses_compact"  # POST /v1/responses/compact
    CODEX = "codex"  # /backend-api/codex/* and /backend-api/wham/*
    CHAT = "chat"  # POST /v1/chat/completions
    MESSAGES = "messages"  # POST /v1/messages
    COUNT_TOKENS = "count_tokens"  # POST /v1/messages/count_tokens
    GENERATE = "generate"  # /v1beta/models/{model}:{action}
    CODE_ASSIST = "code_assist"  # /v1internal:{action}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as the picker sees it.

    ``model`` is the name without prefix, ``None`` where the route has none. ``prefix`` is the routing name from the URL
    or the model. ``tried`` are auth indexes that failed already. ``providers`` limits the choice to these, by name.
    ``session`` names a conversation that stays on one account, ``None`` where the client names none.
    """

    route: Route
    model: str | None = None
    prefix: str | None = None
    tried: frozenset[str] = frozenset()
    providers: frozenset[str] | None = None
    session: str | None = None
