"""Fields of an account that a person edits: one rule each, used by API, command line, forms and imports alike. Pure.

``FIELDS`` maps a field's name to its rule: a function from what was given (never ``None``, which clears) to the value
kept. A rule raises ``DeckError('field_invalid', field=…, problem=…)``; the problem's code has a sentence that says the
rule and the way out.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from authdeck import request_errors
from authdeck.account import AccountSettings, ErrorAction, ErrorRule, ModelAlias, RefreshBy
from authdeck.errors import DeckError
from authdeck.secret import Secret

MAX_WEIGHT: Final = 1_000_000
MAX_TEXT: Final = 2_000
MAX_RULES: Final = 50
MAX_PATTERN: Final = 500
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})
FORBIDDEN_HEADERS: Final = frozenset({"authorization", "host", "cookie", "content-length", "transfer-encoding"})


def text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(field, "not_text")
    if len(value) > MAX_TEXT:
        raise _invalid(field, "too_long", limit=MAX_TEXT)
    if _CONTROL.search(value):
        raise _invalid(field, "control_character")
    return value.strip()


def integer(field: str, value: Any, low: int = -1_000_000, high: int = 1_000_000) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _invalid(field, "not_integer", low=low, high=high)
    return value


def boolean(field: str, value: Any) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise _invalid(field, "not_boolean")
    return value


def prefix(field: str, value: Any) -> str:
    name = text(field, value)
    if not _PREFIX.fullmatch(name):
        raise _invalid(field, "prefix")
    return name


def models(field: str, value: Any) -> tuple[str, ...]:
    """Patterns with ``*``, from a list or a text with commas or lines between them: lower-case, sorted, each once."""
    given = re.split(r"[,\n]", value) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        raise _invalid(field, "not_text_list")
    return tuple(sorted({item.strip().lower() for item in given if item.strip()}))


def aliases(field: str, value: Any) -> tuple[ModelAlias, ...]:
    """``[{name, alias, fork?}]`` as CLIProxyAPI writes them, or ``[{model, alias, keep_original?}]``."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise _invalid(field, "not_alias_list")
    found = [_alias(field, item) for item in value]
    if len({alias.alias.lower() for alias in found}) != len(found):
        raise _invalid(field, "alias_twice")
    return tuple(found)


def _alias(field: str, item: Mapping[str, Any]) -> ModelAlias:
    model, alias = item.get("model", item.get("name")), item.get("alias")
    if not isinstance(model, str) or not isinstance(alias, str) or not model.strip() or not alias.strip():
        raise _invalid(field, "not_alias_list")
    if model.strip().lower() == alias.strip().lower():
        raise _invalid(field, "alias_same")
    keep = item.get("keep_original", item.get("fork", True))
    return ModelAlias(model.strip(), alias.strip(), keep is not False)


def error_rules(field: str, value: Any) -> tuple[ErrorRule, ...]:
    """``[{status, match?, match-regexr?, action}]``, CLIProxyAPI's spelling; ``match_regexr`` is taken too."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise _invalid(field, "not_error_rules")
    if len(value) > MAX_RULES:
        raise _invalid(field, "too_many_rules", limit=MAX_RULES)
    return tuple(_error_rule(field, item) for item in value)


def _error_rule(field: str, item: Mapping[str, Any]) -> ErrorRule:
    try:
        status = integer(field, item.get("status"), 100, 599)
        action = ErrorAction(str(item.get("action")))
    except (DeckError, ValueError):
        raise _invalid(field, "not_error_rules") from None
    patterns = _phrases(field, item.get("match-regexr", item.get("match_regexr")))
    for pattern in patterns:
        if not request_errors.is_pattern(pattern):
            raise _invalid(field, "pattern_refused", pattern=pattern)
    return ErrorRule(status, _phrases(field, item.get("match")), patterns, action)


def _phrases(field: str, value: Any) -> tuple[str, ...]:
    given = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) and item for item in given):
        raise _invalid(field, "not_error_rules")
    if len(given) > MAX_RULES or any(len(item) > MAX_PATTERN for item in given):
        raise _invalid(field, "too_many_rules", limit=MAX_RULES)
    return tuple(given)


def proxy_url(field: str, value: Any) -> Secret:
    """An ``http``, ``https``, ``socks5`` or ``socks5h`` URL; ``direct`` or ``none`` goes out without a proxy."""
    url = text(field, value)
    if url.lower() in {"direct", "none"}:
        return Secret("direct")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in _PROXY_SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise _invalid(field, "proxy_url")
    return Secret(url)


def proxy_display(url: Secret) -> str:
    """Scheme, host and port: what may be shown."""
    opened = url.open()
    if opened == "direct":
        return opened
    parts = urlsplit(opened)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def headers(field: str, value: Any) -> dict[str, Secret]:
    """Names to values. What carries the credential or frames the request can't be set; ``$`` copies nothing."""
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for pair in value.items() for item in pair):
        raise _invalid(field, "not_header_map")
    kept: dict[str, Secret] = {}
    for name, content in value.items():
        if not name.strip() or not content.strip():
            continue
        if not _HEADER_NAME.fullmatch(name.strip()) or name.strip().lower() in FORBIDDEN_HEADERS:
            raise _invalid(field, "header_forbidden", header=name)
        if content.startswith("$") or any(character in content for character in "\r\n\0"):
            raise _invalid(field, "header_value", header=name)
        kept[name.strip()] = Secret(content.strip())
    return kept


def header_changes(field: str, value: Any) -> dict[str, Secret | None]:
    """Headers to set, and those to take away (``None`` or blank); headers that are not named stay as they are."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _invalid(field, "not_header_map")
    gone = {name.strip() for name, content in value.items() if content is None or content == ""}
    kept = headers(field, {name: content for name, content in value.items() if name.strip() not in gone})
    return {**kept, **dict.fromkeys(gone)}


def refresh_by(field: str, value: Any) -> RefreshBy:
    try:
        return RefreshBy(value)
    except ValueError:
        raise _invalid(field, "refresh_by") from None


Rule = Callable[[str, Any], Any]

FIELDS: Final[Mapping[str, Rule]] = {
    "note": text,
    "label": text,
    "priority": integer,
    "weight": lambda field, value: integer(field, value, 0, MAX_WEIGHT),
    "project_id": text,
    "prefix": prefix,
    "excluded_models": models,
    "model_aliases": aliases,
    "disable_cooling": boolean,
    "request_retry": lambda field, value: integer(field, value, 0, 100),
    "websockets": boolean,
    "using_api": boolean,
    "request_scoped_errors": error_rules,
    "refresh_by": refresh_by,
    "proxy_url": proxy_url,
    "headers": header_changes,
}
NOT_OURS: Final = frozenset(
    {"cloak_mode", "cloak_strict_mode", "cloak_sensitive_words", "cloak_cache_user_id", "tool_prefix_disabled"}
)
"""Fields of other programs that make one client look like another. In a file they stay where they are, unread."""

SECRET_FIELDS: Final = frozenset({"proxy_url", "headers"})

_DEFAULTS: Final = AccountSettings()
_CLEARED: Final[Mapping[str, Any]] = {"label": "", "refresh_by": RefreshBy.AUTHDECK, "proxy_url": None, "headers": {}}


def read(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Check a merge patch: ``None`` clears a field to its default, what is absent stays.

    Headers are a patch of their own: ``{}`` names none, so that all stay.

    Raises ``DeckError('field_unknown')``, ``DeckError('field_not_ours')`` and
    ``DeckError('field_invalid')`` for the first field at fault.
    """
    kept: dict[str, Any] = {}
    for field, value in changes.items():
        if field in NOT_OURS:
            raise DeckError("field_not_ours", status=422, field=field)
        if field not in FIELDS:
            raise DeckError("field_unknown", field=field, known=sorted([*FIELDS, "file_name"]))
        if field == "headers" and value == {}:
            continue  # as cleared they would read the same
        kept[field] = cleared(field) if value is None or value == "" else FIELDS[field](field, value)
    return kept


def cleared(field: str) -> Any:
    """The value of a field that nobody set."""
    return _CLEARED[field] if field in _CLEARED else getattr(_DEFAULTS, field)


def _invalid(field: str, problem: str, **params: Any) -> DeckError:
    return DeckError("field_invalid", status=422, field=field, problem=problem, **params)
