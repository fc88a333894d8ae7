"""How each provider says no: status, headers and body, by dialect. Shapes from public sources; every text is our own.

A dialect is a provider's way to write errors: ``codex``, ``openai``, ``claude``, ``google``, ``kimi``, ``xai``,
``openai_compatible``, and ``…_oauth`` for their token endpoints.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck.simulator.exchange import Answer, json_answer

CHALLENGE: Final = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>FAKE challenge</body></html>"
)


def refusal(
    dialect: str, status: int, kind: str, now: datetime, *, until: datetime | None = None, plan: str = "plus"
) -> Answer:
    """What the provider answers. ``kind`` is its own word (``usage_limit_reached``); empty picks the usual one.

    ``until`` is when it says it serves again; without one, limits end in an hour. ``kind="challenge"`` is the HTML page
    of a network edge, in any dialect.
    """
    if kind == "challenge":
        return Answer(status, {"content-type": "text/html; charset=UTF-8", "cf-mitigated": "challenge"}, CHALLENGE)
    until = until or now + timedelta(hours=1)
    if dialect.endswith("_oauth"):
        return _oauth(dialect, status, kind)
    return _DIALECTS[dialect](status, kind, now, until, plan)


def _codex(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:
    if status == 429:  # noqa: PLR2004
        error = {
            "type": kind or "usage_limit_reached",
            "message": "The usage limit has been reached",
            "plan_type": plan,
            "resets_at": int(until.timestamp()),
            "resets_in_seconds": max(0, int((until - now).total_seconds())),
        }
        is_limit = error["type"] == "usage_limit_reached"
        return json_answer({"error": error}, 429, {"x-codex-rate-limit-reached-type": "primary"} if is_limit else {})
    if status == 401:  # noqa: PLR2004
        texts = {
            "token_expired": "Provided authentication token is expired.",
            "token_revoked": "Encountered invalidated oauth token for user, failing request",
        }
        code = {"token_invalid": "token_invalidated"}.get(kind, kind or "token_invalidated")
        error = {"message": texts.get(code, "Your authentication token has been invalidated."), "code": code}
        return json_answer({"error": error, "status": 401}, 401, {"x-openai-authorization-error": code})
    return _openai(status, kind or {503: "server_is_overloaded"}.get(status, ""), now, until, plan)


def _openai(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:  # noqa: ARG001
    usual = {
        400: ("invalid_request_error", "invalid_request", "The request was not understood."),
        401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        403: ("invalid_request_error", "unsupported_country_region_territory", "This is not available to you."),
        404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
        429: ("requests", "rate_limit_exceeded", "Rate limit reached."),
    }
    error_type, code, message = usual.get(status, ("server_error", "server_error", "The server had an error."))
    headers = {"retry-after": str(max(1, int((until - now).total_seconds())))} if status == 429 else {}  # noqa: PLR2004
    if kind == "insufficient_quota":
        error_type, message, headers = kind, "You exceeded your current quota.", {}
    error = {"message": message, "type": error_type, "param": None, "code": kind or code}
    return json_answer({"error": error}, status, headers)


def _claude(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:  # noqa: ARG001
    usual = {
        400: ("invalid_request_error", "The request was not understood."),
        401: ("authentication_error", "OAuth access token is invalid."),
        403: ("permission_error", "Your account does not have permission."),
        404: ("not_found_error", "model: not found"),
        429: ("rate_limit_error", "This request would exceed your account's rate limit."),
        529: ("overloaded_error", "Overloaded"),
    }
    words = {
        "token_expired": "OAuth token has expired.",
        "token_revoked": "OAuth access token has been revoked",
        "oauth_beta_missing": "OAuth authentication is currently not supported.",
        "version_missing": "anthropic-version: header is required",
        "key_invalid": "invalid x-api-key",
    }
    error_type, message = usual.get(status, ("api_error", "Internal server error"))
    headers = {"request-id": "req_FAKE"}
    if status == 429:  # noqa: PLR2004
        reset = str(int(until.timestamp()))
        headers |= {
            "retry-after": str(max(1, int((until - now).total_seconds()))),
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": reset,
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-unified-5h-status": "rejected",
            "anthropic-ratelimit-unified-5h-reset": reset,
            "anthropic-ratelimit-unified-5h-utilization": "1.0",
        }
    error = {"type": error_type, "message": words.get(kind, message)}
    return json_answer({"type": "error", "error": error, "request_id": "req_FAKE"}, status, headers)


def _google(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:  # noqa: ARG001
    usual = {
        400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        403: ("PERMISSION_DENIED", "The caller does not have permission."),
        404: ("NOT_FOUND", "The model is not found."),
        429: ("RESOURCE_EXHAUSTED", "You have exhausted your capacity on this model."),
        503: ("UNAVAILABLE", "The service is currently unavailable."),
    }
    name, message = usual.get(status, ("INTERNAL", "Internal error encountered."))
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    if status == 429:  # noqa: PLR2004
        error["details"] = [
            _detail("ErrorInfo", reason=kind or "RATE_LIMIT_EXCEEDED", domain="cloudcode-pa.googleapis.com"),
            _detail("RetryInfo", retryDelay=f"{max(1, int((until - now).total_seconds()))}s"),
        ]
    elif kind:
        error["details"] = [_detail("ErrorInfo", reason=kind, domain="googleapis.com")]
    return json_answer({"error": error}, status)


def _detail(name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{name}", **fields}


def _kimi(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:  # noqa: ARG001
    usual = {
        401: ("invalid_authentication_error", "Invalid Authentication"),
        403: ("permission_denied_error", "This is not available to you."),
        404: ("resource_not_found_error", "Not found the model or permission denied"),
        429: ("exceeded_current_quota_error", "You have reached the limit of your plan."),
    }
    error_type, message = usual.get(status, ("server_error", "The server had an error."))
    return json_answer({"error": {"message": message, "type": kind or error_type}}, status)


def _xai(status: int, kind: str, now: datetime, until: datetime, plan: str) -> Answer:  # noqa: ARG001
    usual = {
        401: ("unauthenticated:bad-credentials", "The credentials were not accepted."),
        403: ("permission-denied", "The caller does not have permission."),
        404: ("not-found", "The model does not exist."),
        429: ("subscription:free-usage-exhausted", "Free usage is used up: tokens (actual/limit): 1000000/1000000"),
    }
    code, message = usual.get(status, ("internal-error", "The server had an error."))
    return json_answer({"code": kind or code, "error": message}, status)


def _oauth(dialect: str, status: int, kind: str) -> Answer:
    """A token endpoint's refusal: OpenAI names the reason with 401, the others answer ``invalid_grant`` (RFC 6749)."""
    if status >= 500:  # noqa: PLR2004
        return json_answer({"error": kind or "server_error"}, status)
    if dialect == "codex_oauth":
        code = kind or "refresh_token_invalidated"
        error = {"message": f"The refresh token was refused: {code}.", "type": "invalid_request_error", "code": code}
        return json_answer({"error": error}, status)
    if status == 429:  # noqa: PLR2004
        return json_answer({"error": "rate_limited"}, 429, {"retry-after": "30"})
    answered = 401 if dialect == "kimi_oauth" else 400
    return json_answer({"error": "invalid_grant", "error_description": kind or "The grant is not valid."}, answered)


_DIALECTS: Final[Mapping[str, Callable[[int, str, datetime, datetime, str], Answer]]] = {
    "codex": _codex,
    "openai": _openai,
    "openai_compatible": _openai,
    "claude": _claude,
    "google": _google,
    "kimi": _kimi,
    "xai": _xai,
}
