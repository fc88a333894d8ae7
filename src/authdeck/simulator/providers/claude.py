"""Anthropic: messages by OAuth sign-in or API key, token endpoint, usage, profile."""

from datetime import datetime
from typing import Any, Final

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer, stream_answer
from authdeck.simulator.world import (
    Endpoint,
    World,
    authorize,
    refresher,
    signed_in,
    token_fields,
    with_room,
)
from authdeck.simulator.writing import anthropic_messages

MODELS: Final = ("claude-opus-5", "claude-sonnet-5", "claude-fable-5")
OAUTH_BETA: Final = "oauth-2025-04-20"


def _who(world: World, asked: Asked) -> Account:
    """An API key (``x-api-key``, or as bearer), else an OAuth token, which also needs the OAuth beta."""
    if account := world.accounts.by_api_key("claude", asked.key):
        return account
    if not asked.bearer or asked.bearer.startswith("sk-ant-api"):
        raise world.refused("claude", 401, "key_invalid")
    account = signed_in("claude", "claude")(world, asked)
    if OAUTH_BETA not in asked.headers.get("anthropic-beta", ""):
        raise world.refused("claude", 401, "oauth_beta_missing")
    return account


def _caller(world: World, asked: Asked) -> Account:
    account = _who(world, asked)
    if not asked.headers.get("anthropic-version"):
        raise world.refused("claude", 400, "version_missing")
    return account


def _messages(world: World, asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    with_room(world, account, "claude")
    said = world.say(asked, account)
    headers = quota_headers(account) if account.kind == "oauth" else {"request-id": "req_FAKE"}
    if asked.document.get("stream"):
        return stream_answer(anthropic_messages.events(said), said).with_headers(headers)
    return json_answer(anthropic_messages.whole(said), headers=headers, said=said)


def quota_headers(account: Account) -> dict[str, str]:
    quota, start = account.quota, "anthropic-ratelimit-unified"
    return {
        "request-id": "req_FAKE",
        f"{start}-status": "allowed",
        f"{start}-representative-claim": "five_hour",
        f"{start}-reset": str(int(quota.primary_resets_at.timestamp())),
        f"{start}-overage-status": "rejected",
        f"{start}-overage-disabled-reason": "org_level_disabled",
        f"{start}-5h-status": "allowed",
        f"{start}-5h-utilization": f"{quota.primary / 100:g}",
        f"{start}-5h-reset": str(int(quota.primary_resets_at.timestamp())),
        f"{start}-7d-status": "allowed",
        f"{start}-7d-utilization": f"{quota.secondary / 100:g}",
        f"{start}-7d-reset": str(int(quota.secondary_resets_at.timestamp())),
    }


def count_tokens(world: World, asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    return json_answer({"input_tokens": world.say(asked, account).input})


def _models(_world: World, _asked: Asked, _account: Account | None) -> Answer:
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-09-01T00:00:00Z"} for name in MODELS
    ]
    return json_answer({"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})


def _usage(world: World, _asked: Asked, account: Account | None) -> Answer:
    """Plans above pro have a week of their own for the largest model."""
    assert account is not None
    quota = account.quota.roll(world.clock.now())
    week = _window(quota.secondary, quota.secondary_resets_at)
    windows = {
        "five_hour": _window(quota.primary, quota.primary_resets_at),
        "seven_day": week,
        "seven_day_opus": week if account.plan == "max" else None,
        "seven_day_sonnet": None,
    }
    extra = {"is_enabled": account.plan == "max", "monthly_limit": 5000, "used_credits": 0, "utilization": None}
    return json_answer({**windows, "extra_usage": extra})


def _window(used: float, resets_at: datetime) -> dict[str, Any]:
    return {"utilization": used, "resets_at": rfc3339(resets_at.replace(microsecond=0))}


def _profile(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    return json_answer(
        {
            "account": {
                "uuid": account.subject,
                "email": account.identity,
                "has_claude_max": account.plan == "max",
                "has_claude_pro": account.plan == "pro",
            },
            "organization": {"uuid": account.organization, "name": f"{account.name}'s organisation"},
        }
    )


def _token(world: World, asked: Asked, _account: Account | None) -> Answer:
    given = asked.document
    if given.get("grant_type") == "authorization_code":
        account = world.redeem("claude", given)
    else:
        account = world.accounts.rotate("claude", str(given.get("refresh_token")))
    return json_answer(
        token_fields(
            account,
            refresh_token=account.refresh_token,
            scope="user:profile user:inference",
            account={"uuid": account.subject, "email_address": account.identity},
            organization={"uuid": account.organization, "name": f"{account.name}'s organisation"},
        )
    )


ENDPOINTS: Final = (
    Endpoint("POST", r"/claude/v1/messages", "claude", _messages, _caller),
    Endpoint("POST", r"/claude/v1/messages/count_tokens", "claude", count_tokens, _caller),
    Endpoint("GET", r"/claude/v1/models", "claude", _models, _caller),
    Endpoint("GET", r"/claude/api/oauth/usage", "claude", _usage, _who),
    Endpoint("GET", r"/claude/api/oauth/profile", "claude", _profile, _who),
    Endpoint("POST", r"/claude/v1/oauth/token", "claude_oauth", _token, refresher),
    Endpoint("GET", r"/claude/oauth/authorize", "claude_oauth", authorize("claude")),
)
