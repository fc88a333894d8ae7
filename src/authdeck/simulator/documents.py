"""The auth files of fictional accounts, in CLIProxyAPI's form (one flat JSON object with a ``type``)."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from authdeck.clock import rfc3339
from authdeck.simulator.accounts import Account


def auth_file(account: Account, url: str, extra: Mapping[str, Any] | None = None) -> tuple[str, bytes]:
    """File name and content. ``url`` is the simulator's origin, ``extra`` are settings (``note``, ``priority``, …)."""
    document = {**_document(account, url), **(extra or {})}
    return _file_name(account), json.dumps(document, indent=2, ensure_ascii=False).encode()


def _document(account: Account, url: str) -> dict[str, Any]:
    if account.kind == "api_key":
        return _api_key(account, url)
    if account.provider == "vertex":
        return _vertex(account, url)
    return {"type": account.provider, **_tokens(account), **_OWN[account.provider](account)}


def _tokens(account: Account) -> dict[str, Any]:
    return {
        "access_token": account.access_token,
        "refresh_token": account.refresh_token,
        "expired": _whole(account.expires_at),
        "last_refresh": _whole(account.issued_at),
        "disabled": False,
    }


def _codex(account: Account) -> dict[str, Any]:
    return {"id_token": account.id_token, "account_id": account.organization, "email": account.identity}


def _claude(account: Account) -> dict[str, Any]:
    return {
        "id_token": "",
        "email": account.identity,
        "account_uuid": account.subject,
        "organization_uuid": account.organization,
        "organization_name": f"{account.name}'s organisation",
        "claude_device_ids": [hashlib.sha256(account.identity.encode()).hexdigest()],
    }


def _antigravity(account: Account) -> dict[str, Any]:
    return {
        "email": account.identity,
        "project_id": account.project_id,
        "expires_in": _seconds(account),
        "timestamp": int(account.issued_at.timestamp() * 1000),
    }


def _kimi(account: Account) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "scope": "kimi-code",
        "device_id": account.subject,
        "timestamp": int(account.issued_at.timestamp() * 1000),
    }


def _xai(account: Account) -> dict[str, Any]:
    return {
        "auth_kind": "oauth",
        "id_token": account.id_token,
        "token_type": "Bearer",
        "expires_in": _seconds(account),
        "email": account.identity,
        "sub": account.subject,
    }


def _vertex(account: Account, url: str) -> dict[str, Any]:
    assert account.signing_key is not None
    return {
        "type": "vertex",
        "project_id": account.project_id,
        "email": account.identity,
        "location": "global",
        "service_account": {
            "type": "service_account",
            "project_id": account.project_id,
            "private_key_id": "FAKE",
            "private_key": account.signing_key.as_pem(private=True).decode(),
            "client_email": account.identity,
            "client_id": account.subject,
            "token_uri": f"{url}/google/token",
        },
    }


def _api_key(account: Account, url: str) -> dict[str, Any]:
    document = {"type": account.provider, "api_key": account.api_key, "label": account.identity}
    if account.provider == "openai_compatible":
        document["base_url"] = f"{url}/compatible/v1"
    return document


_OWN = {"codex": _codex, "claude": _claude, "antigravity": _antigravity, "kimi": _kimi, "xai": _xai}


def _file_name(account: Account) -> str:
    if account.kind == "api_key":
        return f"{account.provider}-key-{_safe(account.identity)}.json"
    names = {
        "codex": f"codex-{_hash(account.organization)}-{account.identity}-{account.plan}.json",
        "kimi": f"kimi-{int(account.issued_at.timestamp() * 1000) + int(account.subject[:4], 16)}.json",
        "vertex": f"vertex-{account.project_id}.json",
    }
    return names.get(account.provider, f"{account.provider}-{account.identity}.json")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9@._-]", "-", text)


def _seconds(account: Account) -> int:
    return int((account.expires_at - account.issued_at).total_seconds())


def _whole(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))
