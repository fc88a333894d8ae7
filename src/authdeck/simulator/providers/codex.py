"""ChatGPT's Codex backend and its sign-in: rotating refresh tokens, usage windows in headers."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import FIVE_HOURS, WEEK, Account
from authdeck.simulator.exchange import Answer, Asked, Refused, json_answer, stream_answer
from authdeck.simulator.world import (
    Endpoint,
    World,
    authorize,
    pkce_challenge,
    refresher,
    signed_in,
    token_fields,
    with_room,
)
from authdeck.simulator.writing import openai_responses

MODELS: Final = ("gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.5", "gpt-5.4-mini")
_API: Final = "/backend-api"
_AUTH: Final = "/codex-auth"
_FIVE_HOURS: Final = 300
_WEEK: Final = 10_080
_CREDITS: Final = rf"{_API}/wham/rate-limit-reset-credits"


def _who(world: World, asked: Asked) -> Account:
    """The access token's account, if ``chatgpt-account-id`` names its workspace."""
    account = signed_in("codex", "codex")(world, asked)
    if asked.headers.get("chatgpt-account-id") != account.organization:
        raise world.refused("codex", 400, "chatgpt_account_id_mismatch")
    return account


def _responses(world: World, asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    with_room(world, account, "codex")
    said = world.say(asked, account)
    if asked.document.get("stream"):
        return stream_answer(openai_responses.events(said), said).with_headers(quota_headers(account))
    return json_answer(openai_responses.whole(said), headers=quota_headers(account), said=said)


def compact(world: World, asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    said = world.say(asked, account)
    return json_answer({"object": "response.compaction", "output": openai_responses.whole(said)["output"]})


def quota_headers(account: Account) -> dict[str, str]:
    quota = account.quota
    return {
        "x-codex-plan-type": account.plan,
        "x-codex-active-limit": "codex",
        "x-codex-credits-has-credits": "False",
        "x-codex-credits-unlimited": "False",
        "x-codex-credits-balance": "",
        "x-codex-primary-used-percent": f"{quota.primary:g}",
        "x-codex-primary-window-minutes": str(_FIVE_HOURS),
        "x-codex-primary-reset-at": str(int(quota.primary_resets_at.timestamp())),
        "x-codex-secondary-used-percent": f"{quota.secondary:g}",
        "x-codex-secondary-window-minutes": str(_WEEK),
        "x-codex-secondary-reset-at": str(int(quota.secondary_resets_at.timestamp())),
        "x-request-id": "req_FAKE",
    }


def _models(_world: World, _asked: Asked, _account: Account | None) -> Answer:
    return json_answer({"models": [{"slug": name, "display_name": name} for name in MODELS]})


def _usage(world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    now = world.clock.now()
    quota = account.quota.roll(now)
    reached = quota.is_reached(now)
    limit = {
        "allowed": not reached,
        "limit_reached": reached,
        "primary_window": _window(quota.primary, quota.primary_resets_at, _FIVE_HOURS, now),
        "secondary_window": _window(quota.secondary, quota.secondary_resets_at, _WEEK, now),
    }
    credit = {"has_credits": False, "unlimited": False, "balance": "0"}
    resets = {"available_count": len(_usable(account, now))}
    usage = {"plan_type": account.plan, "rate_limit": limit, "credits": credit, "rate_limit_reset_credits": resets}
    return json_answer(usage)


def _usable(account: Account, now: datetime) -> list[datetime]:
    return [end for end in account.reset_credits if end > now]


def _reset_credits(world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    listed = [
        {"reset_type": "codex_rate_limits", "status": "available", "expires_at": rfc3339(end)}
        for end in _usable(account, world.clock.now())
    ]
    return json_answer({"credits": listed})


def _consume(world: World, asked: Asked, account: Account | None) -> Answer:
    """Both windows begin anew. The same request id counts once."""
    assert account is not None
    now, request_id = world.clock.now(), str(asked.document.get("redeem_request_id") or "")
    if request_id in account.redeemed:
        return json_answer({"redeemed": True})
    if not request_id or not _usable(account, now):
        return json_answer({"detail": "No reset credit is available."}, 409)
    account.redeemed[request_id] = account.reset_credits.pop(0)
    account.quota.primary, account.quota.primary_resets_at = 0, now + FIVE_HOURS
    account.quota.secondary, account.quota.secondary_resets_at = 0, now + WEEK
    return json_answer({"redeemed": True})


def _window(used: float, resets_at: datetime, minutes: int, now: datetime) -> dict[str, Any]:
    return {
        "used_percent": int(used),
        "limit_window_seconds": minutes * 60,
        "reset_after_seconds": max(0, int((resets_at - now).total_seconds())),
        "reset_at": int(resets_at.timestamp()),
    }


def _check(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    listed = {
        "account_id": account.organization,
        "plan_type": account.plan,
        "workspace_backend_origin": "https://chatgpt.example",
        "account_routing_override": "NO_CONSTRAINT",
    }
    return json_answer({"accounts": [listed], "account_ordering": [account.organization]})


def _settings(_world: World, _asked: Asked, _account: Account | None) -> Answer:
    return json_answer({"settings": {}})


def _token(world: World, asked: Asked, _account: Account | None) -> Answer:
    given = asked.document
    if given.get("grant_type") == "authorization_code":
        account = world.redeem("codex", given)
    else:
        account = world.accounts.rotate("codex", str(given.get("refresh_token")))
    return json_answer(token_fields(account, refresh_token=account.refresh_token, id_token=account.id_token))


def _device_code(world: World, asked: Asked, _account: Account | None) -> Answer:
    device = world.start_device("codex", asked)
    return json_answer({"device_auth_id": device, "user_code": "FAKE-CODE", "interval": "5"})


def _device_token(world: World, asked: Asked, _account: Account | None) -> Answer:
    """403 while nobody signed in; then a code with the verifier that redeems it."""
    try:
        account = world.finish_device("codex", str(asked.document.get("device_auth_id")))
    except Refused as refused:
        raise Refused(replace(refused.answer, status=403)) from None
    verifier = f"verifier_FAKE_{world.number()}"
    code = world.authorization_code(account, pkce_challenge(verifier), f"{world.url}{_AUTH}/deviceauth/callback")
    return json_answer({"authorization_code": code, "code_verifier": verifier})


ENDPOINTS: Final = (
    Endpoint("POST", rf"{_API}/codex/responses", "codex", _responses, _who),
    Endpoint("POST", rf"{_API}/codex/responses/compact", "codex", compact, _who),
    Endpoint("GET", rf"{_API}/codex/models", "codex", _models, _who),
    Endpoint("GET", rf"{_API}/wham/usage", "codex", _usage, _who),
    Endpoint("GET", _CREDITS, "codex", _reset_credits, _who),
    Endpoint("POST", f"{_CREDITS}/consume", "codex", _consume, _who),
    Endpoint("GET", rf"{_API}/wham/accounts/check", "codex", _check, _who),
    Endpoint("GET", rf"{_API}/wham/settings/user", "codex", _settings, _who),
    Endpoint("POST", rf"{_AUTH}/oauth/token", "codex_oauth", _token, refresher),
    Endpoint("GET", rf"{_AUTH}/oauth/authorize", "codex_oauth", authorize("codex")),
    Endpoint("POST", rf"{_AUTH}/api/accounts/deviceauth/usercode", "codex_oauth", _device_code),
    Endpoint("POST", rf"{_AUTH}/api/accounts/deviceauth/token", "codex_oauth", _device_token),
)
