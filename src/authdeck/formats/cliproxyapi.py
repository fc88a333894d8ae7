"""CLIProxyAPI's auth files: one flat JSON object a file, told apart by ``type``; and the indexes it gives them."""

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from authdeck import fields
from authdeck.account import ADDED, AccountSettings, ErrorRule, Kind, ModelAlias, Provider, SecretSettings
from authdeck.credential import Draft
from authdeck.errors import DeckError
from authdeck.formats import id_tokens
from authdeck.formats.attributes import lift
from authdeck.formats.document import canonical, opened, patch

SOURCE: Final = "cliproxyapi"

TYPES: Final[Mapping[str, Provider]] = {
    "codex": Provider.CODEX,
    "claude": Provider.CLAUDE,
    "antigravity": Provider.ANTIGRAVITY,
    "kimi": Provider.KIMI,
    "xai": Provider.XAI,
    "vertex": Provider.VERTEX,
    **{provider.value: provider for provider in ADDED},
}
_RUNTIME_TYPES: Final = frozenset({"gemini", "gemini-cli", "aistudio", "qwen", "iflow", "empty", "unknown"})
"""Types that it knows and does not serve from files, or not any more."""


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether the document names a type of its own files. (A ``gemini`` key file is an ``api_key`` one.)"""
    return type_of(document) in TYPES


def read(file_name: str, content: bytes, document: Mapping[str, Any]) -> Draft:
    """The account of one file. Raises ``type_missing``, ``type_unknown(type)`` and ``id_token_unsafe``."""
    found = canonical(document)
    said = type_of(found)
    if said is None:
        raise DeckError("type_missing", known=sorted(TYPES))
    if said not in TYPES:
        code = "type_not_supported" if said in _RUNTIME_TYPES else "type_unknown"
        raise DeckError(code, type=said[:64], known=sorted(TYPES))
    if id_tokens.is_unsafe(found):
        raise DeckError(id_tokens.UNSAFE)
    lifted = lift(found)
    settings = lifted.settings
    if settings.project_id is None and (project := _project(found)) is not None:
        settings = replace(settings, project_id=project)
    return Draft(
        provider=TYPES[said],
        kind=kind_of(found),
        file_name=file_name,
        source=SOURCE,
        content=content,
        document=found,
        settings=settings,
        secret_settings=lifted.secret_settings,
        disabled=lifted.disabled,
        notes=(*lifted.notes, *_date_notes(found)),
    )


def write(
    content: bytes,
    settings: AccountSettings,
    secret_settings: SecretSettings,
    *,
    label: str | None = None,
    disabled: bool,
) -> bytes:
    """The auth file with the account's settings in it: the same bytes where they say nothing else than the file does.

    ``label`` is one that a person gave; ``None`` leaves the file's. Fields that nobody knows stay where they are.
    """
    found = opened(content)
    said = lift(found)
    told = said.settings if said.settings.project_id else replace(said.settings, project_id=_project(found))
    changes: dict[str, Any] = {
        name: _spelled(value)
        for name in AccountSettings.__dataclass_fields__
        if (value := getattr(settings, name)) != getattr(told, name)
    }
    if secret_settings.proxy_url != said.secret_settings.proxy_url:
        changes["proxy_url"] = secret_settings.proxy_url.open() if secret_settings.proxy_url else ""
    if dict(secret_settings.headers) != dict(said.secret_settings.headers):
        changes["headers"] = {name: value.open() for name, value in secret_settings.headers.items()}
    if label is not None and label != (fields.text(found, "label", "name") or ""):
        changes["label"] = label
    if disabled != said.disabled:
        changes["disabled"] = disabled
    return patch(content, changes) if changes else content


def _spelled(value: Any) -> Any:
    """As its files have it; what is unset is null, which clears what the file said."""
    if isinstance(value, tuple):
        return [_member(each) for each in value]
    return value


def _member(value: Any) -> Any:
    if isinstance(value, ModelAlias):
        return {"name": value.model, "alias": value.alias, "fork": value.keep_original}
    if isinstance(value, ErrorRule):
        lists = {"match": list(value.match), "match-regexr": list(value.match_regexr)}
        return {"status": value.status, **{name: kept for name, kept in lists.items() if kept}, "action": value.action}
    return value


def type_of(document: Mapping[str, Any]) -> str | None:
    """Its type in lower case. Raises ``field_invalid`` for one that is not a text."""
    said = document.get("type")
    if said is not None and not isinstance(said, str):
        raise DeckError("field_invalid", field="type", problem="not_text")
    return said.strip().lower() or None if said else None


def kind_of(document: Mapping[str, Any]) -> Kind:
    """A first guess, which the provider's own ``kind_of`` settles."""
    if isinstance(document.get("service_account"), dict):
        return Kind.SERVICE_ACCOUNT
    has_token = fields.text(document, "access_token", "refresh_token") is not None
    return Kind.API_KEY if fields.text(document, "api_key") and not has_token else Kind.OAUTH


def cliproxy_index(auth_dir: str, file_name: str, type: str) -> str:  # noqa: A002 - the field's name
    """The index that CLIProxyAPI gives to a file in this folder, by the folder's absolute path as *it* saw it.

    Source: its ``indexSeed``: the first 8 bytes of SHA-256 over ``{type}:{absolute cleaned path}``.
    """
    path = posixpath.normpath(f"{auth_dir.rstrip('/')}/{file_name}")
    return _index(f"{type.strip().lower()}:{path}")


def cliproxy_key_index(tag: str, base_url: str, api_key: str) -> str:
    """The index it gives to a key of its configuration; ``tag`` as in ``gemini-api-key``, ``openai-compatibility``."""
    return _index(f"{tag}:{base_url}+{api_key}")


def _index(seed: str) -> str:
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _project(document: Mapping[str, Any]) -> str | None:
    """Vertex files say ``project`` too, or say it inside the key only."""
    account = document.get("service_account")
    inside = fields.text(account, "project_id") if isinstance(account, dict) else None
    return fields.text(document, "project_id", "project") or inside


def _date_notes(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """An expiry that no rule can read is said so: the account then counts as one of unknown expiry."""
    names = [name for name in fields.EXPIRY_KEYS if document.get(name)]
    if not names or fields.expiry(document) is not None:
        return []
    return [("date_ignored", {"field": names[0]})]
