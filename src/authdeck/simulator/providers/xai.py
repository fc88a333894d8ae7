"""xAI: responses and chat completions by OAuth sign-in or API key; discovery, device flow, billing."""

from typing import Final

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import WEEK, Account
from authdeck.simulator.exchange import Answer, Asked, json_answer
from authdeck.simulator.providers.codex import compact
from authdeck.simulator.providers.kimi import DEVICE_GRANT
from authdeck.simulator.providers.openai import chat, listed, responses
from authdeck.simulator.world import Endpoint, World, authorize, refresher, signed_in, token_fields

MODELS: Final = {"grok-4.6": "xai", "grok-4.5": "xai"}


def _who(world: World, asked: Asked) -> Account:
    return world.accounts.by_api_key("xai", asked.bearer) or signed_in("xai", "xai")(world, asked)


def _me(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    return json_answer({"user_id": account.subject, "team_id": account.organization, "team_blocked": False})


def _billing(world: World, asked: Asked, account: Account | None) -> Answer:
    """With ``format=credits`` the week's share, else the month's money in cents."""
    assert account is not None
    quota = account.quota.roll(world.clock.now())
    end = quota.secondary_resets_at
    if asked.query.get("format") != "credits":
        money = {"monthlyLimit": {"val": 3000}, "used": {"val": 750}, "onDemandCap": {"val": 0}}
        return json_answer({"config": {**money, "billingPeriodEnd": rfc3339(end + WEEK)}})
    period = {"type": "USAGE_PERIOD_TYPE_WEEKLY", "start": rfc3339(end - WEEK), "end": rfc3339(end)}
    share = {"creditUsagePercent": quota.secondary} if quota.secondary else {}
    return json_answer({"config": {"currentPeriod": period, **share}})


def _discovery(world: World, _asked: Asked, _account: Account | None) -> Answer:
    issuer = f"{world.url}/xai-auth"
    return json_answer(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth2/authorize",
            "token_endpoint": f"{issuer}/oauth2/token",
            "device_authorization_endpoint": f"{issuer}/oauth2/device/code",
        }
    )


def _device(world: World, asked: Asked, _account: Account | None) -> Answer:
    return json_answer(
        {
            "device_code": world.start_device("xai", asked),
            "user_code": "FAKE-CODE",
            "verification_uri": f"{world.url}/xai-auth/device",
            "expires_in": 1800,
            "interval": 5,
        }
    )


def _token(world: World, asked: Asked, _account: Account | None) -> Answer:
    given = asked.document
    grant = given.get("grant_type")
    if grant == "refresh_token":
        return _tokens(world.accounts.rotate("xai", str(given.get("refresh_token"))))
    if grant == "authorization_code":
        return _tokens(world.redeem("xai", given))
    if grant != DEVICE_GRANT:
        return json_answer({"error": "unsupported_grant_type"}, 400)
    account = world.finish_device("xai", str(given.get("device_code")))
    world.accounts.sign_in(account)
    return _tokens(account)


def _tokens(account: Account) -> Answer:
    return json_answer(token_fields(account, refresh_token=account.refresh_token, id_token=account.id_token))


ENDPOINTS: Final = (
    Endpoint("POST", r"/xai/v1/responses", "xai", responses("xai"), _who),
    Endpoint("POST", r"/xai/v1/responses/compact", "xai", compact, _who),
    Endpoint("POST", r"/xai/v1/chat/completions", "xai", chat("xai"), _who),
    Endpoint("GET", r"/xai/v1/models", "xai", listed(MODELS), _who),
    Endpoint("GET", r"/xai/v1/me", "xai", _me, _who),
    Endpoint("GET", r"/xai/v1/billing", "xai", _billing, _who),
    Endpoint("GET", r"/xai-auth/\.well-known/openid-configuration", "xai_oauth", _discovery),
    Endpoint("GET", r"/xai-auth/oauth2/authorize", "xai_oauth", authorize("xai")),
    Endpoint("POST", r"/xai-auth/oauth2/device/code", "xai_oauth", _device),
    Endpoint("POST", r"/xai-auth/oauth2/token", "xai_oauth", _token, refresher),
)
