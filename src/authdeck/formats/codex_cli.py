"""Codex CLI's ``~/.codex/auth.json``: ``{auth_mode, OPENAI_API_KEY, tokens: {…}, last_refresh}``."""

import json
from collections.abc import Mapping
from typing import Any, Final

from authdeck import fields
from authdeck.account import Kind, Provider
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats.converting import OTHER_PROGRAM, converted

SOURCE: Final = "codex_cli"
_TOKENS: Final = ("id_token", "access_token", "refresh_token", "account_id")


def recognises(document: Mapping[str, Any]) -> bool:
    tokens = document.get("tokens")
    has_tokens = isinstance(tokens, dict) and fields.text(tokens, "access_token", "refresh_token") is not None
    return "type" not in document and ("OPENAI_API_KEY" in document or has_tokens)


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """A ChatGPT sign-in, which Codex CLI goes on refreshing; without tokens the OpenAI key. Or ``field_missing``."""
    del content
    tokens = document.get("tokens")
    if isinstance(tokens, dict) and fields.text(tokens, "access_token", "refresh_token"):
        rest = {name: value for name, value in document.items() if name != "tokens"}
        rest |= {name: value for name, value in tokens.items() if name not in _TOKENS}
        moved = {name: tokens.get(name) for name in _TOKENS}
        notes = ((OTHER_PROGRAM, {"program": "Codex CLI"}),)
        return converted(file_name, SOURCE, Provider.CODEX, Kind.OAUTH, moved=moved, rest=rest, notes=notes)
    if (key := fields.text(document, "OPENAI_API_KEY")) is None:
        raise DeckError("field_missing", field="tokens", fields=["tokens", "OPENAI_API_KEY"])
    rest = {name: value for name, value in document.items() if name not in ("OPENAI_API_KEY", "tokens")}
    return converted(file_name, SOURCE, Provider.CODEX, Kind.API_KEY, moved={"api_key": key}, rest=rest)


CARRIED: Final = frozenset({*_TOKENS, "chatgpt_account_id", "last_refresh", "api_key", "type", "email", "plan_type"})
"""Fields of an auth file that ``write`` keeps; e-mail and plan stand in the id token."""


def write(document: Mapping[str, Any]) -> bytes:
    """An ``auth.json`` of the account (an auth file in canonical spelling). Raises ``export_lacks_token``."""
    key = fields.text(document, "api_key")
    if key is not None and fields.text(document, "access_token") is None:
        return _dumped({"auth_mode": "apikey", "OPENAI_API_KEY": key})
    if fields.text(document, "access_token") is None:
        raise DeckError("export_lacks_token", field="access_token")
    tokens = {name: fields.text(document, name) for name in _TOKENS}
    tokens["account_id"] = fields.text(document, "account_id", "chatgpt_account_id")
    made = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens}
    return _dumped({**made, "last_refresh": document.get("last_refresh")})


def _dumped(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode()
