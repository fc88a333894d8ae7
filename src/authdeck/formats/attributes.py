"""Settings that a file carries beside its credential: lifted out, each by its own rule. A bad one costs itself only."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authdeck import account_fields
from authdeck.account import AccountSettings, SecretSettings
from authdeck.account_fields import MAX_WEIGHT
from authdeck.errors import DeckError
from authdeck.secret import Secret

Note = tuple[str, Mapping[str, Any]]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_PREFIX_IN_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_PREFIX: Final = 200


@dataclass(slots=True)
class Lifted:
    """What was found. ``notes`` are ``setting_ignored(setting, problem)`` and the like, never with the value itself."""

    settings: AccountSettings
    secret_settings: SecretSettings
    disabled: bool
    notes: list[Note] = field(default_factory=list)


def lift(document: Mapping[str, Any]) -> Lifted:
    """Read every setting of a document in canonical spelling. Never raises: what can't be used is noted."""
    notes: list[Note] = []
    values: dict[str, Any] = {}
    for name, rule in _RULES.items():
        given = document.get(name)
        if given is None or (isinstance(given, str) and not given.strip()):
            continue
        try:
            values[name] = rule(name, given)
        except DeckError as error:
            notes.append(("setting_ignored", {"setting": name, "problem": error.params.get("problem", error.code)}))
    disabled = values.pop("disabled", False)
    prefix = values.get("prefix")
    if prefix is not None and not _PREFIX_IN_PATH.fullmatch(prefix):
        notes.append(("prefix_by_model_only", {"prefix": prefix}))
    proxy = values.pop("proxy_url", None)
    headers = _headers(document.get("headers"), notes)
    given_settings = {name: value for name, value in values.items() if value is not None}
    return Lifted(AccountSettings(**given_settings), SecretSettings(proxy, headers), disabled, notes)


def _weight(name: str, value: Any) -> int:
    """As CLIProxyAPI: at most a million, nothing below zero. A fraction or text never costs the account."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return max(0, account_fields.integer(name, value, -(10**12), MAX_WEIGHT))


def _priority(name: str, value: Any) -> int:
    return account_fields.integer(name, value, -1_000_000, 1_000_000)


def _prefix(name: str, value: Any) -> str:
    """Without spaces and slashes around it; one with a slash inside was never a prefix to CLIProxyAPI either."""
    trimmed = account_fields.text(name, value).strip("/").strip()
    if not trimmed or "/" in trimmed or len(trimmed) > _MAX_PREFIX:
        raise DeckError("field_invalid", field=name, problem="prefix")
    return trimmed


def _request_retry(name: str, value: Any) -> int | None:
    """Negative means unset."""
    retries = account_fields.integer(name, value, -(10**12), 100)
    return None if retries < 0 else retries


def _boolean(name: str, value: Any) -> bool:
    """JSON's own, "true"/"false" and "1"/"0", and numbers."""
    if isinstance(value, str) and value.strip() in ("1", "0"):
        return value.strip() == "1"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value != 0
    return account_fields.boolean(name, value)


def _headers(given: Any, notes: list[Note]) -> dict[str, Secret]:
    """Header by header: one that may not be set is noted by name and left out."""
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        notes.append(("setting_ignored", {"setting": "headers", "problem": "not_header_map"}))
        return {}
    kept: dict[str, Secret] = {}
    for name, value in given.items():
        try:
            kept |= account_fields.headers("headers", {name: value})
        except DeckError as error:
            notes.append(("header_ignored", {"header": name[:128], "problem": error.params["problem"]}))
    return kept


_RULES: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "disabled": _boolean,
    "note": account_fields.text,
    "priority": _priority,
    "weight": _weight,
    "project_id": account_fields.text,
    "prefix": _prefix,
    "excluded_models": account_fields.models,
    "model_aliases": account_fields.aliases,
    "disable_cooling": _boolean,
    "request_retry": _request_retry,
    "websockets": _boolean,
    "using_api": _boolean,
    "request_scoped_errors": account_fields.error_rules,
    "proxy_url": account_fields.proxy_url,
}
