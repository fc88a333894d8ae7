"""OpenAI API keys (``/openai/v1``) and an OpenAI-compatible upstream (``/compatible/v1``)."""

from collections.abc import Callable
from typing import Final

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer, stream_answer
from authdeck.simulator.providers.codex import compact
from authdeck.simulator.world import Endpoint, World, models_list, with_room
from authdeck.simulator.writing import openai_chat, openai_responses

MODELS: Final = {"gpt-5.5": "openai", "gpt-5.4-mini": "openai"}
COMPATIBLE_MODELS: Final = {"local-llama": "compatible", "local-qwen": "compatible"}
_HEADERS: Final = {
    "x-request-id": "req_FAKE",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-tokens": "199000",
}


def keyed(provider: str, dialect: str) -> Callable[[World, Asked], Account]:
    def who(world: World, asked: Asked) -> Account:
        account = world.accounts.by_api_key(provider, asked.bearer)
        if account is None:
            raise world.refused(dialect, 401)
        return account

    return who


def responses(dialect: str) -> Callable[[World, Asked, Account | None], Answer]:
    def play(world: World, asked: Asked, account: Account | None) -> Answer:
        assert account is not None
        with_room(world, account, dialect)
        said = world.say(asked, account)
        if asked.document.get("stream"):
            return stream_answer(openai_responses.events(said), said).with_headers(_HEADERS)
        return json_answer(openai_responses.whole(said), headers=_HEADERS, said=said)

    return play


def chat(dialect: str) -> Callable[[World, Asked, Account | None], Answer]:
    def play(world: World, asked: Asked, account: Account | None) -> Answer:
        assert account is not None
        with_room(world, account, dialect)
        said, given = world.say(asked, account), asked.document
        if given.get("stream"):
            with_usage = bool((given.get("stream_options") or {}).get("include_usage"))
            return stream_answer(openai_chat.events(said, with_usage=with_usage), said).with_headers(_HEADERS)
        return json_answer(openai_chat.whole(said), headers=_HEADERS, said=said)

    return play


def listed(models: dict[str, str]) -> Callable[[World, Asked, Account | None], Answer]:
    return lambda _world, _asked, _account: models_list(models)


_openai_key = keyed("codex", "openai")
_compatible_key = keyed("openai_compatible", "openai_compatible")

ENDPOINTS: Final = (
    Endpoint("POST", r"/openai/v1/responses", "openai", responses("openai"), _openai_key),
    Endpoint("POST", r"/openai/v1/responses/compact", "openai", compact, _openai_key),
    Endpoint("POST", r"/openai/v1/chat/completions", "openai", chat("openai"), _openai_key),
    Endpoint("GET", r"/openai/v1/models", "openai", listed(MODELS), _openai_key),
    Endpoint("POST", r"/compatible/v1/chat/completions", "openai", chat("openai"), _compatible_key),
    Endpoint("GET", r"/compatible/v1/models", "openai", listed(COMPATIBLE_MODELS), _compatible_key),
)
