"""Antigravity (Code Assist): the Gemini protocol in an envelope, Google's token endpoint, quota by bucket."""

from typing import Any, Final

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer, stream_answer
from authdeck.simulator.providers import vertex
from authdeck.simulator.world import (
    CLIENT_ID,
    CLIENT_SECRET,
    Endpoint,
    World,
    authorize,
    refresher,
    signed_in,
    token_fields,
    with_room,
)
from authdeck.simulator.writing import gemini_generate

MODELS: Final = ("gemini-3-pro-preview", "claude-sonnet-5-thinking")
_API: Final = "/antigravity/v1internal:"

_who = signed_in("antigravity", "google")


def _generate(world: World, asked: Asked, account: Account | None) -> Answer:
    """The envelope names the account's own project; answers are wrapped too."""
    assert account is not None
    if asked.document.get("project") != account.project_id:
        raise world.refused("google", 403, "CONSUMER_INVALID")
    with_room(world, account, "google")
    said, action = world.say(asked, account), asked.named["action"]
    if action == "countTokens":
        return json_answer({"totalTokens": said.input})
    if action == "streamGenerateContent" and asked.query.get("alt") == "sse":
        return stream_answer(gemini_generate.events(said, wrapped=True), said)
    return json_answer(gemini_generate.wrap(gemini_generate.whole(said), said), said=said)


def _assist(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    if not account.project_id:
        return json_answer({"allowedTiers": [{"id": "standard-tier"}, {"id": "free-tier", "isDefault": True}]})
    tier = {"id": "g1-pro-tier", "name": "Pro"} if account.plan == "pro" else {"id": "free-tier", "name": "Free"}
    return json_answer({"cloudaicompanionProject": account.project_id, "currentTier": tier})


def _onboard(world: World, asked: Asked, account: Account | None) -> Answer:
    """The project is there when it is asked for the second time."""
    assert account is not None
    if asked.document.get("tierId") != "free-tier":
        raise world.refused("google", 400)
    if account.identity not in world.onboarding:
        world.onboarding.add(account.identity)
        return json_answer({"name": "operations/FAKE", "done": False})
    account.project_id = f"fake-project-{account.name}"
    return json_answer({"done": True, "response": {"cloudaicompanionProject": {"id": account.project_id}}})


def _quota(world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    quota = account.quota.roll(world.clock.now())
    buckets = [
        _bucket("5h", quota.primary, rfc3339(quota.primary_resets_at)),
        _bucket("weekly", quota.secondary, rfc3339(quota.secondary_resets_at)),
    ]
    return json_answer({"groups": [{"groupId": "gemini", "displayName": "Gemini", "buckets": buckets}]})


def _bucket(window: str, used: float, resets_at: str) -> dict[str, Any]:
    return {
        "bucketId": f"gemini-{window}",
        "window": window,
        "displayName": window,
        "remainingFraction": round(1 - used / 100, 4),
        "resetTime": resets_at,
    }


def _models(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    quota = {"remainingFraction": round(1 - account.quota.primary / 100, 4)}
    return json_answer({"models": {name: {"displayName": name, "quotaInfo": quota} for name in MODELS}})


def _google_account(world: World, asked: Asked) -> Account | None:
    """Google's one token endpoint serves service accounts and people."""
    if asked.document.get("grant_type") == vertex.ASSERTION:
        return vertex.signer(world, asked)
    return refresher(world, asked)


def _token(world: World, asked: Asked, account: Account | None) -> Answer:
    """Refresh tokens of Google don't rotate: the answer names none."""
    given = asked.document
    if given.get("grant_type") == vertex.ASSERTION:
        return vertex.token(world, asked, account)
    if (given.get("client_id"), given.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        return json_answer({"error": "invalid_client", "error_description": "Unauthorized"}, 401)
    if given.get("grant_type") == "authorization_code":
        account = world.redeem("antigravity", given)
        return json_answer(token_fields(account, refresh_token=account.refresh_token))
    return json_answer(token_fields(world.accounts.rotate("antigravity", str(given.get("refresh_token")))))


def _userinfo(_world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    return json_answer({"id": account.subject, "email": account.identity, "verified_email": True})


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        rf"{_API}(?P<action>generateContent|streamGenerateContent|countTokens)",
        "google",
        _generate,
        _who,
    ),
    Endpoint("POST", rf"{_API}loadCodeAssist", "google", _assist, _who),
    Endpoint("POST", rf"{_API}onboardUser", "google", _onboard, _who),
    Endpoint("POST", rf"{_API}retrieveUserQuotaSummary", "google", _quota, _who),
    Endpoint("POST", rf"{_API}fetchAvailableModels", "google", _models, _who),
    Endpoint("GET", r"/google/authorize", "antigravity_oauth", authorize("antigravity")),
    Endpoint("POST", r"/google/token", "antigravity_oauth", _token, _google_account),
    Endpoint("GET", r"/google/userinfo", "google", _userinfo, _who),
)
