"""What a request asks for, and in which order accounts are tried. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from authdeck.account import Account


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


@dataclass(frozen=True, slots=True)
class Policy:
    """How the operator wants accounts to be picked.

    ``prefix_only``: accounts with one of these prefixes (``*``: with any) serve only who names the prefix.
    ``session_ttl``: seconds that a conversation stays on its account after its last request; 0: not at all.
    """

    strategy: Strategy = Strategy.ROUND_ROBIN
    prefix_only: frozenset[str] = frozenset()
    session_ttl: float = 3600.0

    def prefixes(self, account: Account) -> frozenset[str | None]:
        """The prefixes under which the account is reached; ``None``: without one."""
        prefix = account.settings.prefix or None
        if prefix is None:
            return _BARE
        is_apart = not self.prefix_only.isdisjoint((prefix, "*"))
        return frozenset((prefix,) if is_apart else (None, prefix))


DEFAULT: Final = Policy()
_BARE: Final[frozenset[str | None]] = frozenset((None,))
