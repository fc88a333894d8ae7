"""Sub2API's export: ``{exported_at, proxies, accounts: […]}``, ``{data: {accounts}}``, a bare array, or one account.

Only its OpenAI sign-ins are taken; what else it holds is named, account by account. ``write`` makes such a bundle.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind, Provider
from authdeck.clock import rfc3339
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats.converting import converted

SOURCE: Final = "sub2api"
MAX_RECORDS: Final = 5_000

_MOVED: Final[Mapping[str, tuple[str, ...]]] = {
    "access_token": ("access_token", "accessToken"),
    "refresh_token": ("refresh_token", "refreshToken"),
    "id_token": ("id_token", "idToken"),
    "client_id": ("client_id", "clientId"),
    "email": ("email", "email_address"),
    "account_id": ("chatgpt_account_id", "account_id"),
    "chatgpt_user_id": ("chatgpt_user_id", "user_id"),
    "plan_type": ("plan_type", "chatgpt_plan_type"),
    "organization_id": ("organization_id", "org_id", "poid"),
}
_OF_RECORD: Final = frozenset({"credentials", "platform", "type", "status", "disabled", "expires_at", "name"})
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9@._+-]+")


def recognises(document: Mapping[str, Any]) -> bool:
    """A bundle in one of its wrappings, or a single account of one."""
    return is_account(document) or _bundled(document) is not None


def is_account(document: Any) -> bool:
    """One account of a bundle: it says its platform, and keeps its credentials apart."""
    is_object = isinstance(document, dict)
    return is_object and isinstance(document.get("platform"), str) and isinstance(document.get("credentials"), dict)


def accounts(value: Any) -> list[Any] | None:
    """The accounts inside, whatever the wrapping; ``None`` for what is no bundle."""
    if isinstance(value, list):
        is_bundle = bool(value) and any(map(is_account, value)) and all(isinstance(item, dict) for item in value)
        return value if is_bundle else None
    if not isinstance(value, dict):
        return None
    return [value] if is_account(value) else _bundled(value)


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """One account.

    Raises ``sub2api_not_openai`` for what is no OpenAI sign-in, and ``sub2api_token_missing``, both naming the account.
    """
    del content
    name = fields.text(document, "name") or "?"
    platform, kind = fields.text(document, "platform"), fields.text(document, "type")
    if (platform or "").lower() != "openai" or (kind or "").lower() != "oauth":
        raise DeckError(
            "sub2api_not_openai", account=name[:200], platform=(platform or "?")[:64], type=(kind or "?")[:64]
        )
    credentials = document.get("credentials")
    held: Mapping[str, Any] = credentials if isinstance(credentials, dict) else {}
    moved: dict[str, Any] = {ours: fields.text(held, *theirs) for ours, theirs in _MOVED.items()}
    if moved["access_token"] is None and moved["refresh_token"] is None:
        raise DeckError("sub2api_token_missing", account=name[:200])
    moved["chatgpt_account_id"], moved["chatgpt_plan_type"] = moved["account_id"], moved["plan_type"]
    moved["name"] = fields.text(document, "name")
    end = fields.moment(held.get("expires_at")) or fields.moment(document.get("expires_at"))
    moved["expired"] = rfc3339(end) if end else None
    if is_switched_off(document):
        moved["disabled"] = True
    draft = converted(file_name, SOURCE, Provider.CODEX, Kind.OAUTH, moved=moved, rest=_rest(document, held))
    return replace(draft, notes=draft.notes if moved["refresh_token"] else (("no_refresh_token", {}), *draft.notes))


def is_switched_off(document: Mapping[str, Any]) -> bool:
    status = fields.text(document, "status")
    return document.get("disabled") is True or (status is not None and status.lower() != "active")


def file_name(document: Mapping[str, Any], bundle: str, number: int, count: int) -> str:
    """What the account's own file is called: ``codex-{8 of its id}-{e-mail}-{plan}.json``, else after the bundle."""
    credentials = document.get("credentials")
    held: Mapping[str, Any] = credentials if isinstance(credentials, dict) else {}
    account, email = fields.text(held, *_MOVED["account_id"]), fields.text(held, *_MOVED["email"])
    if account is None and email is None:
        stem = bundle[: -len(".json")] if bundle.lower().endswith(".json") else bundle
        return f"{stem}.json" if count == 1 else f"{stem}-{number}.json"
    plan = re.sub(r"[^a-z0-9]+", "-", (fields.text(held, *_MOVED["plan_type"]) or "").lower()).strip("-")
    digest = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:8] if account else ""
    parts = ("codex", digest, _NOT_IN_NAMES.sub("-", email or "")[:100], plan[:32])
    return "-".join(part for part in parts if part) + ".json"


def write(documents: Sequence[Mapping[str, Any]], disabled: Sequence[bool], at: datetime) -> bytes:
    """A bundle of the Codex sign-ins in ``documents`` (auth files in canonical spelling)."""
    bundle = {
        "exported_at": rfc3339(at),
        "proxies": [],
        "accounts": [_account(document, off) for document, off in zip(documents, disabled, strict=True)],
    }
    return json.dumps(bundle, ensure_ascii=False, indent=2).encode()


CARRIED: Final = frozenset({*_MOVED, "chatgpt_account_id", "chatgpt_plan_type", "name", "expired", "disabled", "type"})
"""Fields of an auth file that a bundle has a place for."""


def _account(document: Mapping[str, Any], disabled: bool) -> dict[str, Any]:
    credentials = {theirs[0]: document.get(ours) for ours, theirs in _MOVED.items() if document.get(ours)}
    account = fields.text(document, "account_id", "chatgpt_account_id")
    plan = fields.text(document, "plan_type", "chatgpt_plan_type")
    credentials |= {"chatgpt_account_id": account} if account else {}
    credentials |= {"plan_type": plan} if plan else {}
    if (end := fields.expiry(document)) is not None:
        credentials["expires_at"] = rfc3339(end)
    return {
        "name": fields.text(document, "name", "email", "account_id") or "codex",
        "platform": "openai",
        "type": "oauth",
        "status": "inactive" if disabled else "active",
        "credentials": credentials,
        "extra": {},
    }


def _bundled(document: Mapping[str, Any]) -> list[Any] | None:
    inside = document.get("data")
    if isinstance(inside, dict) and isinstance(inside.get("accounts"), list) and "type" not in document:
        return list(inside["accounts"])
    listed = document.get("accounts")
    is_bundle = isinstance(listed, list) and ("exported_at" in document or "proxies" in document)
    return list(listed) if is_bundle and isinstance(listed, list) else None


def _rest(document: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """What has no place of its own in an auth file, under its own name: nothing is thrown away."""
    taken = {name for names in _MOVED.values() for name in names} | {"expires_at"}
    rest = {name: value for name, value in document.items() if name not in _OF_RECORD and value not in ({}, [], None)}
    return rest | {name: value for name, value in held.items() if name not in taken}
