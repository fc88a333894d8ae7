"""Kimi Code: chat completions and messages by OAuth sign-in (device flow, rotating tokens) or API key; usages."""

from datetime import datetime
from typing import Any, Final

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer, stream_answer
from authdeck.simulator.providers.claude import count_tokens
from authdeck.simulator.providers.openai import chat
from authdeck.simulator.world import Endpoint, World, refresher, signed_in, token_fields, with_room
from authdeck.simulator.writing import anthropic_messages

MODELS: Final = ("kimi-k3", "kimi-k2.6")
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


def _who(world: World, asked: Asked) -> Account:
    return world.accounts.by_api_key("kimi", asked.key) or signed_in("kimi", "kimi")(world, asked)


def _messages(world: World, asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    with_room(world, account, "kimi")
    said = world.say(asked, account)
    if asked.document.get("stream"):
        return stream_answer(anthropic_messages.events(said), said)
    return json_answer(anthropic_messages.whole(said), said=said)


def _models(_world: World, _asked: Asked, _account: Account | None) -> Answer:
    data = [{"id": name, "object": "model", "context_length": 262_144, "supports_reasoning": True} for name in MODELS]
    return json_answer({"object": "list", "data": data})


def _usages(world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    quota = account.quota.roll(world.clock.now())
    window = {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"}
    limits = [{"window": window, "detail": _share(quota.primary, quota.primary_resets_at)}]
    return json_answer({"usage": _share(quota.secondary, quota.secondary_resets_at), "limits": limits})


def _share(used: float, resets_at: datetime) -> dict[str, Any]:
    return {"limit": "100", "used": f"{used:g}", "remaining": f"{100 - used:g}", "resetTime": rfc3339(resets_at)}


def _device(world: World, asked: Asked, _account: Account | None) -> Answer:
    page = f"{world.url}/kimi-auth/device"
    return json_answer(
        {
            "device_code": world.start_device("kimi", asked),
            "user_code": "FAKE-CODE",
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code=FAKE-CODE",
            "expires_in": 900,
            "interval": 5,
        }
    )


def _token(world: World, asked: Asked, _account: Account | None) -> Answer:
    given = asked.document
    if given.get("grant_type") != DEVICE_GRANT:
        return _tokens(world.accounts.rotate("kimi", str(given.get("refresh_token"))))
    account = world.finish_device("kimi", str(given.get("device_code")))
    world.accounts.sign_in(account)
    return _tokens(account)


def _tokens(account: Account) -> Answer:
    return json_answer(token_fields(account, refresh_token=account.refresh_token, scope="kimi-code"))


ENDPOINTS: Final = (
    Endpoint("POST", r"/kimi/v1/chat/completions", "kimi", chat("kimi"), _who),
    Endpoint("POST", r"/kimi/v1/messages", "kimi", _messages, _who),
    Endpoint("POST", r"/kimi/v1/messages/count_tokens", "kimi", count_tokens, _who),
    Endpoint("GET", r"/kimi/v1/models", "kimi", _models, _who),
    Endpoint("GET", r"/kimi/v1/usages", "kimi", _usages, _who),
    Endpoint("POST", r"/kimi-auth/api/oauth/device_authorization", "kimi_oauth", _device),
    Endpoint("POST", r"/kimi-auth/api/oauth/token", "kimi_oauth", _token, refresher),
)
