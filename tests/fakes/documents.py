"""One real document of each format, and of each provider's own files, with every token a fake."""

import json
from typing import Any, Final

from fakes.auth_files import codex, jwt

_AUTH: Final = {"chatgpt_account_id": "acc-1", "chatgpt_user_id": "user-ann", "chatgpt_plan_type": "plus"}
_ID: Final = jwt({"email": "ann@example.com", "exp": 1_796_000_000, "https://api.openai.com/auth": _AUTH})
_ACCESS: Final = jwt({"iat": 1_795_000_000, "exp": 1_796_000_000, "sub": "user-ann"})
_DATES: Final = {"expired": "2026-12-01T10:00:00Z", "last_refresh": "2026-11-22T10:00:00Z"}
_SETTINGS: Final = {
    "note": "team A", "priority": 10, "weight": "3", "prefix": "team", "proxy_url": "socks5://127.0.0.1:1080",
    "headers": {"X-Foo": "1"}, "excluded_models": ["gpt-5-*"], "request-retry": 2, "websockets": "true",
    "model_aliases": [{"name": "gpt-5", "alias": "five", "fork": True}], "disable-cooling": False,
    "request_scoped_errors": [{"status": 400, "match": ["policy"], "action": "stop"}],
}  # fmt: skip
_TOKENS: Final = {"access_token": _ACCESS, "refresh_token": "rt_FAKE", **_DATES}
_SERVICE_ACCOUNT: Final = {
    "type": "service_account", "project_id": "fake-proj", "private_key_id": "FAKE", "client_id": "1",
    "private_key": "-----BEGIN PRIVATE KEY-----\nFAKE\n-----END PRIVATE KEY-----\n",
    "client_email": "sa@fake-proj.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip
_SUB2API: Final = {
    "name": "ann", "platform": "openai", "type": "oauth", "status": "active", "expires_at": 1_796_000_000,
    "credentials": {
        "access_token": _ACCESS, "refresh_token": "rt_FAKE", "id_token": _ID, "email": "ann@example.com",
        "chatgpt_account_id": "acc-1", "plan_type": "Team", "chatgpt_user_id": "user-ann",
    },
}  # fmt: skip

DOCUMENTS: Final[dict[str, list[Any]]] = {
    "cliproxyapi": [
        json.loads(codex(**_SETTINGS)),
        {
            "type": "claude", "id_token": "", "email": "ann@example.com", "account_uuid": "aaaaaaaa-FAKE",
            "organization_uuid": "bbbbbbbb-FAKE", "organization_name": "O", "claude_device_ids": ["0" * 64], **_TOKENS,
        },
        {
            "type": "antigravity", "access_token": "ya29.FAKE", "refresh_token": "1//FAKE", "expires_in": 3599,
            "timestamp": 1_787_392_800_000, "expired": "2026-08-22 11:00:00", "project_id": "fake-1", "email": "a@b.c",
        },
        {
            "type": "kimi", "token_type": "Bearer", "scope": "FAKE", "device_id": "00000000-FAKE",
            "timestamp": 1_787_392_800_000, **_TOKENS,
        },
        {
            "type": "xai", "auth_kind": "oauth", "id_token": _ID, "token_type": "Bearer", "expires_in": 21600,
            "email": "ann@example.com", "sub": "FAKE", "base_url": "https://api.x.ai/v1", "using_api": True, **_TOKENS,
        },
        {"type": "vertex", "project_id": "fake-proj", "location": "global", "service_account": _SERVICE_ACCOUNT},
    ],
    "chatgpt_session": [
        {
            "user": {"id": "user-ann", "email": "ann@example.com", "name": "Ann"}, "accessToken": _ACCESS,
            "account": {"id": "acc-1", "planType": "plus"}, "sessionToken": "st_FAKE",
            "expires": "2026-12-01T00:00:00Z",
        },
        {"session": {"tokens": {"access_token": _ACCESS}, "profile": {"account": {"chatgpt_account_id": "acc-1"}}}},
        [{"user": {"email": "ann@example.com"}}, {"accessToken": _ACCESS}],
    ],
    "sub2api": [
        {"exported_at": "2026-11-01T00:00:00Z", "proxies": [], "accounts": [_SUB2API, {**_SUB2API, "name": "bob"}]},
        {"data": {"accounts": [_SUB2API]}},
        [_SUB2API],
        _SUB2API,
    ],
    "codex_cli": [
        {
            "auth_mode": "chatgpt", "OPENAI_API_KEY": None, "last_refresh": "2026-11-22T10:00:00Z",
            "tokens": {"id_token": _ID, "access_token": _ACCESS, "refresh_token": "rt_FAKE", "account_id": "acc-1"},
        },
        {"OPENAI_API_KEY": "sk-FAKE"},
    ],
    "claude_code": [
        {
            "claudeAiOauth": {
                "accessToken": "sk-ant-oat01-FAKE", "refreshToken": "sk-ant-ort01-FAKE", "expiresAt": 1_796_000_000_000,
                "scopes": ["user:inference"], "subscriptionType": "max",
            },
        },
    ],
    "service_account": [{**_SERVICE_ACCOUNT, "location": "europe-west4"}],
    "api_key": [
        {
            "type": "openai_compatible", "api_key": "sk-FAKE", "base_url": "https://api.example.com/v1",
            "models": ["m-1", {"name": "m-2", "alias": "two"}],
        },
        {"type": "gemini", "api-key": "AIzaFAKE", "label": "Ann"},
        {"type": "claude", "api_key": "sk-ant-FAKE", **_SETTINGS},
    ],
}  # fmt: skip
"""By the source that reads them."""

TOKEN_ANSWERS: Final[list[Any]] = [
    {
        "access_token": _ACCESS,
        "refresh_token": "rt_FAKE_2",
        "id_token": _ID,
        "expires_in": 3600,
        "token_type": "Bearer",
    },
    {"access_token": "at_FAKE", "expires_in": "28800", "account": {"uuid": "u"}, "organization": {"uuid": "o"}},
    {"error": "invalid_grant", "error_description": "FAKE"},
    {"error": {"message": "FAKE", "type": "invalid_request_error", "code": "refresh_token_reused"}},
    {"detail": {"code": "token_expired"}},
]
"""What token endpoints answer, good and bad."""


def seeds(*sources: str) -> list[bytes]:
    """The documents of these sources, or of all, as files."""
    chosen = sources or tuple(DOCUMENTS)
    return [
        json.dumps(document, indent=place % 3 or None).encode()
        for source in chosen
        for place, document in enumerate(DOCUMENTS[source])
    ]
