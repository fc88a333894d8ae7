"""Vertex AI: a service account trades a signed assertion for an access token; its project is part of the path."""

from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, json_answer
from authdeck.simulator.providers.gemini import ACTION, generate, keyed
from authdeck.simulator.tokens import claims_of
from authdeck.simulator.world import Endpoint, World, signed_in, token_fields

ASSERTION: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _who(world: World, asked: Asked) -> Account:
    account = signed_in("vertex", "google")(world, asked)
    if asked.named["project"] != account.project_id:
        raise world.refused("google", 403, "IAM_PERMISSION_DENIED")
    return account


def signer(world: World, asked: Asked) -> Account:
    """The service account whose key signed the assertion; refused when the signature or the times are wrong."""
    assertion = str(asked.document.get("assertion") or "")
    try:
        account = world.accounts.by_identity("vertex", str(claims_of(assertion).get("iss")))
        if account is None or account.signing_key is None or account.revoked:
            raise world.refused("vertex_oauth", 400, "account not found")
        _check_times(jwt.decode(assertion, account.signing_key, algorithms=["RS256"]).claims, world)
    except (JoseError, ValueError, IndexError):
        raise world.refused("vertex_oauth", 400, "Invalid JWT Signature.") from None
    return account


def _check_times(claims: dict[str, Any], world: World) -> None:
    now = world.clock.now().timestamp()
    if not claims["iat"] - 60 <= now < claims["exp"] <= claims["iat"] + 3600:
        raise world.refused("vertex_oauth", 400, "Invalid JWT: times")


def token(world: World, _asked: Asked, account: Account | None) -> Answer:
    assert account is not None
    world.accounts.issue(account)
    return json_answer(token_fields(account))


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        rf"/vertex/v1/projects/(?P<project>[^/]+)/locations/[^/]+/publishers/google/models/{ACTION}",
        "google",
        generate,
        _who,
    ),
    Endpoint("POST", rf"/vertex/v1/publishers/google/models/{ACTION}", "google", generate, keyed("vertex")),
)
