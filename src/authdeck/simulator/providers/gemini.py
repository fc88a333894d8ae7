"""Gemini API keys: generateContent, streamed or not, and countTokens."""

from collections.abc import Callable
from typing import Final

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer, stream_answer
from authdeck.simulator.world import Endpoint, World, with_room
from authdeck.simulator.writing import gemini_generate

MODELS: Final = ("gemini-3-pro", "gemini-3-flash")


def keyed(provider: str) -> Callable[[World, Asked], Account]:
    """Google refuses an unknown key with 400, not 401."""

    def who(world: World, asked: Asked) -> Account:
        account = world.accounts.by_api_key(provider, asked.headers.get("x-goog-api-key") or asked.query.get("key", ""))
        if account is None:
            raise world.refused("google", 400, "API_KEY_INVALID")
        return account

    return who


def generate(world: World, asked: Asked, account: Account | None) -> Answer:
    """Any of the three actions, told apart by the path. Without ``alt=sse`` a stream is a JSON array, as at Google."""
    assert account is not None
    with_room(world, account, "google")
    said, action = world.say(asked, account), asked.named["action"]
    if action == "countTokens":
        return json_answer({"totalTokens": said.input})
    if action == "generateContent":
        return json_answer(gemini_generate.whole(said), said=said)
    if asked.query.get("alt") == "sse":
        return stream_answer(gemini_generate.events(said), said)
    return json_answer(gemini_generate.chunks(said), said=said)


def _models(_world: World, _asked: Asked, _account: Account | None) -> Answer:
    methods = ["generateContent", "countTokens"]
    models = [{"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods} for name in MODELS]
    return json_answer({"models": models})


ACTION: Final = r"(?P<model>[^/:]+):(?P<action>generateContent|streamGenerateContent|countTokens)"

ENDPOINTS: Final = (
    Endpoint("POST", rf"/gemini/v1(?:beta)?/models/{ACTION}", "google", generate, keyed("gemini")),
    Endpoint("GET", r"/gemini/v1(?:beta)?/models", "google", _models, keyed("gemini")),
)
